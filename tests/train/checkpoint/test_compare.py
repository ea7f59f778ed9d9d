"""When a checkpoint may take another one's place."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from train.checkpoint.compare import headline, reason_to_keep

METRICS: dict[str, Any] = {
    "protocol": {"name": "unfake/1", "paired": ["game"], "calibrated_on": ["pexels", "game"]},
    "headline": {"web": {"auc": [0.8, 0.7, 0.9]}},
    "sources": {"pexels": {"web": {"real": 50, "fake": 0}}, "game": {"web": {"real": 60, "fake": 60}}},
}


def metrics(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(METRICS) | changes


def with_auc(auc: float) -> dict[str, Any]:
    return metrics(headline={"web": {"auc": [auc, auc - 0.1, auc + 0.1]}})


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"headline": None},
        {"headline": {"web": {}}},
        {"headline": {"web": {"auc": None}}},
        {"headline": {"web": {"auc": []}}},
        {"headline": {"web": {"auc": 0.9}}},
        {"headline": {"web": {"auc": [True]}}},
        {"headline": {"web": {"auc": ["0.9"]}}},
        {"headline": {"web": {"auc": [float("nan")]}}},
        {"headline": {"web": {"auc": [9.0]}}},
    ],
)
def test_a_figure_that_is_none_is_unknown(broken: dict[str, Any]) -> None:
    assert headline(broken) is None


def test_better_and_equal_ones_may_replace() -> None:
    assert headline(METRICS) == 0.8
    assert reason_to_keep(with_auc(0.7), METRICS) is None
    assert reason_to_keep(with_auc(0.8), METRICS) is None


def test_a_worse_one_may_not() -> None:
    assert reason_to_keep(with_auc(0.9), METRICS) == "the one there is better: AUC 0.900 against 0.800"


@pytest.mark.parametrize(
    ("there", "ours", "whose"),
    [({}, METRICS, "the one there"), (METRICS, {}, "this one"), ({}, {}, "either")],
)
def test_nothing_is_guessed_without_a_figure(there: dict[str, Any], ours: dict[str, Any], whose: str) -> None:
    reason = reason_to_keep(there, ours)
    assert reason is not None
    assert reason.endswith(f"no headline AUC for {whose}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("protocol", METRICS["protocol"] | {"name": "unfake/2"}),
        ("protocol", METRICS["protocol"] | {"calibrated_on": ["game"]}),
        ("protocol", None),
        ("sources", {"game": {"web": {"real": 60, "fake": 60}}}),
        ("sources", {**METRICS["sources"], "game": {"web": {"real": 61, "fake": 60}}}),
    ],
)
def test_figures_on_other_pictures_are_not_compared(key: str, value: Any) -> None:
    reason = reason_to_keep(with_auc(0.1), metrics(**{key: value}))
    assert reason == f"the two were not measured on the same pictures ({key} of metrics.json differ)"
