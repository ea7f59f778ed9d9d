"""A bounded part of ``python -m benchmarks.fuzz``: damaged files end as pixels or as a sentence, nothing else."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import mutations, run

SEED, COUNT = 15, 300


def test_the_same_seed_gives_the_same_files() -> None:
    assert list(mutations(SEED, 20)) == list(mutations(SEED, 20))
    assert list(mutations(SEED, 20)) != list(mutations(SEED + 1, 20))


@pytest.mark.filterwarnings("error")
@pytest.mark.slow
def test_damaged_files_end_as_pixels_or_as_a_sentence() -> None:
    ends, _ = run(SEED, COUNT)

    assert sum(ends.values()) == COUNT
    assert ends["pixels"] > COUNT // 20
    assert ends["BrokenPicture"] > COUNT // 5
    assert set(ends) <= {"pixels", "BrokenPicture", "UnsupportedPicture", "PictureTooLarge"}
