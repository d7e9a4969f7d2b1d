"""How each `qi` op becomes kernel launches. To add an op: one function, one line here."""

from collections.abc import Callable
from typing import Any

from dyadic.dialects import qi
from dyadic.passes.lower.cpu.kernel_selection import depthwise, island, matrix, move, pointwise, pool
from dyadic.passes.lower.cpu.kernel_selection.launch import Launch


def _conv2d(op: qi.Conv2dOp) -> list[Launch]:
    return depthwise.depthwise_convolution(op) if depthwise.is_depthwise(op) else matrix.convolution(op)


OUTLINES: dict[type, Callable[[Any], list[Launch]]] = {
    qi.Conv2dOp: _conv2d,
    qi.ConvAddOp: matrix.convolution,
    qi.LinearOp: matrix.linear,
    qi.FloatConv2dOp: island.convolution,
    qi.FloatLinearOp: island.linear,
    qi.AddOp: pointwise.add,
    qi.MulOp: pointwise.mul,
    qi.RequantOp: pointwise.requant,
    qi.TableOp: pointwise.lookup,
    qi.MaxPoolOp: pool.max_pool,
    qi.AvgPoolOp: pool.avg_pool,
    qi.ConcatOp: move.concat,
    qi.SliceOp: move.slice_,
    qi.PadOp: move.pad,
    qi.ReshapeOp: move.reshape,
    qi.TransposeOp: move.transpose,
}
