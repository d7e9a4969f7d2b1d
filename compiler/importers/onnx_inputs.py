"""The inputs of an ONNX graph: which there are, how large they are, and which are known while compiling.

What the file leaves open is the user's to say (`--shape`), the batch apart. An input that is no data, as a sample rate
that a branch is taken by, may be a constant instead (`--constant`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from dyadic.compiler.importers.onnx_graph import captured
from dyadic.dialects.tensor_types import MOST_ELEMENTS
from dyadic.runtime.errors import ModelError, ResourceError, UsageError

Array = npt.NDArray[Any]
Shapes = Mapping[str, Sequence[int]]
Dims = list[int | str]  # a name, or "?", where the file leaves a size open


class NeedsConstant(ModelError):
    """Something has no form as long as `input`, which is no data, is not known while compiling.

    `what` and `so` are the sentence before and behind what is said of the samples: `value` in all of them.
    """

    def __init__(self, what: str, so: str, input: str, value: object = "VALUE") -> None:
        self.what, self.so, self.input = what, so, input
        seen = "" if value == "VALUE" else f", which is {value} in all calibration samples"
        super().__init__(f"{what}{seen}{so}, as --constant {input}={value}")


def dims_in_file(value: onnx.ValueInfoProto) -> Dims:
    """The sizes that a file gives an input."""
    return [d.dim_value if d.dim_value > 0 else (d.dim_param or "?") for d in value.type.tensor_type.shape.dim]


def take_inputs(graph: onnx.GraphProto, shapes: Shapes, constants: Mapping[str, Array]) -> None:
    """Leave in the graph the inputs that are data: no weights, no constants of the user's, nothing that is not read.

    Raises UsageError where a shape or a constant is for none of them.
    """
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in initialized]  # old files list weights as inputs
    names = ", ".join(f'"{value.name}"' for value in inputs)
    known = {value.name for value in inputs}
    for what, given in (("shape", shapes), ("constant", constants)):
        if unknown := sorted(set(given) - known):
            raise UsageError(f'a {what} was given for "{unknown[0]}", but the inputs of the model are {names}')
    for value in inputs:
        if value.name in constants:
            graph.initializer.append(_constant(value, constants[value.name], shapes.get(value.name)))
    inputs = [value for value in inputs if value.name not in constants]
    read = {name for node in graph.node for name in (*node.input, *captured(node))}
    read.update(value.name for value in graph.output)
    inputs = [value for value in inputs if value.name in read or _is_static(value)]
    if not inputs:
        raise ModelError("the model has no inputs: its answer is always the same, and there is nothing to compile")
    del graph.input[:]
    graph.input.extend(inputs)


def _constant(value: onnx.ValueInfoProto, given: Array, shape: Sequence[int] | None) -> onnx.TensorProto:
    """The user's constant in the type and the shape of the input; one number fills all of it."""
    dims = list(shape) if shape is not None else dims_in_file(value)
    kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    array = np.asarray(given)
    sizes = [size if isinstance(size, int) else 1 for size in dims]
    each = list(zip(dims, array.shape, strict=False))
    agrees = array.ndim == len(dims) and all(isinstance(d, str) or d == n for d, n in each)
    if array.ndim == 0:
        array = np.full(sizes, array)
    elif not agrees:
        raise UsageError(
            f'the constant of "{value.name}" has the shape {list(array.shape)}, but the model reads {show(dims)}'
        )
    made = array.astype(kind)
    if not np.array_equal(made, array):
        raise UsageError(f'the constant {given} was given for "{value.name}", but the model reads {kind}')
    return numpy_helper.from_array(made, value.name)


def _is_static(value: onnx.ValueInfoProto) -> bool:
    """Whether an input that nothing reads has a batch and known sizes: it stays in the interface; others vanish."""
    dims = value.type.tensor_type.shape.dim
    return bool(dims) and all(d.dim_value > 0 for d in dims[1:])


def fix_for_one_image(graph: onnx.GraphProto, shapes: Shapes) -> int:
    """Write the inputs' static shapes, the first dimension as a batch of 1; returns the batch that was baked into the
    file, 0 where it was open."""
    named = _sizes_by_name(graph.input, shapes)
    batches: dict[str, int] = {}  # 0 where it is open
    for value in graph.input:
        dims = dims_in_file(value)
        if dims:
            batches[value.name] = dims[0] if isinstance(dims[0], int) else 0
        if value.name in shapes:
            dims = _given_shape(value.name, dims, list(shapes[value.name]), 1)
        dims = [*dims[:1], *(named.get(str(size), size) for size in dims[1:])]
        if not dims:
            raise ModelError(f'the input "{value.name}" has no shape: give its size, as --shape {value.name}=1')
        _write_sizes(value, [1, *_known(value.name, dims, 1)])
    fixed = sorted({size for size in batches.values() if size > 1})
    return fixed[0] if fixed else min(batches.values(), default=1)


def fix_as_they_are(graph: onnx.GraphProto, shapes: Shapes) -> None:
    """Write the inputs' static shapes, batches included; what is open in front is 1 where the user does not say."""
    named = _sizes_by_name(graph.input, shapes)
    for value in graph.input:
        first = value.type.tensor_type.shape.dim[:1]
        if first and first[0].dim_param and first[0].dim_param != "?" and first[0].dim_value <= 0:
            named.setdefault(first[0].dim_param, 1)
    for value in graph.input:
        dims = dims_in_file(value)
        if value.name in shapes:
            dims = _given_shape(value.name, dims, list(shapes[value.name]), 0)
        elif not value.type.tensor_type.HasField("shape"):
            raise ModelError(f'the input "{value.name}" has no shape: give its size, as --shape {value.name}=1')
        dims = [named.get(str(size), size) for size in dims]
        if dims and isinstance(dims[0], str):
            dims[0] = 1
        _write_sizes(value, _known(value.name, dims, 0))


def no_batch(graph: onnx.GraphProto) -> str | None:
    """Why the first dimensions of the inputs are no batch, whatever the graph does; None where they may be one."""
    every = {value.name: dims_in_file(value) for value in graph.input}
    for value in graph.input:
        if not value.type.tensor_type.shape.dim and value.type.tensor_type.HasField("shape"):
            return f'the input "{value.name}" is one number'
    fixed = {name: dims[0] for name, dims in every.items() if dims and isinstance(dims[0], int) and dims[0] > 1}
    if len(set(fixed.values())) > 1:
        each = ", ".join(f'"{name}" {size}' for name, size in fixed.items())
        return f"the inputs have different first dimensions ({each})"
    fronts = {dims[0] for dims in every.values() if dims and isinstance(dims[0], str) and dims[0] != "?"}
    for name, dims in every.items():
        if behind := [d for d, size in enumerate(dims) if d and size in fronts]:
            return f'dimension {behind[0]} of the input "{name}" is as long as others\' first, "{dims[behind[0]]}"'
    return None


def _known(name: str, dims: Dims, first: int) -> list[int]:
    """The sizes from dimension `first` on. Raises ModelError where one is open."""
    if any(isinstance(d, str) for d in dims[first:]):
        front = str(dims[0]) if isinstance(dims[0], int) and not first else "1"
        example = "x".join([front, *(str(d) if isinstance(d, int) else "224" for d in dims[1:])])
        raise ModelError(f'the input "{name}" has the shape {show(dims)}: give its size, as --shape {name}={example}')
    return [int(size) for size in dims[first:]]


def _write_sizes(value: onnx.ValueInfoProto, sizes: Sequence[int]) -> None:
    if math.prod(sizes) > MOST_ELEMENTS:
        raise ResourceError(
            f'the input "{value.name}" has the shape {list(sizes)}, {math.prod(sizes)} numbers for one image; '
            f"up to {MOST_ELEMENTS} are supported"
        )
    shape = value.type.tensor_type.shape
    shape.SetInParent()
    del shape.dim[:]
    for size in sizes:
        shape.dim.add().dim_value = size


def _sizes_by_name(inputs: Sequence[onnx.ValueInfoProto], shapes: Shapes) -> dict[str, int]:
    """What the sizes that the file has names for are, by the shapes that are given: other inputs may have them, too."""
    found: dict[str, int] = {}
    for value in inputs:
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            if dim.dim_param and dim.dim_param != "?":
                found.setdefault(dim.dim_param, size)
    return found


def _given_shape(name: str, dims: Dims, given: list[int], first: int) -> Dims:
    """The user's shape of an input, where it agrees with what the file fixes from dimension `first` on."""
    agrees = all(isinstance(d, str) or d == g for d, g in zip(dims[first:], given[first:], strict=False))
    if (dims and (len(dims) != len(given) or not agrees)) or (not given and first):
        raise UsageError(f'the shape {given} was given for "{name}", but the model fixes it to {show(dims)}')
    return [*given]


def show(dims: Sequence[int | str]) -> str:
    """
    >>> show([1, "N", 3])
    '[1, N, 3]'
    """
    return "[" + ", ".join(str(d) for d in dims) + "]"
