"""Calibration on made-up predictions whose truth is known."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from train.errors import RunError
from train.measure import calibrate, metrics
from train.measure.predictions import Prediction, save
from train.measure.protocol import Protocol
from unfake.detector.calibration import Calibration, Label
from unfake.detector.checkpoint import load_folder

PROTOCOL = Protocol(
    name="toy/1",
    folds={"a": ["one", "reals"], "b": ["two"]},
    paired=["one", "two"],
    calibrated_on=["one", "two", "reals"],
    portraits_and_cameras=["reals"],
    local_edits=["edited"],
    false_alarms=0.02,
    misses=0.02,
    asked_false_alarms=0.02,
    asked_misses=0.02,
    most=100,
    seed=0,
)


def predictions(
    source: str, network: str, count: int = 300, labels: str = "real fake", error: float = 0.3
) -> list[Prediction]:
    rng = np.random.default_rng(len(source) + len(network))
    found = []
    for label in labels.split():
        for number, margin in enumerate(rng.normal(1.5 if label == "fake" else -1.5, 1.5, count)):
            for delivery in ("clean", "web", "hard"):
                m = float(margin)
                found.append(Prediction(source, label, delivery, str(number), m, error, m, error, network))
    return found


@pytest.fixture(scope="module")
def measured() -> list[Prediction]:
    return [
        *predictions("one", "net-a"),
        *predictions("reals", "net-a", labels="real"),
        *predictions("two", "net-b"),
    ]


def test_calibration_recovers_the_true_slope(measured: list[Prediction]) -> None:
    # two Gaussians at ±m with deviation s have log odds 2 m x / s²
    found = calibrate.fit(measured)
    assert 1 / found.temperature == pytest.approx(2 * 1.5 / 1.5**2, rel=0.1)
    assert abs(found.bias) < 0.2


def test_a_source_ten_times_as_large_does_not_rule_the_calibration(measured: list[Prediction]) -> None:
    shifted = [replace(p, margin=p.margin + 4) for p in predictions("other", "net-a", 3000)]
    bias = calibrate.fit([*measured, *shifted]).bias
    plain = calibrate.fit(measured).bias
    assert bias < plain
    assert bias / calibrate.fit(shifted).bias < 0.75


def test_a_network_that_is_upside_down_is_refused() -> None:
    wrong = [replace(p, margin=-p.margin) for p in predictions("one", "net-a")]
    with pytest.raises(RunError, match="nothing to calibrate"):
        calibrate.fit(wrong)


def test_thresholds_keep_false_alarms_and_misses_down(measured: list[Prediction]) -> None:
    calibration, limits = calibrate.settle(measured, PROTOCOL, widening=1.0)
    judged = calibrate.judge([p for p in measured if p.delivery == "web"], calibration, limits)
    assert (judged.label[~judged.fake] == Label.LIKELY_FAKE).mean() <= 0.025
    assert (judged.label[judged.fake] == Label.LIKELY_REAL).mean() <= 0.025
    assert (judged.label[judged.fake] == Label.LIKELY_FAKE).mean() > 0.3
    assert limits.widening == 1.0


def test_the_shift_is_how_far_another_format_moves_every_second_picture(measured: list[Prediction]) -> None:
    assert calibrate.settle(measured, PROTOCOL, 0.0)[1].shift == 0  # nothing was read in two formats
    web = [p for p in measured if p.delivery == "web"]
    # when one in ten moves by 3, and the others by 0.1, up or down
    by = [-3, *[0.1, -0.1] * 4, 0.1]
    moved = [replace(p, delivery="webp", margin=p.margin + by[int(p.picture) % 10]) for p in web]
    filled = [replace(p, picture=f"portrait {p.picture}") for p in portraits(300)]
    calibration, limits = calibrate.settle([*measured, *moved, *filled], PROTOCOL, 0.0)
    assert limits.shift == pytest.approx(0.1 / calibration.temperature, abs=0.001)
    assert limits.portrait is not None
    assert limits.portrait.shift == limits.shift
    # and when more than half of them move further
    further = [replace(p, margin=p.margin + 1) if int(p.picture) % 2 else p for p in moved]
    calibration, limits = calibrate.settle([*measured, *further], PROTOCOL, 0.0)
    assert limits.shift == pytest.approx(1.1 / calibration.temperature, abs=0.001)


def portraits(count: int) -> list[Prediction]:
    """As others, but for half a unit to the side of the fakes, and filled by a face."""
    return [replace(p, margin=p.margin + 0.5, face=0.7) for p in predictions("one", "net-a", count)]


def test_portraits_get_thresholds_of_their_own_where_there_are_enough_of_them(measured: list[Prediction]) -> None:
    few = calibrate.LEAST_PORTRAITS - 1
    assert calibrate.settle([*measured, *portraits(few)], PROTOCOL, 0.0)[1].portrait is None
    both = [*measured, *portraits(300)]
    calibration, limits = calibrate.settle(both, PROTOCOL, 0.0)
    assert limits.portrait is not None
    assert limits.portrait.likely_fake > limits.likely_fake
    assert limits.portrait.likely_real > limits.likely_real
    web = [p for p in both if p.delivery == "web"]
    for members in ([p for p in web if p.face], [p for p in web if not p.face]):
        judged = calibrate.judge(members, calibration, limits)
        assert (judged.label[~judged.fake] == Label.LIKELY_FAKE).mean() == pytest.approx(0.02, abs=0.01)
    strict = replace(PROTOCOL, asked_false_alarms_of_portraits=0.005)
    other = calibrate.settle(both, strict, 0.0)[1]
    assert other.portrait is not None
    assert other.portrait.likely_fake > limits.portrait.likely_fake
    assert other.portrait.likely_real == limits.portrait.likely_real
    assert replace(other, portrait=None) == replace(limits, portrait=None)
    sure = calibrate.settle(both, replace(PROTOCOL, asked_misses_of_portraits=0.005), 0.0)[1]
    assert sure.portrait is not None
    assert sure.portrait.likely_real < limits.portrait.likely_real
    assert sure.portrait.likely_fake == limits.portrait.likely_fake
    assert replace(sure, portrait=None) == replace(limits, portrait=None)
    figures = calibrate.kinds(both, PROTOCOL, 0.0)[calibrate.FILLED]["web"]
    assert (figures["real"], figures["fake"]) == (300, 300)


def test_where_labels_part_cleanly_the_thresholds_do_not_cross() -> None:
    clean = [replace(p, margin=9.0 if p.fake else -9.0) for p in predictions("one", "net-a", 40)]
    calibration = calibrate.fit([*clean, *predictions("two", "net-b")])
    limits = calibrate.thresholds(clean, calibration, PROTOCOL, 0.0)
    assert limits.likely_real < limits.likely_fake


def test_a_network_is_judged_by_what_the_others_settled(measured: list[Prediction]) -> None:
    groups = calibrate.crossfit(measured, PROTOCOL, 0.0)
    assert sum(len(members) for members, *_ in groups) == len(measured)
    for members, *settled in groups:
        (network,) = {p.part for p in members}
        others = [p for p in measured if p.part != network]
        assert tuple(settled) == calibrate.settle(others, PROTOCOL, 0.0)


def test_without_folds_the_validation_split_settles_and_the_test_split_is_judged() -> None:
    found = [
        *predictions("one", "validation"),
        *predictions("one", "test", 50),
        *predictions("two", "test", labels="real"),
    ]
    protocol = Protocol.of_splits(found, 300, 0)
    ((members, *settled),) = calibrate.crossfit(found, protocol, 1.0)
    assert {p.part for p in members} == {"test"}
    assert tuple(settled) == calibrate.settle([p for p in found if p.part == "validation"], protocol, 1.0)
    judged = calibrate.judge_all(found, protocol, 1.0)
    assert len(judged["all pictures"]["web"].fake) == 400
    metrics = calibrate.summary(judged, protocol)
    assert metrics["headline"]["web"]["auc"][0] > 0.8
    assert metrics["portraits_and_cameras"] == {}


def test_local_edits_are_never_fitted_on(measured: list[Prediction]) -> None:
    edits = predictions("edited", "net-a", labels="fake")
    protocol = replace(PROTOCOL, calibrated_on=[*PROTOCOL.calibrated_on, "edited"])
    assert calibrate.settle([*measured, *edits], protocol, 0.0) == calibrate.settle(measured, protocol, 0.0)


def test_a_verdict_that_re_encoding_changes_is_inconclusive_in_the_figures(measured: list[Prediction]) -> None:
    calibration, limits = calibrate.settle(measured, PROTOCOL, 0.0)
    sure = Prediction("one", "fake", "web", "x", 9.0, 0.1, 9.0, 0.1, "net-a")
    found = calibrate.judge([sure, replace(sure, margin_again=-9.0)], calibration, limits)
    assert list(found.label) == [Label.LIKELY_FAKE, Label.INCONCLUSIVE]


def test_the_summary_has_the_headline_the_sources_and_the_real_pictures(measured: list[Prediction]) -> None:
    found = calibrate.summary(calibrate.judge_all(measured, PROTOCOL, 0.0), PROTOCOL)
    value, low, high = found["headline"]["web"]["auc"]
    means = [found["sources"][s]["web"]["auc"][0] for s in PROTOCOL.paired]
    assert value == pytest.approx(np.mean(means), abs=1e-4)
    assert low < value < high
    assert found["portraits_and_cameras"]["web"]["real"] == 300
    assert found["sources"]["reals"]["web"]["auc"] is None


def readings(network: str, label: str, count: int, margin: float, error: float) -> list[Prediction]:
    """So many pictures of one source that are read alike at *web*; at *clean* they are read as nothing."""
    source = "one" if network == "net-a" else "two"
    names = [f"{margin} {error} {number}" for number in range(count)]
    web = [Prediction(source, label, "web", name, margin, error, margin, error, network) for name in names]
    return [*web, *(replace(p, delivery="clean", margin=0.0, margin_again=0.0) for p in web)]


def test_the_widening_that_decides_most_is_taken() -> None:
    # given networks that are wrong about one picture in ten, whose views then disagree
    found = [
        reading
        for network in ("net-a", "net-b")
        for label, side in (("real", -1), ("fake", 1))
        for reading in (
            *readings(network, label, 45, 2.0 * side, 0.05),
            *readings(network, label, 5, -2.0 * side, 2.0),
        )
    ]
    best, tried = calibrate.choose_widening(found, PROTOCOL)
    # then no threshold without widening keeps errors down and still decides, and one with it does
    assert set(tried) == {str(w) for w in calibrate.WIDENINGS}
    assert tried["0.0"]["decided"] == 0
    assert best > 0
    assert tried[str(best)] == {
        "real_called_fake": 0.0,
        "fake_called_fake": 0.9,
        "fake_called_real": 0.0,
        "decided": 0.9,
        "portraits_and_cameras_called_fake": 0.0,
    }
    assert tried[str(best)]["decided"] == max(each["decided"] for each in tried.values())


@pytest.mark.parametrize("label", ["real", "fake"])
def test_a_widening_that_decides_more_with_too_many_errors_is_not_taken(label: str) -> None:
    # given thresholds that let all errors through, and networks that are wrong about some pictures, in disagreement
    lenient = replace(PROTOCOL, asked_false_alarms=0.3, asked_misses=0.3)
    side = 1 if label == "fake" else -1
    found = [
        reading
        for network in ("net-a", "net-b")
        for reading in (
            *readings(network, "real", 40, -2.0, 0.05),
            *readings(network, "fake", 40, 2.0, 0.05),
            *readings(network, label, 10, -2.0 * side, 2.0),
        )
    ]
    best, tried = calibrate.choose_widening(found, lenient)
    wrong = "real_called_fake" if label == "real" else "fake_called_real"
    assert tried["0.0"][wrong] == 0.2
    assert tried[str(best)][wrong] == 0
    assert tried["0.0"]["decided"] == 1 > tried[str(best)]["decided"]


def test_a_widening_that_accuses_more_real_portraits_is_not_taken() -> None:
    # given one that decides as many as the others, but of whose portraits some are called fake
    found = [
        *(r for network in ("net-a", "net-b") for r in readings(network, "real", 40, -2.0, 0.05)),
        *(r for network in ("net-a", "net-b") for r in readings(network, "fake", 40, 2.0, 0.05)),
    ]
    portraits = [replace(p, source="reals", margin=3.0, margin_again=3.0, error=2.0) for p in found if not p.fake]
    best, tried = calibrate.choose_widening([*found, *portraits[:20]], replace(PROTOCOL, calibrated_on=["one", "two"]))
    assert tried["0.0"]["portraits_and_cameras_called_fake"] > calibrate.MOST_OF_A_GROUP
    assert tried["0.0"]["decided"] == tried[str(best)]["decided"] == 1
    assert tried[str(best)]["portraits_and_cameras_called_fake"] == 0


def test_where_no_widening_keeps_errors_down_the_one_with_fewest_false_alarms_is_taken() -> None:
    found = [
        *(r for network in ("net-a", "net-b") for r in readings(network, "real", 40, -2.0, 0.05)),
        *(r for network in ("net-a", "net-b") for r in readings(network, "fake", 40, 2.0, 0.05)),
        *readings("net-b", "real", 10, 2.0, 2.0),
        *readings("net-b", "real", 10, 2.0, 0.05),
    ]
    best, tried = calibrate.choose_widening(found, PROTOCOL)
    false_alarms = {widening: each["real_called_fake"] for widening, each in tried.items()}
    assert min(false_alarms.values()) > 0.02
    assert false_alarms["0.0"] > false_alarms[str(best)] == min(false_alarms.values())


def test_without_folds_the_widening_is_one_standard_error(measured: list[Prediction]) -> None:
    assert calibrate.choose_widening(measured, replace(PROTOCOL, folds={})) == (1.0, {})


def test_a_source_weighs_by_the_root_of_its_number() -> None:
    found = [*predictions("one", "net-a", 100), *predictions("other", "net-a", 400, "real")]
    weights = calibrate._weights(found)
    total = {
        key: sum(w for w, p in zip(weights, found, strict=True) if (p.source, p.label) == key)
        for key in (("one", "real"), ("one", "fake"), ("other", "real"))
    }
    assert total["other", "real"] == pytest.approx(2 * total["one", "real"])
    assert total["one", "fake"] == pytest.approx(total["one", "real"] + total["other", "real"])


def one_by_one(label: str, margins: list[float], again: float, error: float = 0.0) -> list[Prediction]:
    return [Prediction("one", label, "web", str(m), m, error, m + again, error, "net-a") for m in margins]


@pytest.mark.parametrize(("again", "error"), [(0.0, 0.0), (0.0, 0.5), (0.3, 0.0), (-0.3, 0.0)])
def test_thresholds_let_through_exactly_as_many_as_they_were_asked_for(again: float, error: float) -> None:
    # given a hundred of each, a twentieth apart and all over each other, whose re-encoded copies are read as shifted
    margins = [(number - 50) / 20 for number in range(100)]
    found = [*one_by_one("real", margins, again, error), *one_by_one("fake", margins, again, error)]
    plain = Calibration(1.0, 0.0)
    limits = calibrate.band(found, plain, 0.02, 0.05, widening=1.0)
    judged = calibrate.judge(found, plain, limits)
    assert (judged.label[~judged.fake] == Label.LIKELY_FAKE).sum() == 2
    assert (judged.label[judged.fake] == Label.LIKELY_REAL).sum() == 5


def test_thresholds_are_those_of_what_is_read_at_web(measured: list[Prediction]) -> None:
    moved = [p if p.delivery == "web" else replace(p, margin=p.margin * 2) for p in measured]
    calibration, limits = calibrate.settle(moved, PROTOCOL, 1.0)
    web = [p for p in measured if p.delivery == "web"]
    assert limits == calibrate.band(web, calibration, 0.02, 0.02, 1.0)
    assert calibration == calibrate.fit(moved)


def test_the_command_measures_anew_and_keeps_what_the_files_alone_tell(
    toy: Path, measured: list[Prediction], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file, protocol = tmp_path / "checkpoint", tmp_path / "predictions.csv", tmp_path / "protocol.json"
    shutil.copytree(toy, folder)
    before = load_folder(folder)
    save(measured, file)
    protocol.write_text(json.dumps(PROTOCOL.to_json()))
    monkeypatch.setattr(metrics, "ROUNDS", 20)
    monkeypatch.setattr("sys.argv", ["calibrate", str(folder), str(file), "--protocol", str(protocol)])
    calibrate.main()
    after = load_folder(folder)
    assert after.config.thresholds != before.config.thresholds
    assert after.metrics()["sources"].keys() == {"one", "two", "reals"}
    assert after.metrics()["header_auc"] == before.metrics()["header_auc"] != {}


def test_the_thresholds_hold_for_all_deliveries_and_not_for_a_web_sites_alone(measured: list[Prediction]) -> None:
    # given real pictures that read more like fakes once they are small
    web = [p for p in measured if p.delivery == "web"]
    small = [p if p.fake else replace(p, margin=p.margin + 1.5, margin_again=p.margin + 1.5) for p in web]
    small = [replace(p, delivery="thumb") for p in small]
    alone = calibrate.settle(measured, PROTOCOL, 0.0)
    calibration, limits = calibrate.settle([*measured, *small], PROTOCOL, 0.0)
    # then fewer of them are called generated than by thresholds that never saw small ones
    by = [
        (calibrate.judge([p for p in small if not p.fake], *each).label == Label.LIKELY_FAKE).mean()
        for each in (alone, (calibration, limits))
    ]
    assert by[1] < 0.8 * by[0]
    # and what was asked for holds at a web site's delivery as well, however few are called generated elsewhere
    low = [replace(p, delivery="thumb", margin=p.margin - 3, margin_again=p.margin - 3) for p in web if not p.fake]
    found = calibrate.settle([*measured, *low * 5], PROTOCOL, 0.0)
    judged = calibrate.judge(web, *found)
    assert (judged.label[~judged.fake] == Label.LIKELY_FAKE).mean() <= 0.025
