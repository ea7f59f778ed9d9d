from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from train.measure import metrics
from train.measure.metrics import Judged
from unfake.detector.calibration import Label


def judged(real: list[float], fake: list[float], labels: list[Label] | None = None) -> Judged:
    probability = np.array([*real, *fake])
    names = [each.value for each in labels] if labels else [Label.INCONCLUSIVE.value] * len(probability)
    return Judged(np.array([False] * len(real) + [True] * len(fake)), probability, np.array(names))


def test_auc_is_that_of_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(3)
    fake, score = rng.random(400) < 0.3, rng.integers(0, 20, 400) / 20
    assert metrics.auc(fake, score) == pytest.approx(roc_auc_score(fake, score))


def test_balanced_accuracy_weighs_both_labels_alike() -> None:
    assert metrics.balanced_accuracy(judged([0.1] * 9 + [0.9], [0.9, 0.2])) == pytest.approx((0.9 + 0.5) / 2)


def test_true_positive_rate_never_exceeds_the_false_alarms_allowed() -> None:
    found = judged([i / 100 for i in range(100)], [0.985, 0.985, 0.995, 0.5])
    # one of the hundred reals (0.99) may lie above; 0.98 is then the highest that must not
    assert metrics.true_positive_rate(found, 0.01) == 0.75
    assert metrics.true_positive_rate(found, 0.0) == 0.25


def test_a_perfectly_calibrated_set_has_no_calibration_error() -> None:
    found = judged([0.25] * 30 + [0.75] * 10, [0.25] * 10 + [0.75] * 30)
    assert metrics.calibration_error(found) == pytest.approx(0.0, abs=1e-12)
    assert metrics.calibration_error(judged([0.95] * 10, [0.95] * 10)) == pytest.approx(0.45)


def test_the_calibration_error_has_ten_bins() -> None:
    # given gaps of +0.005 and -0.405 in neighbouring tenths, which a bin of a fifth would set off against each other
    assert metrics.calibration_error(judged([0.01], [0.19])) == pytest.approx(0.41)


def test_labels_weigh_half_each_in_the_calibration_error() -> None:
    few = judged([0.1] * 5, [0.1] * 5)
    many = judged([0.1] * 500, [0.1] * 5)
    assert metrics.calibration_error(few) == pytest.approx(metrics.calibration_error(many))


def test_of_one_label_all_weigh_alike_in_the_calibration_error() -> None:
    assert metrics.calibration_error(judged([0.3] * 4, [])) == pytest.approx(0.3)


def test_an_interval_holds_its_value_and_narrows_with_more_pictures() -> None:
    rng = np.random.default_rng(0)

    def width(count: int) -> float:
        found = judged(list(rng.beta(2, 4, count)), list(rng.beta(4, 2, count)))
        value, low, high = metrics.interval(found, lambda j: metrics.auc(j.fake, j.probability))
        assert low <= value <= high
        return high - low

    assert width(400) < width(25)


def test_an_interval_is_one_of_95_percent() -> None:
    # given a mean, whose interval is known: 1.96 standard errors to each side
    rng = np.random.default_rng(1)
    found = judged([], list(rng.random(400)))
    error = float(found.probability.std() / np.sqrt(400))
    value, low, high = metrics.interval(found, lambda j: float(j.probability.mean()))
    assert [value - low, high - value] == pytest.approx([1.96 * error] * 2, rel=0.12)
    # and then the mean over sources has the same width where there is one source
    found = judged(list(rng.beta(2, 4, 200)), list(rng.beta(4, 2, 200)))
    _, low, high = metrics.interval(found, lambda j: metrics.auc(j.fake, j.probability))
    _, lowest, highest = metrics.mean_auc([found])
    assert highest - lowest == pytest.approx(high - low, rel=0.12)


def test_shares_have_the_95_percent_interval_of_wilson() -> None:
    # given four pictures of which one is undecided, and one of the others is called what it is not
    labels = [Label.LIKELY_REAL, Label.LIKELY_FAKE, Label.LIKELY_FAKE, Label.INCONCLUSIVE]
    found = judged([0.1, 0.9], [0.9, 0.5], labels)

    def wilson(count: int, of: int) -> list[float]:
        # Wilson 1927: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96
        p, z = count / of, 1.959964
        middle, spread = p + z * z / (2 * of), z * np.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
        return [p, *(float(end / (1 + z * z / of)) for end in (middle - spread, middle + spread))]

    assert metrics.share(found, None, Label.LIKELY_REAL) == pytest.approx(wilson(1, 4), abs=1e-4)
    assert metrics.decided(found) == pytest.approx(wilson(3, 4), abs=1e-4)
    assert metrics.decided_wrongly(found) == pytest.approx(wilson(1, 3), abs=1e-4)
    nothing = judged([0.1], [0.9])
    assert metrics.decided_wrongly(nothing) is None


def test_the_rates_of_false_alarms_are_the_ones_in_the_names() -> None:
    # given fakes of which a third lies above all reals, a third above the highest 1 %, a third above the highest 5 %
    found = metrics.figures(judged([i / 100 for i in range(100)], [0.995, 0.983, 0.945, 0.45]))
    assert found["tpr_at_1_fpr"][0] == 0.5
    assert found["tpr_at_5_fpr"][0] == 0.75


def test_accuracy_is_that_at_a_probability_of_one_half() -> None:
    assert metrics.balanced_accuracy(judged([0.4, 0.49], [0.5, 0.6])) == 1
    assert metrics.balanced_accuracy(judged([0.5], [0.49])) == 0


def test_figures_count_verdicts_by_label() -> None:
    labels = [Label.LIKELY_REAL, Label.LIKELY_FAKE, Label.LIKELY_FAKE, Label.INCONCLUSIVE]
    found = metrics.figures(judged([0.1, 0.9], [0.9, 0.5], labels))
    shares = {k: v[0] for k, v in found.items() if isinstance(v, list)}
    assert (found["real"], found["fake"]) == (2, 2)
    assert shares["real_called_fake"] == shares["real_called_real"] == 0.5
    assert shares["fake_called_fake"] == shares["inconclusive"] * 2 == 0.5
    assert shares["fake_called_real"] == 0
    assert shares["auc"] == 0.625


def test_a_source_of_one_label_has_no_figure_that_needs_both() -> None:
    found = metrics.figures(judged([0.1, 0.2], []))
    assert found["auc"] is found["calibration_error"] is found["fake_called_fake"] is None
    value, low, high = found["real_called_fake"]
    assert (value, low) == (0, 0)
    assert high == pytest.approx(0.6576, abs=1e-3)  # none of two: Wilson's interval, z² / (n + z²)


def test_the_mean_weighs_sources_alike() -> None:
    good, bad = judged([0.1] * 50, [0.9] * 50), judged([0.9], [0.1])
    assert metrics.mean_auc([good, bad])[0] == 0.5


def test_a_gain_is_measured_on_the_same_draws() -> None:
    # given a detector, the same on another scale, and a better one
    rng = np.random.default_rng(0)
    weak = judged(list(rng.normal(0.4, 0.2, 60)), list(rng.normal(0.6, 0.2, 60)))
    scaled = metrics.Judged(weak.fake, weak.probability * 3, weak.label)
    strong = metrics.Judged(weak.fake, weak.probability + 0.1 * weak.fake, weak.label)
    # then its copy gains nothing in any draw, and the better one in all
    assert metrics.mean_auc_gain([scaled], [weak]) == [0, 0, 0]
    value, low, high = metrics.mean_auc_gain([strong], [weak])
    assert 0 < low < value < high
    assert value == pytest.approx(metrics.mean_auc([strong])[0] - metrics.mean_auc([weak])[0], abs=2e-4)
    with pytest.raises(ValueError, match="same pictures"):
        metrics.mean_auc_gain([judged([0.1], [0.9])], [judged([0.1, 0.2], [0.9])])
