"""Where a checkpoint's graph runs: OpenVINO on a CPU, torch on a CUDA device; the same answer from both."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from queue import LifoQueue
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from unfake.detector.views import Pixels
from unfake.errors import CheckpointCorrupt, SettingsError

if TYPE_CHECKING:
    from unfake.detector.checkpoint import Checkpoint

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "f32", "bf16"]
# Pictures in the graph at once. Each already takes all cores, and each request holds its own intermediate results, so
# more would cost memory and win no time; a second one fills the gaps of the first.
REQUESTS = 2
Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]


class Runtime(Protocol):
    """Runs one checkpoint's graph."""

    @property
    def name(self) -> str:
        """For the report: engine, device and precision."""
        ...

    def run(self, views: Pixels) -> Outputs:
        """Logits ``[N, 2]`` and class activation maps ``[N, 2, rows, columns]`` of uint8 views ``[N, S, S, 3]``."""
        ...


def _graph(checkpoint: Checkpoint, folder: Path) -> Path:
    """Path of the checkpoint's graph, with the weights that it points at beside it.

    A tower's graph reads ``model.safetensors``, and OpenVINO follows no link out of the graph's folder. In a cache of
    the Hub every file is such a link: hard links to the same bytes are put into ``folder`` then, or copies where that
    cannot be.
    """
    if not (checkpoint.config.blocks and checkpoint.onnx_path.is_symlink()):
        return checkpoint.onnx_path
    folder.mkdir(parents=True, exist_ok=True)
    for each in (checkpoint.safetensors_path, checkpoint.onnx_path):
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            plain = Path(beside) / each.name
            try:
                plain.hardlink_to(each.resolve())
            except OSError:
                shutil.copy2(each, plain)
            plain.replace(folder / each.name)
    return folder / checkpoint.onnx_path.name


class OpenVinoRuntime:
    """``model.onnx`` on the CPU.

    The precision is always set: left alone, OpenVINO computes in bf16 wherever the processor can.
    """

    def __init__(self, checkpoint: Checkpoint, precision: Precision = "auto", cache: Path | None = None) -> None:
        """Read and compile the graph; ``cache`` is a folder that keeps the compiled graph between starts.

        Raises CheckpointCorrupt where OpenVINO cannot read the file.
        """
        import openvino as ov  # noqa: PLC0415 - slow to import, and not needed on a CUDA machine

        core = ov.Core()
        if cache is not None:
            core.set_property({"CACHE_DIR": str(cache)})
        if precision == "auto":
            can_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            precision = "bf16" if can_bf16 else "f32"
        self.name = f"openvino {ov.__version__.split('-')[0]} cpu {precision}"
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        with tempfile.TemporaryDirectory() as passing:
            graph = _graph(checkpoint, (cache or Path(passing)) / "graphs" / checkpoint.id)
            try:
                self._compiled = core.compile_model(graph, "CPU", options)
            except RuntimeError as error:
                raise CheckpointCorrupt(f"The graph of the checkpoint {checkpoint.id} cannot be read.") from error
        self._requests: LifoQueue[ov.InferRequest] = LifoQueue()
        for _ in range(REQUESTS):
            self._requests.put(self._compiled.create_infer_request())

    def run(self, views: Pixels) -> Outputs:
        """See `Runtime.run`; may be called from several threads."""
        request = self._requests.get()
        try:
            result = request.infer([views], share_inputs=True, share_outputs=False)
            return result[0].astype(np.float32), result[1].astype(np.float32)
        finally:
            self._requests.put(request)


class TorchRuntime:
    """``model.safetensors`` in torch, on a CUDA device or, to compare, on the CPU."""

    def __init__(self, checkpoint: Checkpoint, device: Literal["cpu", "cuda"], precision: Precision = "auto") -> None:
        """Load the weights; raises CheckpointCorrupt where they do not fit the configuration."""
        import torch  # noqa: PLC0415 - never imported on the way to a CPU verdict

        from unfake.detector.model import ServingGraph, load_network  # noqa: PLC0415

        config = checkpoint.config
        if precision == "auto":
            precision = "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "f32"
        try:
            model = load_network(checkpoint.folder)
        except (RuntimeError, OSError) as error:
            raise CheckpointCorrupt(
                f"The weights of the checkpoint {checkpoint.id} do not fit its backbone."
            ) from error
        graph = ServingGraph(model, config.mean, config.std).eval().to(device).to(memory_format=torch.channels_last)
        self._torch, self._graph, self._device = torch, graph, device
        self._bf16 = precision == "bf16"
        self.name = f"torch {torch.__version__.split('+')[0]} {device} {precision}"

    def run(self, views: Pixels) -> Outputs:
        """See `Runtime.run`."""
        torch = self._torch
        with torch.inference_mode(), torch.autocast(self._device, torch.bfloat16, enabled=self._bf16):
            logits, maps = self._graph(torch.tensor(views).to(self._device))  # a copy: pictures are read-only
        return logits.float().cpu().numpy(), maps.float().cpu().numpy()


def _nvidia_driver() -> bool:
    """Whether an NVIDIA driver is loaded (Linux) - the question that decides whether torch is worth importing."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists()


def start(
    checkpoint: Checkpoint, device: Device = "auto", precision: Precision = "auto", cache: Path | None = None
) -> Runtime:
    """The runtime for this machine: CUDA where it is present, unless ``device`` says otherwise.

    Raises SettingsError where CUDA is asked for and not to be had, CheckpointCorrupt where the checkpoint does
    not load.
    """
    if device == "cuda" or (device == "auto" and _nvidia_driver()):
        import torch  # noqa: PLC0415

        if torch.cuda.is_available():
            return TorchRuntime(checkpoint, "cuda", precision)
        if device == "cuda":
            raise SettingsError("UNFAKE_DEVICE is cuda, but torch finds no CUDA device.")
    return OpenVinoRuntime(checkpoint, precision, cache)
