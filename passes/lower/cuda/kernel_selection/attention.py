"""`qi.attention` as one launch, whose heads lie wherever they are."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import qi
from dyadic.dialects.qi.attention import NEVER
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cuda.kernel_selection.heads import alignment, granule, lies, places
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernels.families.attention_spec import TILE, WARP_ROWS, AttentionSpec, pack_params
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of
from dyadic.passes.lower.launches.launch import Launch, no_bytes, place
from dyadic.passes.lower.memory.strided import Strided
from dyadic.passes.lower.memory.views import is_constant, layout_of
from dyadic.passes.rewriting import defining

Array = npt.NDArray[Any]
MOST_WARPS, WIDEST = 4, 128


@selects(qi.AttentionOp)
def attention(op: qi.AttentionOp) -> list[Launch]:
    """Both products and the softmax between them."""
    q, keys, width = shape(op.q), shape(op.k)[-2], shape(op.v)[-1]
    outer, rows, depth = q[1:-2], q[-2], q[-1]
    bias, table = table_of(op, [*q[1:-1], keys])
    computed = not is_constant(op.valid)
    least = op.shift.value + softmax.LARGEST_WEIGHT.bit_length() - 1
    spec = AttentionSpec(
        rows=rows,
        keys=keys,
        depth=depth,
        width=width,
        q=lies(op.q),
        k=lies(op.k),
        v=lies(op.v),
        out=lies(op.out),
        outer=tuple(outer),
        valid=broadcast(op.valid, outer) if computed else None,
        bias=bias,
        curve=tuple(op.curve),
        q_granule=granule(op.q),
        k_granule=granule(op.k),
        v_granule=min(granule(op.v), 4),
        store_bytes=alignment(op.out, width),
        key_sums=zero_point(op.q) != 0,
        form=form_of([op.multiplier.value], [least]),
        warps=next(n for n in (1, 2, MOST_WARPS) if n * WARP_ROWS >= rows or n == MOST_WARPS),
        block_width=min(WIDEST, -(-width // 32) * 32),
    )
    zeros, header = [zero_point(v) for v in (op.q, op.k, op.v)], [zero_point(op.out), op.low.value, op.high.value]
    params = pack_params(spec, op.rule, op.multiplier.value, op.shift.value, zeros, header)
    inputs, constant = places([op.q, op.k, op.v, *([op.valid] if computed else [])])
    macs = prod(outer) * rows * keys * (depth + width)
    return [Launch(spec, place(layout_of(op.out)), inputs, table, params, constant, macs)]


def broadcast(value: ir.Value, outer: list[int]) -> Strided:
    """Strides of what is valid, the same for all rows of a head and perhaps for all heads."""
    dims, seen = shape(value)[1:], lies(value)
    if dims[-2] != 1:
        raise ValueError(f"what is valid, {value.type}, is computed for each row")
    around = [stride if n == size else 0 for stride, n, size in zip(seen.outer, dims[:-2], outer, strict=True)]
    return Strided(1, 0, 0, 1, 0, tuple(around))


def table_of(op: qi.AttentionOp, scores: list[int]) -> tuple[Strided | None, Array]:
    """Where the table of constant biases lies, and its bytes: NEVER for a key that is not valid. Rows are filled up to
    whole tiles of keys."""
    bias = _of_rank(np.array(defining(op.bias).value).astype(np.int32), len(scores))
    valid = (
        _of_rank(np.array(defining(op.valid).value), len(scores)) != 0 if is_constant(op.valid) else np.ones(1, bool)
    )
    if not bias.any() and valid.all():
        return None, no_bytes()
    keys = scores[-1]
    folded = np.where(valid, bias, np.int32(NEVER)).astype(np.int32)
    folded = np.broadcast_to(folded, (*folded.shape[:-1], keys))
    margins = [(0, 0)] * (folded.ndim - 1) + [(0, -keys % TILE)]
    table = np.ascontiguousarray(np.pad(folded, margins, constant_values=NEVER))
    sizes, row = table.shape, 4 * table.shape[-1]
    steps = [row * prod(sizes[d + 1 : -1]) if n > 1 else 0 for d, n in enumerate(sizes[:-1])]
    return Strided(0, steps[-1], 0, 1, 0, tuple(steps[:-1])), table.reshape(-1).view(np.int8)


def _of_rank(table: Array, rank: int) -> Array:
    """A table over so many dimensions behind the batch, which has one entry."""
    table = table.reshape((1,) * (rank + 1 - table.ndim) + table.shape)
    return table[0]
