"""The integer IR as an artifact keeps it: weights are not stored twice, but found again among the packed ones.

Weights of fewer than 8 bits are first brought back to 8. Packing these, and the float32 of islands, only moves bytes
and adds zeros. So the place of every weight follows from packing its position instead of its value, and a constant is
kept as (offset in the weights section, spec of the kernel that reads it). The scales of groups lie among the weights,
too.
"""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.compiler.targets.emitted import Stored
from dyadic.compiler.targets.weight_readers import constant_of, weight_readers
from dyadic.dialects.launch import LaunchOp
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.weight_groups import GROUP_SCALES
from dyadic.passes.lower.cpu.kernels import registry
from dyadic.passes.lower.cpu.kernels.families import depthwise, embedding, float_conv, recurrence, weight_storage
from dyadic.passes.lower.cpu.kernels.weights.weight_format import LINE
from dyadic.passes.rewriting import layer_name

PACKED, SPEC = "qi.packed", "qi.spec"


def positions(spec: Any, dims: list[int]) -> npt.NDArray[np.int64]:
    """For every byte of the packed weights: the number of the weight that lies there, counted from 1; 0 is padding."""
    numbers = np.arange(1, np.prod(dims) + 1, dtype=np.int64)
    if isinstance(spec, depthwise.DepthwiseSpec):
        return depthwise.pack_weights(spec, numbers.reshape(dims))
    if isinstance(spec, recurrence.RecurrenceSpec):
        return recurrence.pack_weights(spec, numbers.reshape(dims))
    numbers = numbers.reshape(dims if len(dims) == 4 else [dims[0], 1, spec.taps_x, -1])
    return weight_storage.pack_weights(spec, numbers, spec.tap_x)


def unpack(spec: Any, packed: npt.NDArray[np.int8], dims: list[int]) -> npt.NDArray[Any]:
    """The inverse of the kernel's packing; `packed` may go on with others' bytes."""
    if isinstance(spec, embedding.EmbeddingSpec):
        return np.ascontiguousarray(packed[: int(np.prod(dims))]).reshape(dims)
    if isinstance(spec, float_conv.FloatConvSpec):
        return np.ascontiguousarray(float_conv.unpack_weights(spec, packed)).reshape(dims)
    numbers = positions(spec, dims)
    if isinstance(spec, depthwise.DepthwiseSpec):
        packed = weight_storage.unpack_depthwise(spec, packed)
    elif not isinstance(spec, recurrence.RecurrenceSpec):
        packed = weight_storage.unpack(spec, packed)
    weight = np.zeros(int(np.prod(dims)), np.int8)
    real = numbers > 0
    weight[numbers[real] - 1] = packed[: len(numbers)][real]
    return weight.reshape(dims)


def group_scales(spec: Any, packed: npt.NDArray[np.int8], weight: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """As `qi.group_scales` has them."""
    scales = weight_storage.scales_of(spec, packed)
    return np.ascontiguousarray(scales.reshape(*weight.shape[:-1], -1) if weight.ndim == 4 else scales)


def store(integer: ir.Module | ir.Operation, launches: list[LaunchOp], offsets: list[int]) -> bytes:
    """Bytecode of a copy of `integer` whose weights refer to the packed ones.

    A layer without a launch of its own, whose few weights another one's parameters have, keeps them.

    Args:
        launches: those of the outlined module that have weights of `qi.Layer` ops or tables of embeddings, in order.
        offsets: where the weights of each launch lie in the weights section.
    """
    copy = integer.operation.clone()
    waiting = list(zip(launches, offsets, strict=True))
    with copy.context, ir.Location.unknown():
        for op in weight_readers(copy):
            if not waiting or not _is_of(waiting[0][0], op):
                continue
            launch, offset = waiting.pop(0)
            constant = constant_of(op)
            if isinstance(constant.attributes["value"], ir.UnitAttr):
                continue  # shared, and done for another reader
            constant.attributes["value"] = ir.UnitAttr.get()
            constant.attributes[PACKED] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), offset)
            constant.attributes[SPEC] = launch.spec
            if GROUP_SCALES in constant.attributes:
                constant.attributes[GROUP_SCALES] = ir.UnitAttr.get()
        assert not waiting, f"no layer has the weights of {waiting[0][0].layer}"
        stream = io.BytesIO()
        copy.write_bytecode(stream)
    return stream.getvalue()


def stored_weights(bytecode: bytes, context: ir.Context) -> list[Stored | None]:
    """Of every layer and table of a module that `store` made, in order; None where it holds its numbers itself."""
    with context, ir.Location.unknown():
        module = ir.Module.parse(bytecode)
        return [_stored(constant_of(op)) for op in weight_readers(module.operation)]


def _stored(constant: ir.Operation) -> Stored | None:
    if PACKED not in constant.attributes:
        return None
    spec, dims = registry.from_attribute(constant.attributes[SPEC]), shape(constant.results[0])
    start = constant.attributes[PACKED].value
    if isinstance(spec, float_conv.FloatConvSpec):
        return None
    if isinstance(spec, embedding.EmbeddingSpec):
        return Stored(8, 0, start + np.arange(np.prod(dims)))
    numbers, bits, zero = positions(spec, dims), 8, 0
    if not isinstance(spec, recurrence.RecurrenceSpec) and spec.format.lines > 1:
        bits, zero = spec.format.bits, spec.format.largest
        if isinstance(spec, depthwise.DepthwiseSpec):
            every = numbers.reshape(len(spec.blocks), 1 + spec.paired, spec.groups, -1, LINE)
            lines = every[:, 0, : spec.stored_groups]
        else:
            lines = numbers.reshape(-1, spec.packed_dwords, LINE)[:, : spec.stored_dwords]
        # several lines share one, field by field
        numbers = lines.reshape(-1, spec.format.lines, LINE).swapaxes(1, 2).reshape(-1)
    places = np.zeros(int(np.prod(dims)), np.int64)
    real = np.flatnonzero(numbers)
    places[numbers[real] - 1] = real
    return Stored(bits, zero, start * (8 // bits) + places)


def _is_of(launch: LaunchOp, op: Any) -> bool:
    return launch.op.value == op.operation.name and launch.layer.value == layer_name(op)


def restore(bytecode: bytes, weights: npt.NDArray[np.int8], context: ir.Context) -> ir.Module:
    """The integer module as it was before `store`; `weights` is the artifact's section of that name."""
    with context, ir.Location.unknown():
        module = ir.Module.parse(bytecode)
        for op in main_function(module).regions[0].blocks[0].operations:
            if PACKED in op.operation.attributes:
                spec = registry.from_attribute(op.operation.attributes[SPEC])
                packed = weights[op.operation.attributes[PACKED].value :]
                value = unpack(spec, packed, shape(op.operation.results[0]))
                op.operation.attributes["value"] = ir.DenseElementsAttr.get(value)
                if GROUP_SCALES in op.operation.attributes:
                    op.operation.attributes[GROUP_SCALES] = ir.DenseElementsAttr.get(group_scales(spec, packed, value))
                for name in (PACKED, SPEC):
                    del op.operation.attributes[name]
    return module
