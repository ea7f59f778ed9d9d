from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLES
from tests.evidence import files
from unfake.__main__ import main
from unfake.services import Answer

REAL = "pagoda.jpg"


pytestmark = pytest.mark.usefixtures("command_settings")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.jpg").write_bytes((SAMPLES / REAL).read_bytes())
    (tmp_path / "b.png").write_bytes(files.png({"parameters": files.A1111}))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("=cmd.jpg", b"no picture")
    return tmp_path


def run(*arguments: object) -> tuple[int, str]:
    out = io.StringIO()
    return main(["classify", *map(str, arguments)], out), out.getvalue()


def test_the_exit_status_tells_what_was_found(folder: Path) -> None:
    assert run(SAMPLES / REAL)[0] == 0
    assert run(SAMPLES / REAL, folder / "b.png", SAMPLES / REAL)[0] == 1
    assert run(folder / "c.zip", folder / "b.png", SAMPLES / REAL)[0] == 2
    assert run(folder / "nothing.jpg")[0] == 2


def test_each_picture_is_a_line_for_people(folder: Path) -> None:
    _, text = run(folder, folder / "c.zip")
    first, second, third = text.splitlines()
    assert first.startswith(f"{folder / 'a.jpg'}: ")
    assert first.endswith("AI)")
    assert "(pixels, unfake-toy@" in first
    assert second == f"{folder / 'b.png'}: AI-generated, says the file (stated)"
    assert "not a picture" in third


def test_that_another_network_speaks_than_was_asked_for_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNFAKE_MODEL", "/nowhere/net")
    _, text = run(SAMPLES / REAL)
    assert "unfake-clip@" in text
    assert "net" in capsys.readouterr().err


def test_json_is_one_object_a_line(folder: Path) -> None:
    _, text = run(folder, folder / "c.zip", "--json")
    real, stated, broken = map(json.loads, text.splitlines())
    assert real["report"]["verdict"]["ground"] == "pixels"
    verdict = stated["report"]["verdict"]
    assert (stated["report"]["schema"], verdict["label"], verdict["ground"]) == (
        "unfake.report/2",
        "declared_ai",
        "stated",
    )
    assert verdict["pixels"]["label"] in ("likely_real", "inconclusive", "likely_fake")
    assert broken["report"] is None
    assert "not a picture" in broken["error"]


def test_csv_is_a_table_without_formulas(folder: Path) -> None:
    _, text = run(folder, folder / "c.zip", "--csv")
    header, real, stated, broken = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == Answer.COLUMNS
    assert 0 < float(real[3]) < 1
    assert stated[:4] == [str(folder / "b.png"), "declared_ai", "stated", ""]
    assert broken[1:8] == [""] * 7
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in (real, stated, broken) for cell in row)


def test_a_record_of_one_picture_is_written(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, data = tmp_path / "out.html", tmp_path / "out.json"
    assert run(folder / "b.png", "--report", page) == (
        1,
        f"{folder / 'b.png'}: AI-generated, says the file (stated)\n",
    )
    digest = hashlib.sha256((folder / "b.png").read_bytes()).hexdigest()
    assert digest in page.read_text()
    run(folder / "b.png", "--report", data, "--json")
    assert json.loads(data.read_text())["picture"]["sha256"] == digest
    assert run(folder / "c.zip", "--report", tmp_path / "none.html")[0] == 2
    assert not (tmp_path / "none.html").exists()
    capsys.readouterr()
    assert run(folder / "b.png", "--report", tmp_path)[0] == 2
    assert "is a directory" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(folder / "a.jpg", folder / "b.png", "--report", page)


def test_without_a_picture_or_a_path_there_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path)[0] == 2
    assert "no picture" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 2
    monkeypatch.setenv("UNFAKE_DEVICE", "abacus")
    assert run(tmp_path)[0] == 2
    assert "UNFAKE_DEVICE" in capsys.readouterr().err


def test_it_runs_as_a_module_without_torch(folder: Path) -> None:
    code = (
        "import runpy, sys\n"
        "try: runpy.run_module('unfake', run_name='__main__', alter_sys=True)\n"
        "finally: assert not {'torch', 'gradio'} & sys.modules.keys()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "classify", str(folder / "b.png")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "says the file" in ran.stdout
