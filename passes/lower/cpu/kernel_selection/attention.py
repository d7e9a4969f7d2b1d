"""`qi.attention` as one launch, whose heads lie wherever they are."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import qi
from dyadic.dialects.qi.attention import NEVER
from dyadic.dialects.tensor_types import is_wide, shape, zero_point
from dyadic.passes.lower.cpu.kernel_selection.matrix import unit_shape
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import attention as family
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.launch import Launch, Place, constant_bytes, place
from dyadic.passes.lower.memory.strided import Strided
from dyadic.passes.lower.memory.views import CONSTANT, is_constant, layout_of, strides
from dyadic.passes.rewriting import defining
from dyadic.runtime import fixedpoint

Array = npt.NDArray[Any]


@selects(qi.AttentionOp)
def attention(op: qi.AttentionOp) -> list[Launch]:
    """Both products and the softmax between them."""
    q, keys, width = shape(op.q), shape(op.k)[-2], shape(op.v)[-1]
    outer, rows, depth = q[1:-2], q[-2], q[-1]
    macs = prod(outer) * rows * keys * (depth + width)
    _, unit_rows = unit_shape(1, rows, prod(outer), keys * (depth + width))
    bias, mask, tables = tables_of(op, [*q[1:-1], keys])
    computed = not is_constant(op.valid)
    spec = family.AttentionSpec(
        rows=rows,
        keys=keys,
        depth=depth,
        width=width,
        unit_rows=unit_rows,
        q=lies(op.q),
        k=lies(op.k),
        v=lies(op.v),
        out=lies(op.out),
        form=form(op, keys),
        clamp=requantize.clamps(op.low.value, op.high.value, wide=is_wide(op.out)),
        outer=tuple(outer),
        valid=broadcast(op.valid, outer) if computed else None,
        bias=bias,
        mask=mask,
        mask_offset=0 if mask is None else tables[0].size,
        curve=tuple(op.curve),
    )
    header = [zero_point(op.out), op.low.value, op.high.value]
    params = family.pack_params(
        op.rule, zero_point(op.q), zero_point(op.v), op.multiplier.value, op.shift.value, header
    )
    inputs, constant = places([op.q, op.k, op.v, *([op.valid] if computed else [])])
    weights = np.concatenate([np.zeros(0, np.int8), *tables])
    launch = Launch(
        spec, place(layout_of(op.out)), inputs, weights=weights, params=params, constant=constant, macs=macs
    )
    return [launch]


def form(op: qi.AttentionOp, keys: int) -> str:
    """The requantization that the kernel uses, by what shifts become with the logarithm of a row's sum."""
    least = op.shift.value + softmax.LARGEST_WEIGHT.bit_length() - 1
    most = op.shift.value + (softmax.LARGEST_WEIGHT * keys).bit_length() - 1
    high = least in fixedpoint.HIGH_SHIFTS and most in fixedpoint.HIGH_SHIFTS
    return requantize.HIGH if high else requantize.SMALL_SHIFT


def lies(value: ir.Value) -> Strided:
    """Strides of rows and of what is around them; columns are one byte apart."""
    *outer, row, column = strides(value)
    if column != 1 and shape(value)[-1] > 1:
        raise ValueError(f"rows of {value.type} are not in one piece")
    layout = layout_of(value)
    return Strided(1, row, layout.image, 1, layout.plane, tuple(outer))


def broadcast(value: ir.Value, outer: list[int]) -> Strided:
    """Strides of what is valid, the same for all rows of a head and perhaps for all heads."""
    dims, seen = shape(value)[1:], lies(value)
    if dims[-2] != 1:
        raise ValueError(f"what is valid, {value.type}, is computed for each row")
    around = [stride if n == size else 0 for stride, n, size in zip(seen.outer, dims[:-2], outer, strict=True)]
    return Strided(1, 0, seen.image, 1, 0, tuple(around))


def tables_of(op: qi.AttentionOp, scores: list[int]) -> tuple[Strided | None, Strided | None, list[Array]]:
    """Where the bias and the mask of constants lie, and their bytes: a key that is not valid begins below any score."""
    bias = of_rank(np.array(defining(op.bias).value).astype(np.int32), len(scores))
    valid = of_rank(np.array(defining(op.valid).value), len(scores)) != 0 if is_constant(op.valid) else np.ones(1, bool)
    valid = valid & (bias != NEVER)
    if not bias.any() and valid.all():
        return None, None, []
    keys = scores[-1:]
    folded = np.where(valid, bias, np.int32(NEVER))
    folded = np.broadcast_to(folded, (*folded.shape[:-1], *keys))
    tables, spread = [family.pack_table(folded, np.int32)], spread_of(folded.shape, 4 * family.padded(keys[0]))
    if valid.all():
        return spread, None, tables
    mask = np.broadcast_to(-valid.astype(np.int8), (*valid.shape[:-1], *keys))
    tables.append(family.pack_table(mask, np.int8))
    return spread, spread_of(mask.shape, family.padded(keys[0])), tables


def of_rank(table: Array, rank: int) -> Array:
    """A table over so many dimensions behind the batch, which has one entry."""
    table = table.reshape((1,) * (rank + 1 - table.ndim) + table.shape)
    return table[0]


def spread_of(sizes: tuple[int, ...], row_bytes: int) -> Strided:
    """Strides of a dense table whose rows have so many bytes, 0 where it has one entry for many."""
    steps = [row_bytes * prod(sizes[d + 1 : -1]) if n > 1 else 0 for d, n in enumerate(sizes[:-1])]
    return Strided(0, steps[-1], 0, 1, 0, tuple(steps[:-1]))


def places(values: list[ir.Value]) -> tuple[list[Place], Array]:
    """Where operands begin; constants among them lie one after the other."""
    found: list[Place] = []
    constants: list[Array] = []
    for value in values:
        extra = sum(each.size for each in constants) if layout_of(value).buffer == CONSTANT else 0
        found.append(place(layout_of(value), extra))
        constants.append(constant_bytes(value))
    return found, np.concatenate(constants)
