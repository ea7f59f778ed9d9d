from __future__ import annotations

import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (pip install -r requirements-scan.txt)"),
]


def test_a_machine_of_a_cluster_that_is_lost_loses_nothing_and_nothing_is_there_twice(tmp_path: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 - comes with ray's requirements

    ran = subprocess.run(
        [sys.executable, "-m", "tests.scan.cluster", str(SAMPLES), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    said = [line.split() for line in ran.stdout.splitlines()]
    (killed,) = (words[1] for words in said if words[:1] == ["killed"])
    assert {words[1] for words in said if words[:1] == ["node"]} - {killed}  # the other one went on
    assert "shard 4 goes on elsewhere" in ran.stdout
    found = pq.read_table(tmp_path / "found.parquet").to_pylist()
    here = pq.read_table(tmp_path / "here.parquet").to_pylist()
    assert found == here
    assert set(Counter(row["source"] for row in found).values()) == {1}
    assert len(found) == len(list(SAMPLES.glob("*.jpg")))
