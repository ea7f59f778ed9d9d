"""Detectors that others have published, measured on the same pictures and deliveries as ours.

Each runs in an interpreter of its own (see ``requirements.txt``), because they pin other versions than the app does,
and is given the same pixels. Nothing of theirs is kept here: each module holds the few lines that call one.
"""

from __future__ import annotations

PEERS = ("phorensics", "prnu", "sahu65", "unfake")
