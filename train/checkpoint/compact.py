"""How an export keeps its weights small: kernels and matrices in fp16, a tower's matrices in int8.

An EfficientNet stands whole in both files. A tower's matrices stand in ``model.safetensors`` alone, and the graph
points at them there (ONNX external data): one file instead of two for the most of the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from unfake.detector.checkpoint import sha256_of
from unfake.detector.tower import SCALE

_LEVELS = 127  # int8, symmetrically: -127 to 127
_SMALLEST = 64  # numbers: what has fewer is not worth a node of its own


def halve(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights with kernels and matrices in fp16; biases and normalisation statistics stay in fp32.

    Raises OverflowError where a weight does not fit into fp16.
    """
    stored = {}
    for name, tensor in state.items():
        kept = tensor.half() if tensor.ndim > 1 and tensor.is_floating_point() else tensor
        if not kept.isfinite().all():
            raise OverflowError(f"{name} has weights beyond the range of fp16")
        stored[name] = kept.contiguous().clone()
    return stored


def quantise(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As `halve`, but the matrices of a transformer's blocks in int8, each row with its own fp32 scale beside it.

    Matrices that were int8 by rows before, such as those of a package, come out as they were.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if ".blocks." in name and tensor.ndim == 2:
            scale = (tensor.abs().amax(1) / _LEVELS).clamp(min=torch.finfo(torch.float32).tiny)
            stored[name] = torch.round(tensor / scale[:, None]).to(torch.int8)
            stored[name + SCALE] = scale
        else:
            stored |= halve({name: tensor})
    return stored


def halve_graph(model: onnx.ModelProto, weights: Container[str]) -> None:
    """Store the graph's kernels and matrices in fp16, each with a Cast behind it: same numbers as in `halve`.

    ``weights``: their names. What is no weight stays as it is, such as a table of rotary position embeddings.
    """
    casts = []
    for tensor in model.graph.initializer:
        if (
            tensor.name not in weights
            or tensor.data_type != TensorProto.FLOAT
            or len(tensor.dims) < 2
            or np.prod(tensor.dims) < _SMALLEST
        ):
            continue
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.fp16")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    _put_first(model, casts)


def refer_graph(model: onnx.ModelProto, prefix: str, weights: Path) -> None:
    """Let the graph read what `quantise` made int8 from ``weights``, a safetensors file that will lie beside it.

    ``prefix``: of the graph's names, before the file's. The file's sha256 goes into the graph, so that the graph's
    own stands for both. The layout is that of https://huggingface.co/docs/safetensors: eight bytes with the length
    of a JSON header, the header, then the tensors at the offsets that it gives.
    """
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for name in [n.removesuffix(SCALE) for n in header if n.endswith(SCALE)]:
        tensor, full = initializers[prefix + name], prefix + name
        rows = numpy_helper.to_array(tensor)
        scale = np.abs(rows).max(1) / np.float32(_LEVELS)
        start, end = header[name]["data_offsets"]
        outside = TensorProto(name=f"{full}.int8", data_type=TensorProto.INT8, dims=tensor.dims)
        outside.data_location = TensorProto.EXTERNAL
        for key, value in (("location", weights.name), ("offset", 8 + length + start), ("length", end - start)):
            outside.external_data.add(key=key, value=str(value))
        tensor.CopyFrom(outside)
        model.graph.initializer.append(numpy_helper.from_array(scale, f"{full}.scale"))
        nodes.append(
            helper.make_node(
                "DequantizeLinear", [outside.name, f"{full}.scale"], [full], name=f"{full}.dequantise", axis=0
            )
        )
    _put_first(model, nodes)
    model.metadata_props.add(key=weights.name, value=sha256_of(weights))


def plain_splits(model: onnx.ModelProto) -> None:
    """Put a Split where torch writes a sequence and takes its items: OpenVINO cannot read each such one."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name in ("value", "value_int"):
            value = helper.get_attribute_value(node.attribute[0])
            values[node.output[0]] = numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.array(value)
    nodes = list(model.graph.node)
    found = []
    for node in nodes:
        if node.op_type == "SplitToSequence":
            taken = {int(values[n.input[1]]): n.output[0] for n in nodes if n.input[:1] == node.output}
            parts = [taken.get(number, f"{node.output[0]}.{number}") for number in range(max(taken) + 1)]
            axis = next(each.i for each in node.attribute if each.name == "axis")
            found.append(helper.make_node("Split", [node.input[0]], parts, axis=axis, num_outputs=len(parts)))
        elif node.op_type != "SequenceAt":
            found.append(node)
    del model.graph.node[:]
    model.graph.node.extend(found)


def _put_first(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    del model.graph.value_info[:]
