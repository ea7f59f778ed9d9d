"""Who a browser is to the app: an opaque key that it makes and keeps itself."""

from __future__ import annotations

import re
import secrets

_KEY = re.compile(r"[A-Za-z0-9_-]{22,64}")

# A frame of another site may have no storage: the key then lasts as long as the page.
OWN_KEY = "(_, __) => window.unfake.key()"


def identify(given: str, kept: bool) -> tuple[str, bool]:
    """The browser's key, or a fresh one where what it sent is none; and whether the browser can keep it.

    >>> identify("A" * 32, True)
    ('AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', True)
    """
    if isinstance(given, str) and _KEY.fullmatch(given):
        return given, kept is True
    return secrets.token_urlsafe(24), False
