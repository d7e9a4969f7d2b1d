"""How far every layer is from ONNX Runtime's, in steps, where both read the same integers.

ONNX Runtime is asked for the integers of every quantization of the file. The integer network is walked beside: each
layer computes from ONNX Runtime's integers, is compared with them where the file has a tensor of the same quantization
behind that layer, and hands on ONNX Runtime's. So a layer that is off by more than one step is a fault of that layer.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper
from torch_mlir import ir

from dyadic.dialects.reference import IntegerReference, Step, boundary_names, main_function
from dyadic.dialects.tensor_types import activation, shape
from dyadic.runtime.errors import printable

Array = npt.NDArray[Any]
MAKES_INTEGERS = ("QuantizeLinear", "QLinear", "QGemm")


@dataclass(frozen=True)
class Tensor:
    """A tensor of integers in the file, and the layers that it may be the rounding of."""

    name: str
    scale: float
    zero_point: int  # of unsigned integers
    shift: int  # what makes its integers unsigned
    layers: frozenset[str]


@dataclass(frozen=True)
class Distance:
    """Of one layer: how many numbers are off, of how many, and by how many steps at most."""

    layer: str
    operator: str
    off: int
    count: int
    most: int


def quantizations(model: onnx.ModelProto) -> list[Tensor]:
    """Every activation that the file rounds to integers of one scale."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    producers = {name: node for node in model.graph.node for name in node.output}
    found = []
    for node in model.graph.node:
        weights = node.op_type == "QuantizeLinear" and node.input[0] in constants
        if weights or not node.op_type.startswith(MAKES_INTEGERS):
            continue
        scale, zero_point = _scaling(node)
        if scale not in constants or zero_point not in constants or constants[scale].size != 1:
            continue
        point = constants[zero_point].reshape(-1)[0]
        shift = 1 << (8 * point.dtype.itemsize - 1) if point.dtype.kind == "i" and point.dtype.itemsize == 1 else 0
        layers = {node.name, *_before(node, producers)} if node.op_type == "QuantizeLinear" else {node.name}
        found.append(
            Tensor(node.output[0], float(constants[scale].reshape(-1)[0]), int(point) + shift, shift, frozenset(layers))
        )
    return found


def _scaling(node: onnx.NodeProto) -> tuple[str, str]:
    """Names of the scale and the zero point of a result."""
    at = {"QuantizeLinear": (1, 2), "QLinearConv": (6, 7), "QLinearMatMul": (6, 7), "QLinearConcat": (0, 1),
          "QLinearAdd": (6, 7), "QLinearMul": (6, 7), "QGemm": (7, 8)}.get(node.op_type, (3, 4))  # fmt: skip
    return tuple(node.input[i] if i < len(node.input) else "" for i in at)  # pyright: ignore[reportReturnType]


def _before(node: onnx.NodeProto, producers: Mapping[str, onnx.NodeProto]) -> Iterator[str]:
    """Layers in front of a quantization, back to those in front of it."""
    waiting, seen = deque(node.input[:1]), set()
    while waiting:
        made = producers.get(waiting.popleft())
        if made is None or made.name in seen or made.op_type == "DequantizeLinear":
            continue
        seen.add(made.name)
        yield made.name
        waiting.extend(made.input)


def integers_of_onnxruntime(
    model: onnx.ModelProto, tensors: list[Tensor], feeds: Mapping[str, Array], fused: bool = True
) -> dict[str, Array]:
    """The integers of every such tensor, as unsigned ones where they have 8 bits; and the outputs.

    fused: as it runs for a user, with kernels of integers; else every operator by itself, in float where QDQ is.
    """
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    have = {output.name for output in asked.graph.output}
    outputs = [output.name for output in asked.graph.output]
    for tensor in tensors:
        if tensor.name not in have:
            asked.graph.output.append(onnx.ValueInfoProto(name=tensor.name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(asked.SerializeToString(), options, providers=["CPUExecutionProvider"])
    shifts = {tensor.name: tensor.shift for tensor in tensors}
    names = [*dict.fromkeys([*outputs, *shifts])]
    batches = []
    for i in range(len(next(iter(feeds.values())))):
        got = session.run(names, {name: values[i : i + 1] for name, values in feeds.items()})
        batches.append([np.asarray(one) for one in got])
    joined = {name: np.concatenate([one[k] for one in batches]) for k, name in enumerate(names)}
    return {name: a.astype(np.int64) + shifts[name] if name in shifts else a for name, a in joined.items()}


def distances(network: ir.Operation, model: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Distance]:
    """Of every layer whose result the file has, in order."""
    tensors = quantizations(model)
    theirs = integers_of_onnxruntime(model, tensors, feeds)
    reference = IntegerReference(network)
    names, _ = boundary_names(main_function(network))
    values: dict[int, Array] = {**reference.constants}
    values |= {reference.plan.arguments[name]: np.asarray(feeds[name]) for name in names}
    ends = last_steps(reference.plan.steps, tensors, theirs, len(next(iter(feeds.values()))))
    found = []
    for step in reference.plan.steps:
        made = step.op.evaluate(*[values[slot] for slot in step.inputs])
        if step.output in ends:
            wanted = part_like(made, theirs[ends[step.output]])
            off = np.abs(made.astype(np.int64) - wanted)
            operator = step.op.operation.name.removeprefix("qi.")
            counted = int((off > 0).sum()), off.size, int(off.max(initial=0))
            found.append(Distance(printable(step.name), operator, *counted))
            made = wanted.astype(made.dtype)
        values[step.output] = made
    return found


def last_steps(
    steps: Sequence[Step], tensors: Sequence[Tensor], theirs: Mapping[str, Array], batch: int
) -> dict[int, str]:
    """Which slot holds which tensor of the file: of steps with its layer's name, its quantization and its size, the
    last, else of those that compute a part of it; none where the file has two such tensors."""
    whole: dict[str, int] = {}
    parts: dict[str, int] = {}
    for step in steps:
        result = step.op.operation.results[0]
        kind = activation(result)
        if kind is None:
            continue
        names, sizes = {step.name, step.name.rsplit("#", 1)[0]}, (batch, *shape(result)[1:])
        named = [
            one.name
            for one in tensors
            if names & one.layers and (one.scale, one.zero_point) == (kind.scale, kind.zero_point)
        ]
        alike = [name for name in named if theirs[name].size == math.prod(sizes)]
        larger = [name for name in named if shorter_dimension(sizes, theirs[name].shape) is not None]
        if len(alike) == 1:
            whole[alike[0]] = step.output
        elif not alike and len(larger) == 1:
            parts[larger[0]] = step.output
    return {slot: name for name, slot in (parts | whole).items()}


def shorter_dimension(sizes: Sequence[int], others: Sequence[int]) -> int | None:
    """The only dimension in which sizes differ, where the first is shorter."""
    if len(sizes) != len(others):
        return None
    apart = [d for d, (a, b) in enumerate(zip(sizes, others, strict=True)) if a != b]
    return apart[0] if len(apart) == 1 and sizes[apart[0]] < others[apart[0]] else None


def part_like(made: Array, theirs: Array) -> Array:
    """All of `theirs`; or, where only neighbours along a dimension are computed (the token that a classifier reads),
    those that are nearest to `made`."""
    if theirs.size == made.size:
        return theirs.reshape(made.shape)
    d = shorter_dimension(made.shape, theirs.shape)
    assert d is not None
    windows = [theirs.take(range(i, i + made.shape[d]), d) for i in range(theirs.shape[d] - made.shape[d] + 1)]
    return min(windows, key=lambda window: np.abs(window - made.astype(np.int64)).sum())
