from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from tests.train.corpus.made import built, folder, jpeg
from train.corpus.build import rewrite_card
from train.corpus.card import card
from train.corpus.summary import read_summary
from train.errors import CorpusError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("card")
    root = folder(base / "pictures", range(20), range(100, 120))
    (root / "real" / "copy.jpg").write_bytes(jpeg(0))
    (root / "real" / "near.jpg").write_bytes(jpeg(1, quality=50))
    (root / "fake" / "cut.jpg").write_bytes(jpeg(2)[:500])
    (root / "fake" / "<b>|x").mkdir()
    (root / "fake" / "<b>|x" / "y.jpg").write_bytes(jpeg(130))
    built(base, {"name": "made", "kind": "folder", "root": "pictures", "credit": "me", "licence": "CC0-1.0"}, name="A")
    return base / "out"


def test_the_card_counts_what_is_there_and_what_is_not(corpus: Path) -> None:
    text = (corpus / "README.md").read_text()
    assert "# A\n" in text
    assert "41 pictures" in text
    assert "| made | folder | real | 14 | 3 | 3 | 20 |" in text
    assert "| made | folder | fake | 15 | 3 | 3 | 21 |" in text
    assert "| made | real | 0 | 1 | 1 | 0 |" in text
    assert "| made | fake | 1 | 0 | 0 | 0 |" in text
    assert "| made | CC0-1.0 | 41 | 1 |" in text
    assert "Header-only AUC of the original files: **0." in text
    assert "Near 1 means that files alone tell it" in text
    assert str(corpus) not in text  # no path of this machine


def test_names_from_outside_stay_in_their_cell(corpus: Path) -> None:
    text = (corpus / "README.md").read_text()
    assert r"| &lt;b>\|x | 0 | 1 |" in text


def test_the_hub_understands_its_front_matter(corpus: Path) -> None:
    data = DatasetCard.load(corpus / "README.md").data.to_dict()
    assert data["task_categories"] == ["image-classification"]
    assert data["size_categories"] == ["n<1K"]
    assert data["license"] == "other"


def test_the_card_can_be_written_again(corpus: Path, tmp_path: Path) -> None:
    before = (corpus / "README.md").read_text()
    (corpus / "README.md").write_text("spoiled")
    rewrite_card(corpus)
    assert (corpus / "README.md").read_text() == before
    with pytest.raises(CorpusError, match="holds no finished corpus"):
        rewrite_card(tmp_path)


def changed(corpus: Path, **values: Any) -> str:
    return card(read_summary(corpus) | values)


def test_the_card_says_what_the_headers_tell(corpus: Path) -> None:
    assert "**0.987**" in changed(corpus, header_auc=0.987)
    both = changed(corpus, header_auc=0.987, header_auc_written=0.512, reencode={"long_side": 512, "quality": 90})
    assert "as they were written here: **0.512**" in both
    assert "shrunk to 512 px on the long side, and written as a JPEG of quality 90" in both
    assert "too few groups to measure" in changed(corpus, header_auc=None)
    assert "Near duplicates were not looked for." in changed(corpus, near_distance=None)


def test_a_source_of_which_all_is_there_is_not_among_what_was_left_out(corpus: Path) -> None:
    labels = {"real": {"train": 3, "exact": 0}, "fake": {"train": 3, "near": 2}}
    source = {"name": "s", "kind": "folder", "licences": [], "labels": labels}
    assert "| s | real | 0" not in changed(corpus, sources=[source])
    assert "| s | fake | 0 | 0 | 2 | 0 |" in changed(corpus, sources=[source])
    source["labels"] = {"real": {"train": 3}}
    assert "## What was left out\n\nNothing.\n" in changed(corpus, sources=[source])


@pytest.mark.parametrize(
    ("pictures", "name"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (250_000, "100K<n<1M"), (20_000_000, "10M<n<100M")],
)
def test_the_size_has_the_name_that_the_hub_knows(pictures: int, name: str, corpus: Path) -> None:
    source = {"name": "s", "kind": "folder", "licences": [], "labels": {"real": {"train": pictures}}}
    assert f"- {name}\n" in changed(corpus, sources=[source])
