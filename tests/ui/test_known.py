from __future__ import annotations

import json
from dataclasses import replace

from tests.ui.test_html import examination, hostile_photo
from unfake.detector.calibration import Label
from unfake.services import Check
from unfake.ui import known


def test_what_is_known_of_a_photo_is_not_lost_to_a_later_failure() -> None:
    photo = replace(hostile_photo(), id="one")
    found = known.Known()
    found.add(Check(photo, None, "not there"))
    assert found["one"].error == "not there"
    found.add(Check(photo, examination(Label.LIKELY_REAL, 0.1).report, None))
    found.add(Check(photo, None, "not there"))
    assert found["one"].report is not None


def test_only_the_latest_are_kept() -> None:
    found = known.Known()
    for number in range(known.MOST + 1):
        found.add(Check(replace(hostile_photo(), id=str(number)), None, "not there"))
    assert len(found) == known.MOST
    assert "0" not in found
    assert json.dumps(sorted(found, key=int)[0]) == '"1"'


def test_the_verdict_on_an_address_is_given_again_without_a_second_look() -> None:
    looked: list[str] = []

    def examine(address: str, report: dict[str, str] | None) -> known.Answer:
        looked.append(address)
        return f"<p>{address}</p>", report

    found = known.Known()
    for _ in range(2):
        assert found.of_address("a", lambda: examine("a", {"schema": "x"})) == ("<p>a</p>", {"schema": "x"})
    assert looked == ["a"]
    # where there was no verdict, it is tried again
    for _ in range(2):
        found.of_address("b", lambda: examine("b", None))
    assert looked == ["a", "b", "b"]
    # and the oldest are forgotten
    for number in range(known.MOST_ANSWERS):
        found.of_address(str(number), lambda: examine("other", {}))
    found.of_address("a", lambda: examine("a", {}))
    assert looked[-1] == "a"
