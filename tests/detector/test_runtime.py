from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import ROOT, SAMPLES
from unfake.detector.calibration import margin
from unfake.detector.checkpoint import Checkpoint, load_folder, sha256_of
from unfake.detector.runtime import OpenVinoRuntime, TorchRuntime, start
from unfake.detector.views import cut
from unfake.errors import CheckpointCorrupt, SettingsError
from unfake.intake import from_path


@pytest.fixture(scope="module")
def checkpoint(toy: Path) -> Checkpoint:
    return load_folder(toy)


def test_torch_and_openvino_agree(checkpoint: Checkpoint) -> None:
    openvino, reference = OpenVinoRuntime(checkpoint, "f32"), TorchRuntime(checkpoint, "cpu", "f32")
    probability = checkpoint.config.calibration.probability
    for path in sorted(SAMPLES.glob("*.jpg"))[:8]:
        views = cut(from_path(path).pixels, checkpoint.config.views).pixels
        views.flags.writeable = False  # as those of a picture that needed no resizing are
        ours, ours_map = openvino.run(views)
        theirs, theirs_map = reference.run(views)
        assert abs(probability(margin(ours)) - probability(margin(theirs))) < 1e-3
        np.testing.assert_allclose(ours_map, theirs_map, atol=1e-2)
        np.testing.assert_allclose(ours_map.mean(axis=(2, 3)), ours, atol=1e-3)


def test_any_number_of_views_and_from_many_threads(checkpoint: Checkpoint) -> None:
    runtime = OpenVinoRuntime(checkpoint, "f32")
    size = checkpoint.config.views.size
    views = np.random.default_rng(0).integers(0, 256, (5, size, size, 3), dtype=np.uint8)
    expected = runtime.run(views)[0]
    found: dict[int, np.ndarray] = {}

    def work(count: int) -> None:
        found[count] = runtime.run(views[:count])[0]

    threads = [threading.Thread(target=work, args=(count,)) for count in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for count, logits in found.items():
        np.testing.assert_allclose(logits, expected[:count], atol=1e-3)


def test_the_precision_is_always_said(checkpoint: Checkpoint) -> None:
    assert OpenVinoRuntime(checkpoint).name.endswith(("f32", "bf16"))
    assert OpenVinoRuntime(checkpoint, "f32").name.endswith("cpu f32")


def test_the_compiled_graph_is_cached(checkpoint: Checkpoint, tmp_path: Path) -> None:
    OpenVinoRuntime(checkpoint, "f32", tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.blob")}
    assert kept
    OpenVinoRuntime(checkpoint, "f32", tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.blob")} == kept


def test_a_graph_that_is_none_is_refused(toy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(toy, folder)
    (folder / "model.onnx").write_bytes(b"not a graph")
    config = json.loads((folder / "config.json").read_text())
    config["files"]["model.onnx"] = sha256_of(folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointCorrupt, match="cannot be read"):
        OpenVinoRuntime(load_folder(folder))


def test_cuda_is_not_replaced_in_silence(checkpoint: Checkpoint) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(SettingsError, match="no CUDA device"):
        start(checkpoint, "cuda")


@pytest.mark.slow
def test_torch_is_not_imported_on_the_way_to_a_cpu_verdict() -> None:
    script = (
        "import sys, pathlib, app\n"
        "found = app.services.classify_file(pathlib.Path('unfake/catalog/samples/pagoda.jpg'))\n"
        "assert found.report.runtime.startswith('openvino')\n"
        "print(sorted(set(sys.modules) & {'torch', 'torchvision', 'timm', 'sklearn', 'datasets'}))\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "UNFAKE_DEVICE": "cpu", "HOME": "/tmp"}  # noqa: S108
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
