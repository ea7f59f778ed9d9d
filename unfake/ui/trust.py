"""How far to trust the checkpoint that speaks, in counts of a hundred."""

from __future__ import annotations

from dataclasses import dataclass

from unfake.detector.checkpoint import Checkpoint
from unfake.errors import UnfakeError
from unfake.record import at_web
from unfake.services import Services
from unfake.ui.template import render


@dataclass(frozen=True)
class Trust:
    """Of a hundred pictures at a web site's delivery, by networks that had seen none of their sources.

    ``named``: generated ones called AI. ``accused``: real ones called AI. ``missed``: generated ones called real.
    ``decided``: of all, those that get a verdict.
    """

    named: int
    accused: int
    missed: int
    decided: int

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Trust | None:
        """What its ``metrics.json`` says of the delivery *web*, or None where that is not measured."""
        shares = at_web(checkpoint.metrics(), "fake_called_fake", "real_called_fake", "fake_called_real", "decided")
        return None if shares is None else cls(*(round(100 * value) for value, _, _ in shares))


def lines(services: Services) -> str:
    """How far to trust it, as HTML; empty where there is no checkpoint."""
    try:
        checkpoint = services.checkpoint
    except UnfakeError:
        return ""
    return render("trust", trust=Trust.of(checkpoint))
