from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLES
from tests.evidence import files
from tests.scan import made
from unfake.__main__ import main
from unfake.errors import ScanError
from unfake.scan import needs, run
from unfake.scan.part import Begin, Part
from unfake.scan.progress import Progress
from unfake.scan.result import Result
from unfake.scan.source import Source
from unfake.settings import Settings

pq = pytest.importorskip("pyarrow.parquet")


pytestmark = pytest.mark.usefixtures("command_settings")


def scanned(source: object, out: Path) -> int:
    return main(["scan", str(source), "--out", str(out), "--part", "2"])


def test_a_scan_gives_the_very_verdicts_of_classify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # given pictures of each kind: real, one that says what it is, none at all
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("pagoda.jpg", "espresso.jpg"):
        (folder / name).write_bytes((SAMPLES / name).read_bytes())
    (folder / "said.png").write_bytes(files.png({"parameters": files.A1111}))
    (folder / "text.jpg").write_bytes(b"no picture")
    # when the folder is scanned, and classified
    out = tmp_path / "out.parquet"
    status = scanned(folder, out)
    said = capsys.readouterr().err.splitlines()[-1]
    lines = io.StringIO()
    # then the status is the same, and so is every row
    assert status == main(["classify", str(folder), "--json"], lines) == 2
    rows = pq.read_table(out).to_pylist()
    for row, line in zip(rows, map(json.loads, lines.getvalue().splitlines()), strict=True):
        report = line["report"]
        assert (row["source"], row["error"]) == (line["name"], line["error"])
        if report:
            verdict, picture = report["verdict"], report["picture"]
            assert (row["label"], row["ground"]) == (verdict["label"], verdict["ground"])
            assert row["probability"] == pytest.approx(verdict["probability"], abs=1e-4)
            assert [row[key] for key in ("sha256", "width", "height", "bytes")] == [
                picture[key] for key in ("sha256", "width", "height", "bytes")
            ]
            assert row["checkpoint"] == report["detector"]["checkpoint"]
    assert [row["bytes"] for row in rows if row["error"]] == [len(b"no picture")]
    assert said.startswith("4 pictures in out.parquet: ")
    assert said.endswith("1 unread")
    # and a second time there is nothing to do
    assert scanned(folder, out) == 2
    assert "whole already" in capsys.readouterr().err


def test_a_scan_that_was_stopped_goes_on_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = made.folder(tmp_path / "source", 7), tmp_path / "out.parquet"

    def stop(name: str) -> None:
        if name.endswith("005.jpg"):
            raise KeyboardInterrupt

    made.use(made.Engine(made.Reader(before=stop)), monkeypatch)
    assert scanned(folder, out) == 130
    assert not out.exists()
    (folder / "001-new.jpg").write_bytes(b"new")  # what comes later is no part of this scan
    second = made.Reader()
    made.use(made.Engine(second), monkeypatch)
    scanned(folder, out)
    assert sorted(Path(name).name for name in second.asked) == ["004.jpg", "005.jpg", "006.jpg"]
    assert [Path(name).name for name in pq.read_table(out)["source"].to_pylist()] == [f"{n:03}.jpg" for n in range(7)]
    assert not out.with_name("out.parquet.parts").exists()


def test_a_result_is_not_made_while_a_part_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Forgets(made.Engine):
        def run(self, source: Source, todo: Iterable[Begin], *how: Any) -> Iterator[Part]:
            return super().run(source, list(todo)[1:], *how)

    folder, out = made.folder(tmp_path / "source", 5), tmp_path / "out.parquet"
    made.use(Forgets(), monkeypatch)
    assert scanned(folder, out) == 2
    assert "parts of the scan are missing" in capsys.readouterr().err
    assert not out.exists()
    made.use(made.Engine(), monkeypatch)
    scanned(folder, out)
    assert pq.read_table(out).num_rows == 5


def test_another_scan_is_not_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made.use(made.Engine(), monkeypatch)
    one, other, out = made.folder(tmp_path / "one", 1), made.folder(tmp_path / "other", 1), tmp_path / "out.parquet"
    scanned(one, out)
    capsys.readouterr()
    assert scanned(other, out) == 2
    assert "belongs to a scan of" in capsys.readouterr().err
    out.write_bytes(b"something else")
    assert scanned(one, out) == 2
    assert capsys.readouterr().err == "out.parquet is there already and is no result of a scan.\n"
    assert out.read_bytes() == b"something else"
    out.unlink()
    with Result(out):
        assert scanned(one, out) == 2
    assert capsys.readouterr().err == "Another scan writes out.parquet at the moment.\n"


@pytest.mark.parametrize(
    ("source", "out", "sentence"),
    [
        ("nowhere", "out.parquet", "no folder nowhere"),
        ("nothing://bucket", "out.parquet", "no address that can be scanned"),
        ("hf:", "out.parquet", "a dataset's name is needed"),
        ("empty", "out.parquet", "no picture there"),
        ("one", "missing/out.parquet", "no such file"),
        ("one", "one", "is a folder"),
    ],
)
def test_wrong_input_ends_in_one_sentence(
    source: str,
    out: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made.use(made.Engine(), monkeypatch)
    made.folder(tmp_path / "one", 1)
    made.folder(tmp_path / "empty", 0)
    monkeypatch.chdir(tmp_path)
    assert scanned(source, tmp_path / out) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "one"]  # nothing is left lying about


def test_a_missing_package_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "pyarrow" else find_spec(name))
    assert scanned(SAMPLES, tmp_path / "out.parquet") == 2
    assert capsys.readouterr().err == "This scan needs pyarrow: pip install -r requirements-scan.txt\n"


def test_parts_are_of_at_least_one_picture(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["scan", ".", "--out", "out.parquet", "--part", "0"])
    assert ended.value.code == 2


def test_progress_is_told_now_and_then_and_not_for_each_picture() -> None:
    out, now = io.StringIO(), 0.0
    progress = Progress(out, done=100, total=400, clock=lambda: now)
    for _ in range(100):
        now += 1.0
        progress.tick()
    assert out.getvalue().splitlines() == [
        "130 of 400 pictures, 1.0 a second, 0:04:30 left",
        "160 of 400 pictures, 1.0 a second, 0:04:00 left",
        "190 of 400 pictures, 1.0 a second, 0:03:30 left",
    ]


def test_ray_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "ray" else find_spec(name))
    with pytest.raises(ScanError, match=r"needs ray: pip install -r requirements-scan\.txt"):
        run.scan(str(SAMPLES), tmp_path / "out.parquet", Settings(), sys.stderr, engine="ray")
