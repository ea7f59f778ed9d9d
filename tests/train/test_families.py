"""Families of generators and their real partners, and what a fold leaves out."""

from __future__ import annotations

from pathlib import Path

from train.families import CAMERA, STOCK, grouped, held_out
from train.pool import Row


def row(listed: str, label: str, repository: str, name: str = "a") -> Row:
    return Row(Path(listed) / repository / f"{name}.jpg", listed, label, "", listed=listed, repository=repository)


ROWS = [
    row("imagefx_named", "fake", "a/site"),
    row("google_ai_meta", "fake", "b/site"),
    row("openai_c2pa", "fake", "a/site"),
    row("imagefx_named", "fake", "a/site", "b"),
    row("camera_named", "real", "a/site"),
    row("unsplash_named2", "real", "c/site"),
    row("forrealscan_game", "real", "d/game"),
]


def test_sources_of_one_generator_are_one_family_and_partners_follow_their_repository() -> None:
    found = grouped(ROWS)
    assert [r.source for r in found[:5]] == ["named_google"] * 2 + ["named_openai"] + ["named_google"] * 2
    assert found[6].source == "forrealscan_game"
    assert [r.kind for r in found] == ["", "", "", "", CAMERA, STOCK, ""]


def test_a_repository_without_fakes_always_goes_to_the_same_family() -> None:
    assert grouped(ROWS)[5].source == grouped([ROWS[5]])[0].source


def test_a_fold_leaves_out_its_sources_and_whatever_shared_a_repository_with_them() -> None:
    rows = grouped(ROWS)
    left_out = held_out(rows, ["named_openai"])
    assert left_out == {r.path for r in rows if r.repository == "a/site"}


def test_an_older_source_takes_nobody_with_it() -> None:
    rows = grouped([*ROWS, row("dexer1", "fake", "d/game")])
    assert held_out(rows, ["forrealscan_game"]) == {rows[6].path}


def test_the_same_photo_on_another_site_is_left_out_too() -> None:
    # given Unsplash photos under their own file names, one of them cut short
    theirs = row("unsplash_named2", "real", "a/site", "joseph-gonzalez-iFgRcqHznqg-un__b3010c16")
    copy = row("unsplash_named", "real", "e/site", "e__joseph-gonzalez-iFgRcqHznqg-unsplash__d6518c4d")
    another = row("unsplash_named", "real", "e/site", "e__joseph-gonzalez-J8L-twLd67c-unsplash__193c88f7")
    rows = grouped([*ROWS, theirs, copy, another])
    # then a fold that leaves out one leaves out its copy, and nothing else of that site
    assert held_out(rows, ["named_openai"]) == {r.path for r in rows if r.repository == "a/site"} | {copy.path}
