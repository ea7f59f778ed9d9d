"""Text that can be kept."""

from __future__ import annotations


def storable(text: str) -> str:
    r"""Text that UTF-8 can hold: names of files may have bytes that are none (lone surrogates).

    >>> storable("broken-\udcff.jpg")
    'broken-?.jpg'
    """
    return text.encode(errors="replace").decode()
