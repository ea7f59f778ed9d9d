from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scan import made
from tests.servers.hub_datasets import DatasetHub
from tests.servers.pictures import jpeg
from unfake.errors import ScanError
from unfake.intake import Limits
from unfake.scan.dataset import Dataset
from unfake.scan.run import scan
from unfake.settings import Settings

pytest.importorskip("datasets")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

LIMITS = Limits(bytes=100_000)
PART = 3


def shard(start: int, pictures: int, *columns: str) -> bytes:
    """A Parquet file with pictures of different bytes in each of these columns, as `datasets` writes it."""
    rows = [{"bytes": jpeg() + b"%d" % number, "path": f"{number}.jpg"} for number in range(start, start + pictures)]
    table = pa.table({"number": list(range(pictures))} | dict.fromkeys(columns or ("image",), rows))
    features = ", ".join(f'"{column}": {{"_type": "Image"}}' for column in columns or ("image",))
    features = f'{{"number": {{"dtype": "int64", "_type": "Value"}}, {features}}}'
    table = table.replace_schema_metadata({"huggingface": f'{{"info": {{"features": {features}}}}}'})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=2)
    return file.getvalue()


FILES = {
    "data/train-00000-of-00002.parquet": shard(0, 7),
    "data/train-00001-of-00002.parquet": shard(7, 4),
    "data/test-00000-of-00001.parquet": shard(11, 2),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "faces" / name).write_bytes(content)
    return tmp_path / "faces"


def test_all_splits_and_shards_are_read_from_the_only_column_of_pictures(folder: Path) -> None:
    dataset = Dataset.of(f"hf:{folder}")
    assert dataset.column == "image"
    shards = list(dataset.shards())
    assert [(each.number, each.split, each.index) for each in shards] == [
        (0, "train", 0),
        (1, "train", 1),
        (2, "test", 0),
    ]
    rows = [member for each in shards for member in dataset.open(each, {}, LIMITS)]
    assert [member.read() for member in rows] == [jpeg() + b"%d" % number for number in range(13)]
    assert rows[7].name == f"hf:{folder}/train/1/0"
    assert [each.split for each in Dataset.of(f"hf:{folder}?split=test").shards()] == ["test"]


def test_a_scan_of_a_dataset_goes_on_in_the_middle_of_a_shard(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a scan that is stopped in the second part of the first shard
    out = tmp_path / "out.parquet"

    def stop(name: str) -> None:
        if name.endswith("train/0/5"):
            raise KeyboardInterrupt

    stopped, second = made.Reader(before=stop), made.Reader()
    made.use(made.Engine(stopped), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        scan(f"hf:{folder}", out, Settings(), io.StringIO(), size=PART)
    # when it is gone on with
    made.use(made.Engine(second), monkeypatch)
    scan(f"hf:{folder}", out, Settings(), io.StringIO(), size=PART)
    # then the first part is not made again, and every picture is there once
    assert f"hf:{folder}/train/0/0" not in second.asked
    assert len(second.asked) == 13 - PART
    names = [f"hf:{folder}/{place}" for place in (*(f"train/0/{n}" for n in range(7)), "train/1/0", "train/1/1")]
    assert pq.read_table(out)["source"].to_pylist()[:9] == names
    assert pq.read_table(out).num_rows == 13
    assert len(set(pq.read_table(out)["sha256"].to_pylist())) == 13


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("?split=other", "no split other; it has train, test"),
        ("?column=number", "no column number of pictures"),
        ("?colour=red", "options are column, config, revision, split"),
    ],
)
def test_wrong_options_are_a_sentence(folder: Path, options: str, sentence: str) -> None:
    with pytest.raises(ScanError, match=sentence):
        list(Dataset.of(f"hf:{folder}{options}").shards())


def test_a_dataset_without_one_column_of_pictures_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "train.parquet").write_bytes(shard(0, 2, "photo", "mask"))
    with pytest.raises(ScanError, match=r"several columns of pictures \(photo, mask\)"):
        Dataset.of(f"hf:{tmp_path / 'two'}")
    assert Dataset.of(f"hf:{tmp_path / 'two'}?column=mask").column == "mask"
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ScanError, match="no such column"):
        Dataset.of(f"hf:{tmp_path / 'none'}")


@pytest.mark.slow
def test_a_dataset_of_the_hub_is_scanned_at_the_commit_that_it_began_with(toy: Path, tmp_path: Path) -> None:
    with DatasetHub() as hub:
        commit = hub.commit("alice/faces", FILES)
        theirs = ("UNFAKE_", "HF_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
        environment |= {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "home"),
            "UNFAKE_CACHE": str(tmp_path / "cache"),
            "UNFAKE_MODEL": str(toy),
            "UNFAKE_DEVICE": "cpu",
        }

        def run(address: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "unfake", "scan", address, "--out", str(tmp_path / "out.parquet")]
            return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

        missing = run("hf:alice/nobody")
        ran = run("hf:alice/faces")
    assert missing.returncode == 2
    assert missing.stderr.startswith("There is no folder and no dataset of the Hub alice/nobody to be had")
    assert missing.stderr.count("\n") == 1
    assert ran.returncode in (0, 1), ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("13 pictures in out.parquet: ")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["source"].to_pylist()[-1] == "hf:alice/faces/test/0/1"
    assert f"revision={commit}".encode() in table.schema.metadata[b"unfake"]
