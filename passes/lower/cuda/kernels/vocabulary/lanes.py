"""What the lanes of a warp give each other, all of them together."""

from collections.abc import Callable

from torch_mlir import ir
from torch_mlir.dialects import nvvm

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, add, const, integer

ALL = -1  # the mask of 32 lanes
WHOLE = 31  # lanes of one segment, less 1


def _shuffle(value: Value, lane: Value | int, kind: str) -> Value:
    other = const(lane) if isinstance(lane, int) else lane
    how = ir.Attribute.parse(f"#nvvm<shfl_kind {kind}>")
    return nvvm.shfl_sync(const(ALL), value, other, const(WHOLE), how, results=[integer(32)])


def from_lane(value: Value, lane: Value) -> Value:
    """The value (i32) that another lane has; every lane says which."""
    return _shuffle(value, lane, "idx")


def across(value: Value, distance: int) -> Value:
    """The value (i32) of the lane whose number differs in one bit."""
    return _shuffle(value, distance, "bfly")


def over_four(value: Value, join: Callable[[Value, Value], Value] = add) -> Value:
    """What `join` makes of the values of four neighbouring lanes, in each of them."""
    for distance in (1, 2):
        value = join(value, across(value, distance))
    return value
