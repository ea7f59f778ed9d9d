from __future__ import annotations

import numpy as np

from train.corpus.dedupe.duplicates import Fate, Reason, dedupe
from train.corpus.dedupe.near import Looks

KEPT, EXACT, NEAR, CONFLICT = Reason.KEPT, Reason.EXACT, Reason.NEAR, Reason.CONFLICT
Picture = tuple[str, str, str, int]  # label, group, bytes, look: numbers of looks lie one bit of five apart


def fate(*pictures: Picture) -> Fate:
    """Looks 10, 11, 12 … form a chain: those next to each other are near, others are not."""
    fake = np.array([label == "fake" for label, _, _, _ in pictures])
    groups = np.array([hash(group) for _, group, _, _ in pictures])
    digests = np.array([content.encode().ljust(32, b"-") for _, _, content, _ in pictures], dtype="S32")
    rng = np.random.default_rng(0)
    tens = {ten: rng.integers(0, 2**63, 5, dtype=np.uint64) for ten in range(10)}
    words = np.array([tens[look // 10] for *_, look in pictures])
    steps = np.array([look % 10 for *_, look in pictures], dtype=np.uint64)
    coarse = words[:, 0] ^ ((np.uint64(1) << (np.uint64(3) * steps)) - np.uint64(1))  # three bits a step
    return dedupe(fake, groups, digests, Looks(coarse, words[:, 1:], np.zeros(len(pictures), dtype=bool), 4))


def test_of_exact_copies_the_first_stays() -> None:
    found = fate(("real", "a", "x", 10), ("real", "b", "y", 20), ("real", "c", "x", 10), ("real", "d", "x", 10))
    assert found.reason.tolist() == [KEPT, KEPT, EXACT, EXACT]
    assert found.twin.tolist() == [-1, -1, 0, 0]
    assert found.tied.tolist() == [0, 1, 0, 0]


def test_one_file_with_both_labels_goes_even_within_a_group() -> None:
    found = fate(("real", "a", "x", 10), ("fake", "a", "x", 10), ("real", "a", "x", 10), ("fake", "b", "y", 20))
    assert found.reason.tolist() == [CONFLICT, CONFLICT, CONFLICT, KEPT]
    assert found.twin.tolist() == [1, 0, 1, -1]


def test_of_near_duplicates_the_first_stays_and_a_chain_is_not_followed() -> None:
    # given a chain in which the first and the third are not near
    found = fate(("real", "a", "x", 10), ("real", "b", "y", 11), ("real", "c", "z", 12), ("real", "d", "w", 20))
    # then only what is near something that stays is left out
    assert found.reason.tolist() == [KEPT, NEAR, KEPT, KEPT]
    assert found.twin.tolist() == [-1, 0, -1, -1]
    # and all of the chain lies in one split
    assert found.tied.tolist() == [0, 0, 0, 3]


def test_a_copy_of_what_is_left_out_names_what_stays() -> None:
    found = fate(("real", "a", "x", 10), ("real", "b", "y", 11), ("real", "c", "y", 11))
    assert found.reason.tolist() == [KEPT, NEAR, EXACT]
    assert found.twin.tolist() == [-1, 0, 0]


def test_twins_of_one_group_are_kept() -> None:
    found = fate(("real", "a", "x", 10), ("fake", "a", "y", 11), ("fake", "a", "z", 12))
    assert found.reason.tolist() == [KEPT, KEPT, NEAR]
    assert set(found.tied.tolist()) == {0}


def test_near_duplicates_with_two_labels_go_with_all_that_hangs_on_them() -> None:
    # given a real picture and a fake from elsewhere that is near it, a real one near the first, and another fake
    found = fate(("real", "a", "x", 11), ("fake", "b", "y", 12), ("real", "c", "z", 10), ("fake", "d", "w", 30))
    assert found.reason.tolist() == [CONFLICT, CONFLICT, CONFLICT, KEPT]
    assert found.twin.tolist() == [1, 0, 1, -1]


def test_the_fake_made_from_a_copy_is_a_twin_of_the_picture_too() -> None:
    # given a photo, the same photo smaller in another source, and a fake that was made from the smaller one
    found = fate(("real", "a", "x", 10), ("real", "b", "y", 11), ("fake", "b", "z", 10))
    assert found.reason.tolist() == [KEPT, NEAR, KEPT]
    assert set(found.tied.tolist()) == {0}


def test_groups_are_tied_by_what_is_left_out() -> None:
    # given two groups that have a picture in common, each with a picture besides
    found = fate(("real", "a", "x", 10), ("real", "a", "p", 20), ("real", "b", "x", 10), ("real", "b", "q", 30))
    assert found.reason.tolist() == [KEPT, KEPT, EXACT, KEPT]
    assert set(found.tied.tolist()) == {0}


def test_without_looks_only_bytes_count() -> None:
    fake, groups = np.array([False, False, True]), np.array([1, 2, 3])
    found = dedupe(fake, groups, np.array([b"x", b"x", b"y"], dtype="S32"), None)
    assert found.reason.tolist() == [KEPT, EXACT, KEPT]


def test_no_pictures_have_no_fate() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert len(dedupe(nothing.astype(bool), nothing, np.empty(0, dtype="S32"), None).reason) == 0
