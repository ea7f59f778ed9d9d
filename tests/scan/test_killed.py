from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scan.killed import PART

pq = pytest.importorskip("pyarrow.parquet")


@pytest.mark.slow
def test_a_scan_that_is_killed_anywhere_loses_at_most_a_part_and_has_nothing_twice(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.scan.killed", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    kills = int(ran.stdout)
    assert kills == 2 * 8  # the list of files, the plan, four parts, the whole, its place: before and after each
    names = [str(path) for path in sorted((tmp_path / "source").iterdir())]
    for out in tmp_path.glob("*.parquet"):
        assert pq.read_table(out)["source"].to_pylist() == names
        assert not out.with_name(f"{out.name}.parts").exists()
        looked = Counter(out.with_suffix(".log").read_text().split())
        assert set(looked) == set(names)
        assert sum(looked.values()) - len(names) <= (0 if out.name.startswith("True") else PART)
    assert len(list(tmp_path.glob("*.parquet"))) == kills + 2
