from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.train.corpus.made import image
from train.corpus.dedupe.hashes import look
from train.corpus.dedupe.near import MOST_DISTANCE, Looks, join


def looks(pictures: list[Image.Image], distance: int = 4) -> Looks:
    found = [look(picture) for picture in pictures]
    coarse = np.frombuffer(b"".join(each.coarse for each in found), dtype=np.uint64)
    fine = np.frombuffer(b"".join(each.fine for each in found), dtype=np.uint64).reshape(-1, 4)
    return Looks(coarse, fine, np.array([each.flat for each in found]), distance)


def random_looks(count: int, distance: int, seed: int = 0) -> Looks:
    """Families of five, whose members differ in a few bits of the first."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count // 5, 320), dtype=np.uint8).repeat(5, axis=0)
    for row, changes in enumerate(rng.integers(0, 12, len(bits))):
        bits[row, rng.integers(0, 320, changes)] ^= 1
    words = np.packbits(bits, axis=1).view(np.uint64)
    return Looks(words[:, 0].copy(), words[:, 1:].copy(), np.zeros(len(bits), dtype=bool), distance)


def by_hand(looks: Looks) -> list[int]:
    """Components found by comparing everything with everything."""
    parents = list(range(len(looks.coarse)))
    everyone = np.arange(len(parents))
    changed = True
    while changed:
        changed = False
        for one in everyone:
            root = min(parents[other] for other in (one, *everyone[looks.near(int(one), everyone)]))
            changed |= parents[one] != root
            parents[one] = root
    return parents


@pytest.mark.parametrize("distance", range(MOST_DISTANCE + 1))
def test_the_search_finds_what_comparing_all_finds(distance: int) -> None:
    found = random_looks(200, distance)
    assert found.components().tolist() == by_hand(found)


def test_resized_squashed_and_recoded_pictures_are_near() -> None:
    # given three pictures, each in several versions
    versions = []
    for seed in range(3):
        full = image(seed, 600)
        versions += [full, full.resize((300, 300)), full.resize((400, 200)), full.quantize(64).convert("RGB")]
    # then the versions of a picture hang together, and the pictures do not
    assert looks(versions).components().tolist() == [0] * 4 + [4] * 4 + [8] * 4


def test_flat_pictures_are_not_near_anything() -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    flat = [
        Image.new("RGB", (64, 64), "white"),
        Image.new("RGB", (64, 64), "black"),
        Image.fromarray(rng.normal(128, 3, (64, 64)).astype(np.uint8)),
        Image.fromarray(np.tile(ramp, (64, 1))),
        Image.fromarray(np.tile(ramp[::2], (32, 1))),
    ]
    found = looks(flat)
    assert found.flat.all()
    assert found.components().tolist() == [0, 1, 2, 3, 4]


def test_ten_thousand_that_look_alike_take_no_pairs() -> None:
    one = random_looks(5, 4)
    count = 10_000
    alike = Looks(one.coarse[:1].repeat(count), one.fine[:1].repeat(count, axis=0), np.zeros(count, dtype=bool), 4)
    assert not alike.components().any()


def test_joining_reaches_over_many_steps() -> None:
    chain = np.stack([np.arange(1, 6), np.arange(2, 7)])
    assert join(np.arange(8), [chain[:, ::2], chain[:, 1::2]]).tolist() == [0, 1, 1, 1, 1, 1, 1, 7]
    assert join(np.array([0, 0, 2, 2]), [np.array([[1], [3]])]).tolist() == [0, 0, 0, 0]
