from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image
from torch import Tensor

from tests.train.toy_dataset import FEATURES, rows, write, write_corpus
from train.errors import CorpusError
from train.fit.data import EpochBatches, Pictures, digest, epoch_order, facts, load_corpus


def pixels(image: Image.Image, seed: Sequence[int]) -> Tensor:
    """The picture as it is, with the seed's last number in a corner."""
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
    tensor[0, 0, 0] = seed[-1] if seed else -1
    return tensor


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def test_a_picture_comes_with_its_label_and_source(corpus: Path) -> None:
    data = Pictures(load_corpus(corpus), "train", pixels, seed=1)
    assert len(data) == 48
    assert Counter(zip(data.sources, data.labels.tolist(), strict=True)) == {
        (s, label): 12 for s in ("one", "two") for label in (0, 1)
    }
    # and a noisy one is fake
    spreads = [data[(1, 0, i)].pixels[:, 1:].std(dim=(1, 2)).mean() for i in range(48)]
    assert [int(s > 10) for s in spreads] == data.labels.tolist()
    assert data.describe(3).startswith(f"train picture 3 of source one {data.names[3][:12]}")


def test_pictures_are_turned_upright_and_into_rgb(tmp_path: Path) -> None:
    # given a grey picture, wider than high, that its Exif turns
    split = rows("train", 1, ("one",))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (40, 20), 7).save(tmp_path / "turned.jpg", exif=exif)
    split[0]["image"] = {"bytes": (tmp_path / "turned.jpg").read_bytes(), "path": None}
    write(tmp_path / "corpus", {"train": split, "validation": rows("validation", 1, ("one",))})
    image = Pictures(load_corpus(tmp_path / "corpus"), "train", pixels, seed=1).image(0)
    assert (image.size, image.mode) == ((20, 40), "RGB")


def test_a_corpus_may_name_files_instead_of_holding_them(tmp_path: Path) -> None:
    split = rows("train", 1, ("one",))
    for number, row in enumerate(split):
        file = tmp_path / f"{number}.png"
        file.write_bytes(row["image"]["bytes"])
        row["image"] = {"bytes": None, "path": str(file)}
    write(tmp_path / "corpus", {"train": split, "validation": rows("validation", 1, ("one",))})
    data = Pictures(load_corpus(tmp_path / "corpus"), "train", pixels, seed=1)
    assert data.image(1).size == (80, 72)


def test_an_unreadable_picture_is_replaced_in_training_and_marked_in_validation(tmp_path: Path) -> None:
    split = rows("train", 3, ("one",))
    split[2]["image"] = {"bytes": b"", "path": None}
    write(tmp_path / "corpus", {"train": split, "validation": rows("validation", 1, ("one",))})
    data = Pictures(load_corpus(tmp_path / "corpus"), "train", pixels, seed=1)
    stand_in = data[(1, 5, 2)]
    assert (stand_in.number, stand_in.label, stand_in.valid) == (4, 0, True)
    assert stand_in.problem.startswith("train picture 2 of source one")
    # the last of a label is followed by its first
    assert data[(1, 5, 4)].problem == ""
    marked = data[2]
    assert (marked.number, marked.valid) == (2, False)
    assert marked.problem == stand_in.problem


def broken(folder: Path, harm: str) -> Path:
    """A corpus that lacks something."""
    if harm == "folder":
        return folder / "nowhere"
    train, validation = rows("train", 2, ("one",)), rows("validation", 2, ("one",))
    if harm == "split":
        return write(folder / "corpus", {"train": train, "test": validation})
    if harm == "label":
        validation = [row for row in validation if row["label"] == 0]
    if harm == "dict":
        Dataset.from_list(train, features=FEATURES).save_to_disk(str(folder / "corpus"))
        return folder / "corpus"
    write(folder / "corpus", {"train": train, "validation": validation})
    if harm == "file":
        next((folder / "corpus" / "train").glob("*.arrow")).write_bytes(b"nothing")
    return folder / "corpus"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("folder", "is no corpus that can be read"),
        ("split", "has no splits train and validation"),
        ("dict", "has no splits train and validation"),
        ("label", "the split validation of .* has no fake pictures"),
        ("file", "is no corpus that can be read"),
    ],
)
def test_what_is_no_corpus_is_said(harm: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=said):
        load_corpus(broken(tmp_path, harm))


def test_an_epoch_shows_each_picture_once_in_an_order_of_its_own(corpus: Path) -> None:
    data = Pictures(load_corpus(corpus), "train", pixels, seed=1)
    first, second = (epoch_order(data, 7, epoch, 0.0) for epoch in (1, 2))
    assert sorted(first) == sorted(second) == list(range(48))
    assert digest(first) != digest(second)
    assert digest(first) == digest(epoch_order(data, 7, 1, 0.0))


def test_balance_draws_labels_and_sources_alike(tmp_path: Path) -> None:
    # given a source of 300 pictures and one of 12, the latter with one fake only
    many, few = rows("train", 150, ("many",)), rows("train", 6, ("few",))
    few = [row for number, row in enumerate(few) if row["label"] == 0 or number == 1]
    write(tmp_path / "corpus", {"train": many + few, "validation": rows("validation", 1, ("many",))})
    data = Pictures(load_corpus(tmp_path / "corpus"), "train", pixels, seed=1)

    def shares(balance: float) -> tuple[float, float]:
        order = np.concatenate([epoch_order(data, 1, epoch, balance) for epoch in range(1, 21)])
        fake, reals = data.labels[order], order[data.labels[order] == 0]
        return float(fake.mean()), sum(data.sources[i] == "few" for i in reals) / len(reals)

    # then each label is half of an epoch, and a source's part goes from that of its size to an equal one
    fake, part = shares(1.0)
    assert fake == pytest.approx(0.5, abs=0.03)
    assert part == pytest.approx(0.5, abs=0.03)
    fake, part = shares(0.5)
    assert fake == pytest.approx(0.5, abs=0.03)
    assert part == pytest.approx(6**0.5 / (6**0.5 + 150**0.5), abs=0.03)


@pytest.mark.parametrize(("pictures", "batch", "processes"), [(48, 4, 1), (48, 4, 3), (47, 4, 2), (3, 4, 2)])
def test_processes_share_an_epoch_in_full_batches(pictures: int, batch: int, processes: int) -> None:
    order = np.random.default_rng(0).permutation(pictures)
    shared = [list(EpochBatches(order, 1, batch, rank, processes)) for rank in range(processes)]
    # all have as many batches, and all batches are full
    assert len({len(batches) for batches in shared}) == 1
    assert {len(keys) for batches in shared for keys in batches} == {batch}
    # each picture is there; only what fills up the last round is there again
    places = sorted(place for batches in shared for keys in batches for _, place, _ in keys)
    assert places == list(range(len(shared[0]) * batch * processes))
    assert len(places) - pictures < batch * processes
    seen = {place: index for batches in shared for keys in batches for _, place, index in keys}
    assert [seen[place] for place in range(pictures)] == order.tolist()


def test_a_resumed_epoch_leaves_out_what_it_has_seen() -> None:
    order = np.arange(40)
    whole, rest = (list(EpochBatches(order, 2, 4, 1, 2, first)) for first in (0, 3))
    assert rest == whole[3:]
    assert len(EpochBatches(order, 2, 4, 1, 2, 3)) == len(rest)


def test_a_corpus_is_known_by_its_pictures(corpus: Path, tmp_path: Path) -> None:
    found = facts(load_corpus(corpus))
    assert found["splits"]["validation"] == {
        "pictures": 20,
        "real": 10,
        "fake": 10,
        "sources": {"one": {"real": 5, "fake": 5}, "two": {"real": 5, "fake": 5}},
    }
    assert facts(load_corpus(write_corpus(tmp_path / "same")))["fingerprint"] == found["fingerprint"]
    other = write_corpus(tmp_path / "other", sources=("one", "three"))
    assert facts(load_corpus(other))["fingerprint"] != found["fingerprint"]
