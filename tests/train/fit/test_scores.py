from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from train.errors import RunError
from train.fit import history, scores
from train.fit.history import Epoch
from train.fit.scores import Predictions, Scores, by_source, score

LABELS = np.array([0, 0, 0, 1, 1])
PROBABILITIES = np.array([0.1, 0.6, 0.2, 0.9, 0.4])


def test_the_figures_are_those_that_one_counts_by_hand() -> None:
    found = score(LABELS, PROBABILITIES)
    assert (found.pictures, found.real, found.fake) == (5, 3, 2)
    assert found.confusion == ((2, 1), (1, 1))
    assert (found.accuracy, found.precision, found.recall, found.f1) == (0.6, 0.5, 0.5, 0.5)
    assert found.auc == pytest.approx(5 / 6)  # of six pairs of a real and a fake one, one is the wrong way round
    assert found.loss == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.9, 0.4]).mean())


def test_a_probability_of_a_half_counts_as_fake() -> None:
    assert score(np.array([0, 1]), np.array([0.5, 0.5])).confusion == ((0, 1), (0, 1))


def test_figures_that_do_not_exist_are_none() -> None:
    only_real = score(np.zeros(3, dtype=int), np.array([0.1, 0.2, 0.3]))
    assert (only_real.precision, only_real.recall, only_real.f1, only_real.auc) == (None, None, None, None)
    assert only_real.accuracy == 1
    none_called = score(np.array([0, 1]), np.array([0.1, 0.2]))
    assert (none_called.precision, none_called.recall, none_called.auc) == (None, 0, 1)
    with pytest.raises(ValueError, match="no pictures"):
        score(np.zeros(0, dtype=int), np.zeros(0))


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    assert np.isfinite(score(np.array([0, 1]), np.array([1.0, 0.0])).loss)


def test_sources_are_scored_apart() -> None:
    found = by_source(LABELS, PROBABILITIES, ["b", "b", "a", "a", "a"])
    assert list(found) == ["a", "b"]
    assert found["b"].auc is None
    assert found["a"] == score(LABELS[2:], PROBABILITIES[2:])


def test_scores_survive_json() -> None:
    found = score(LABELS, PROBABILITIES)
    assert Scores.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_predictions_survive_the_file(tmp_path: Path) -> None:
    names = ["a,b", 'quo"te', "ü", "", "<b>"]
    saved = Predictions("test", np.array([0, 1, 2, 4, 5]), LABELS, PROBABILITIES / 3, names, ["f" * 64] * 5)
    scores.save([saved, saved], tmp_path / "p.csv")
    (found,) = scores.load(tmp_path / "p.csv")
    assert found.sources == names * 2
    assert found.indices.tolist() == saved.indices.tolist() * 2
    assert found.probabilities.tolist() == saved.probabilities.tolist() * 2
    assert found.labels.tolist() == saved.labels.tolist() * 2


@pytest.mark.parametrize(
    "text", ["", "split,index\nx\n", "split,index,source,label,probability,sha256\na,0,s,maybe,1,\n"]
)
def test_what_holds_no_predictions_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text)
    if not text:
        assert scores.load(tmp_path / "p.csv") == []
        return
    with pytest.raises(RunError, match=r"p\.csv does not hold the predictions"):
        scores.load(tmp_path / "p.csv")


def test_a_history_survives_the_file(tmp_path: Path) -> None:
    epochs = [Epoch(i, 1e-4 / 3, 0.1 + 0.2, 0.5, 1 / 3, 0.5, None, 0.0, None, None, 2) for i in (1, 2)]
    history.save(epochs, tmp_path / "metrics.csv")
    assert history.load(tmp_path / "metrics.csv") == epochs
    assert not (tmp_path / "metrics.tmp").exists()
    (tmp_path / "metrics.csv").write_text("epoch,loss\n1,2\n")
    with pytest.raises(RunError, match=r"metrics\.csv does not hold the epochs"):
        history.load(tmp_path / "metrics.csv")
