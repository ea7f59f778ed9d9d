"""How often a network is wrong, in two lines: what its ``metrics.json`` says of pictures as the web has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DELIVERY = "web"
_SHARES = ("fake_called_fake", "fake_called_real", "real_called_fake", "inconclusive")


def figures(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """The two lines, or none where nothing was measured at that delivery.

    A share is ``[value, low, high]`` in [0, 1] with its 95 % interval; docs/protocol.md says of what it is one.

    >>> shares = {"fake_called_fake": [0.31, 0.27, 0.36], "fake_called_real": [0.04, 0.02, 0.06],
    ...           "real_called_fake": [0.012, 0.005, 0.028], "inconclusive": [0.68, 0.65, 0.71]}
    >>> for line in figures({"headline": {"web": shares}}):
    ...     print(line)
    Of 100 AI pictures as a web site delivers them, this network names 31 (27 to 36) and calls 4 (2 to 6) real.
    Of 100 real ones it calls 1 (0 to 3) AI; of 100 of both kinds it leaves 68 (65 to 71) open.
    """
    measured = at_web(metrics, *_SHARES)
    if measured is None:
        return ()
    named, missed, accused, left = (_of_a_hundred(*share) for share in measured)
    return (
        f"Of 100 AI pictures as a web site delivers them, this network names {named} and calls {missed} real.",
        f"Of 100 real ones it calls {accused} AI; of 100 of both kinds it leaves {left} open.",
    )


def at_web(metrics: Mapping[str, Any], *shares: str) -> list[tuple[float, float, float]] | None:
    """These shares with their intervals, or None where one of them was not measured at that delivery."""
    try:
        found = [tuple(map(float, metrics["headline"][DELIVERY][share])) for share in shares]
        return [(value, low, high) for value, low, high in found]
    except (KeyError, TypeError, ValueError):
        return None


def _of_a_hundred(value: float, low: float, high: float) -> str:
    return f"{100 * value:.0f} ({100 * low:.0f} to {100 * high:.0f})"
