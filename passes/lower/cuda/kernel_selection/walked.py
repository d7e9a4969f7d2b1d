"""Tensors walked together as kernels with an item a thread do it: in the order in which the result lies in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.kernels.vocabulary.items import WIDTHS, widest
from dyadic.passes.lower.memory.views import layout_of
from dyadic.passes.lower.memory.walks import Walk, broadcast, merged

RANK = 3  # dimensions behind the batch that every layout has
MANY = {16: 1 << 20, 8: 1 << 18}  # results from which on threads have so many: enough of them are left
FEW = 4
WASTE = 4  # a fourth of what threads make may be beyond the end


@dataclass(frozen=True)
class Side:
    """How an operand lies along the dimensions of a walk."""

    strides: tuple[int, ...]
    plane: int
    aligned: int  # bytes, of WIDTHS: what divides every address but along the innermost dimension


def over(out: ir.Value, *operands: ir.Value) -> tuple[tuple[int, ...], list[Side]]:
    """Sizes, and how the result and the operands lie, which are broadcast."""
    values = [out, *operands]
    sizes = _dims(out)
    strides = [broadcast(sizes, _dims(value), layout_of(value).strides) for value in values]
    walk = in_memory_order(sizes, *strides)
    return walk.sizes, [
        side(each, layout_of(v).offset, layout_of(v).plane) for each, v in zip(walk.strides, values, strict=True)
    ]


def _dims(value: ir.Value) -> list[int]:
    """Sizes behind the batch, as many as its layout has strides."""
    dims = shape(value)[1:]
    return [1] * (RANK - len(dims)) + dims


def in_memory_order(sizes: Sequence[int], *strides: Sequence[int]) -> Walk:
    """Dimensions as the first tensor has them in memory, joined where all walk them as one; its innermost stride is 1.

    >>> in_memory_order([3, 4, 5], [1, 15, 3], [20, 5, 1])
    Walk(sizes=(20, 3), strides=((3, 1), (1, 20)))
    """
    order = sorted((d for d in range(len(sizes)) if sizes[d] != 1), key=lambda d: -strides[0][d])
    walk = merged([sizes[d] for d in order] or [1], *([each[d] for d in order] or [1] for each in strides))
    if walk.sizes[-1] != 1 and walk.strides[0][-1] == 1:
        return walk
    if walk.sizes == (1,):
        return Walk((1,), tuple((1,) for _ in strides))
    return Walk((*walk.sizes, 1), tuple((*each, 1) for each in walk.strides))


def side(strides: tuple[int, ...], offset: int, plane: int) -> Side:
    """`offset`: where it begins in its buffer, or in constants, which are aligned to more."""
    return Side(strides, plane, widest([*strides[:-1], offset, plane]))


def width_of(sizes: Sequence[int], sides: Sequence[Side]) -> int:
    """How many neighbours of the result a thread makes: the first side is its."""
    count = 1
    for size in sizes:
        count *= size
    most = next((width for width, enough in MANY.items() if count >= enough), FEW)
    width = min(most, sides[0].aligned)
    last = sizes[-1]
    while width > FEW and (-last % width) * WASTE > last:
        width //= 2
    gathered = any(each.strides[-1] not in (0, 1) for each in sides)
    while width > 1 and ((gathered and last % width) or width // 2 >= last):
        width //= 2
    return width


def access(one: Side, width: int) -> int:
    """Bytes of one access to an operand of which a thread has so many neighbours."""
    return next(size for size in WIDTHS if size <= min(width, one.aligned))
