"""Pictures that a table lists, from this machine and from a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.files import Answer, FileServer
from tests.servers.files import jpeg as served
from tests.train.corpus.made import built, jpeg, rows
from train.corpus.source import Picture
from train.corpus.sources.table import TableSource
from train.errors import SourceError

HEADER = ("source", "label", "group", "generator", "path", "url")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


def source(tmp_path: Path, *lines: tuple[str, ...], mark: str = "\t", **options: Any) -> TableSource:
    """A source on a table of these lines; the first is on line 2, below `HEADER`."""
    table = tmp_path / ("list.csv" if mark == "," else "list.tsv")
    table.write_text("".join(mark.join(line) + "\n" for line in (HEADER, *lines)), encoding="utf-8")
    usual = {"table": table.name, "requests_per_second": 50, "retries": 0}
    return TableSource.from_config("listed", usual | options, tmp_path)


def prepared(found: TableSource, tmp_path: Path) -> list[Picture]:
    found.prepare(tmp_path / "out", iter(()))
    return list(found.pictures(tmp_path / "out"))


@pytest.mark.parametrize("mark", ["\t", ","])
def test_paths_and_addresses_become_pictures(mark: str, tmp_path: Path, server: FileServer) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    listed = source(
        tmp_path,
        ("camera", "real", "roll", "", "a.jpg", ""),
        ("maker", "fake", "roll", "sdxl", "", f"{server.url}/b"),
        ("maker", "fake", "", "sdxl", "", f"{server.url}/c"),
        mark=mark,
        licence="CC0-1.0",
    )
    found = prepared(listed, tmp_path)
    assert [(p.label, p.category, p.source, p.licence) for p in found] == [
        ("real", "camera", "listed", "CC0-1.0"),
        ("fake", "maker/sdxl", "listed", "CC0-1.0"),
        ("fake", "maker/sdxl", "listed", "CC0-1.0"),
    ]
    assert [p.read() for p in found] == [jpeg(1), served("/b", {}), served("/c", {})]
    assert [p.group for p in found] == ["listed/camera/roll", "listed/maker/roll", f"listed/{server.url}/c"]
    assert found[1].credit == f"{server.url}/b"


def test_what_has_come_is_not_asked_for_again_when_the_table_grows(tmp_path: Path, server: FileServer) -> None:
    first = ("maker", "fake", "", "", "", f"{server.url}/b")
    prepared(source(tmp_path, first), tmp_path)
    found = prepared(source(tmp_path, ("maker", "fake", "", "", "", f"{server.url}/c"), first), tmp_path)
    assert [p.key for p in found] == [f"{server.url}/c", f"{server.url}/b"]
    assert server.asked == {"/b": 1, "/c": 1}


def test_what_is_gone_is_left_out(tmp_path: Path, server: FileServer) -> None:
    server.script["/b"] = [Answer(status=404)]
    lines = [("maker", "fake", "", "", "", f"{server.url}/{name}") for name in "bc"]
    assert [p.key for p in prepared(source(tmp_path, *lines), tmp_path)] == [f"{server.url}/c"]


def test_relative_paths_begin_at_the_root(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "a.jpg").write_bytes(jpeg(1))
    (found,) = prepared(source(tmp_path, ("camera", "real", "", "", "a.jpg", ""), root="pool"), tmp_path)
    assert found.content == tmp_path / "pool" / "a.jpg"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            ("x", "maybe", "", "", "a.jpg", ""),
            r"line 3 of .*list\.tsv: the label has to be real or fake, and not maybe",
        ),
        (("", "real", "", "", "b.jpg", ""), "line 3 .*: the source is empty"),
        (("x", "real", "", "", "", ""), "line 3 .*: either a path or a url"),
        (("x", "real", "", "", "b.jpg", "http://127.0.0.1/b"), "line 3 .*: either a path or a url"),
        (("x", "real", "", "", "", "file:///etc/passwd"), r"line 3 .*: file:///etc/passwd is no http\(s\) address"),
        (("x", "real", "", "", "", "http://[::"), r"line 3 .*: .* is no http\(s\) address"),
        (("x", "real", "", ""), "line 3 .*: 4 columns and not 6"),
        (("x", "real", "", "", "a.jpg", ""), "line 3 .*: .*a.jpg stands in line 2 as well"),
        (("x", "real", "", "", "missing.jpg", ""), "line 3 .*: there is no file .*missing.jpg"),
        (('"x', "real", "", "", "b.jpg", ""), "line 3 .*: unexpected end of data"),
    ],
)
def test_a_wrong_line_is_named_before_anything_is_fetched(
    line: tuple[str, ...], said: str, tmp_path: Path, server: FileServer
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    listed = source(tmp_path, ("x", "real", "", "", "a.jpg", ""), line)
    with pytest.raises(SourceError, match=said) as raised:
        prepared(listed, tmp_path)
    assert "\n" not in str(raised.value)
    assert not server.asked


def test_a_table_that_is_missing_or_empty_or_another_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"list\.tsv lists no pictures"):
        prepared(source(tmp_path), tmp_path)
    listed = source(tmp_path)
    listed.table.write_text("name\tlabel\n")
    with pytest.raises(SourceError, match=r"line 1 .*: the header has to name source, label, group, generator"):
        prepared(listed, tmp_path)
    listed.table.write_bytes(b"source\xff")
    with pytest.raises(SourceError, match="is not UTF-8"):
        prepared(listed, tmp_path)
    listed.table.unlink()
    with pytest.raises(SourceError, match=r"list\.tsv cannot be read \(No such file"):
        prepared(listed, tmp_path)


def test_a_corpus_is_built_of_it(tmp_path: Path) -> None:
    lines = []
    for seed in range(20):
        (tmp_path / f"{seed}.jpg").write_bytes(jpeg(seed))
        lines.append(("pool", ("real", "fake")[seed % 2], "", "", f"{seed}.jpg", ""))
    source(tmp_path, *lines)
    corpus = built(tmp_path, {"name": "listed", "kind": "table", "table": "list.tsv"})
    assert len(list(rows(corpus))) == 20
    assert {row["category"] for row in rows(corpus)} == {"pool"}
