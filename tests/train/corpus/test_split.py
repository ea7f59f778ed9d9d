from __future__ import annotations

import numpy as np
import pytest

from train.corpus.split import split

SHARES = (0.70, 0.15, 0.15)


def names(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-(2**62), 2**62, count)


def alone(strata: np.ndarray, seed: int = 1, name_seed: int = 0) -> np.ndarray:
    """The split of pictures that are each a bundle of their own."""
    return split(np.arange(len(strata)), strata, names(len(strata), name_seed), SHARES, seed)


def test_each_label_and_source_is_split_in_the_same_shares() -> None:
    strata = np.repeat([0, 1, 2, 3], [1000, 40, 200, 7])
    found = alone(strata)
    for stratum, count in enumerate((1000, 40, 200, 7)):
        parts = np.bincount(found[strata == stratum], minlength=3)
        assert np.abs(parts - np.array(SHARES) * count).max() <= 1


@pytest.mark.parametrize("count", range(5, 30))
def test_five_pictures_reach_every_split(count: int) -> None:
    assert set(alone(np.zeros(count, dtype=np.int64)).tolist()) == {0, 1, 2}


def test_a_bundle_is_never_split() -> None:
    rng = np.random.default_rng(3)
    tied = np.sort(rng.integers(0, 300, 2000))
    tied = np.searchsorted(tied, tied)  # each named by its first picture
    found = split(tied, rng.integers(0, 4, 2000), names(2000), SHARES, 1)
    assert all(len(set(found[tied == bundle].tolist())) == 1 for bundle in np.unique(tied))
    assert np.abs(np.bincount(found) / 2000 - SHARES).max() < 0.03


def test_the_seed_decides() -> None:
    strata = np.zeros(500, dtype=np.int64)
    assert alone(strata, seed=1).tolist() == alone(strata, seed=1).tolist()
    assert alone(strata, seed=1).tolist() != alone(strata, seed=2).tolist()


def test_another_source_moves_no_picture() -> None:
    strata, named = np.repeat([0, 1], 300), names(600)
    before = split(np.arange(600), strata, named, SHARES, 1)
    # when a source comes of which some pictures belong to bundles that are there
    tied = np.concatenate([np.arange(600), np.arange(0, 200), np.arange(800, 900)])
    more = np.concatenate([named, names(300, 9)])
    after = split(tied, np.concatenate([strata, np.full(300, 2)]), more, SHARES, 1)
    # then nothing of before has moved, and the new ones are where their bundles are
    assert after[:600].tolist() == before.tolist()
    assert after[600:800].tolist() == before[:200].tolist()


def test_a_few_more_pictures_move_few() -> None:
    named = names(2020)
    before = split(np.arange(2000), np.zeros(2000, dtype=np.int64), named[:2000], SHARES, 1)
    after = split(np.arange(2020), np.zeros(2020, dtype=np.int64), named, SHARES, 1)
    assert (before != after[:2000]).sum() <= 20
