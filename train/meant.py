"""What a key that nobody knows may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(key: str, known: Iterable[str]) -> str:
    """The known key that is most alike, or all of them, as the end of a sentence on ``key``.

    >>> did_you_mean("epoch", ["epochs", "batch"])
    "did you mean 'epochs'?"
    >>> did_you_mean("zzz", ["epochs", "batch"])
    'the keys are epochs, batch'
    """
    names = list(known)
    near = get_close_matches(key, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(names)}"
