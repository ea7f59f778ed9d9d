"""Whether one checkpoint may take the place of another: one figure, and only where both were measured alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Metrics = Mapping[str, Any]


def headline(metrics: Metrics) -> float | None:
    """The figure that checkpoints are compared by: the mean AUC at the delivery "web", 0 to 1; None where unknown.

    It is the first of ``headline.web.auc`` in ``metrics.json`` (value, low, high): over held-out sources, at what a
    web site makes of a picture.
    """
    value: Any = metrics
    for key in ("headline", "web", "auc"):
        value = value.get(key) if isinstance(value, Mapping) else None
    value = value[0] if isinstance(value, list) and value else None
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if known else None


def measured_on(metrics: Metrics) -> dict[str, Any]:
    """What the figure was measured on; figures of checkpoints for which this differs say nothing of each other.

    The protocol, and the sources with their numbers of real and fake pictures.
    """
    sources = metrics.get("sources")
    counts = {}
    for name, deliveries in sources.items() if isinstance(sources, Mapping) else ():
        web = deliveries.get("web") if isinstance(deliveries, Mapping) else None
        counts[name] = (web.get("real"), web.get("fake")) if isinstance(web, Mapping) else None
    return {"protocol": metrics.get("protocol"), "sources": counts}


def reason_to_keep(there: Metrics, ours: Metrics) -> str | None:
    """Why the checkpoint with the metrics ``there`` is not to be replaced by ``ours``, as a clause; None if it may be.

    Without a figure for both, or with figures from different pictures, nothing shows that ours is as good.
    """
    figure_there, figure_ours = headline(there), headline(ours)
    if figure_there is None or figure_ours is None:
        whose = "either" if figure_there is figure_ours else "the one there" if figure_there is None else "this one"
        return f"the two cannot be compared, because metrics.json has no headline AUC for {whose}"
    first, second = measured_on(there), measured_on(ours)
    differing = [key for key in first if first[key] != second[key]]
    if differing:
        return f"the two were not measured on the same pictures ({', '.join(differing)} of metrics.json differ)"
    if figure_there > figure_ours:
        return f"the one there is better: AUC {figure_there:.3f} against {figure_ours:.3f}"
    return None
