"""Which layer keeps its accumulator for the addition behind it.

A convolution or a linear layer that only an addition reads need not round first: `qi.conv_add` and `qi.linear_add` add
the residual to the int32 accumulator and round once.

    add(conv(x), y)    -->  add(conv(x), y) {qd.takes_in = "a"}
    add(y, linear(x))  -->  add(y, linear(x)) {qd.takes_in = "b"}

Where both operands are such layers, the one with the wider range is taken in, since its rounding would be coarser; `a`
where they are equal, or where nobody knows. A layer that stays float has no accumulator to take in. A depthwise
convolution keeps its kernel, which adds nothing: the matrix kernel, which does, would hold a filter from every channel
to every channel, nearly all zeros. The graph alone decides; a mark that is there stays, since widths were chosen by it.
Truth: a decision, nothing is rewritten.
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.quantization import has_range, value_range
from dyadic.passes.rewriting import defining, module_pass

TAKES_IN = "qd.takes_in"


@module_pass
def choose_fused_additions(module: ir.Operation) -> None:
    """Mark additions that take a layer's accumulator: add(conv, y) --> conv_add, add(linear, y) --> linear_add."""
    for block in function_bodies(module):
        for op in block.operations:
            if not isinstance(op.opview, qd.AddOp) or TAKES_IN in op.attributes:
                continue
            if (side := fusible_side(op.opview)) is not None:
                op.attributes[TAKES_IN] = ir.StringAttr.get(side, op.context)


def fusible_side(op: Any) -> str | None:
    """ "a" or "b": the operand whose layer is taken in; None where neither can be."""
    if shape(op.a) != shape(op.b) or op.a == op.b:
        return None
    sides = []
    for side, value, other in (("a", op.a, op.b), ("b", op.b, op.a)):
        alone = len(list(value.uses)) == 1
        if alone and accumulates(defining(value)) and not isinstance(defining(other), qd.ConstantOp):
            sides.append((side, value))
    if len(sides) < 2 or not all(has_range(value) for _, value in sides):
        return sides[0][0] if sides else None
    widths = {side: value_range(value)[1] - value_range(value)[0] for side, value in sides}
    return max(widths, key=lambda side: widths[side])


def accumulates(op: Any) -> bool:
    """Whether it is a layer whose kernel can add a residual to its accumulator."""
    return isinstance(op, qd.Layer) and not qd.is_island(op) and not is_depthwise(op)


def is_depthwise(op: Any) -> bool:
    """Whether it is a convolution that sums each of several channels by itself."""
    return isinstance(op, qd.Conv2dOp) and 1 < op.groups.value == shape(op.x)[1] == shape(op.out)[1]


def taken_in(op: Any) -> bool:
    """Whether a marked addition takes in the layer `op`."""
    uses = list(op.out.uses)
    if len(uses) != 1 or TAKES_IN not in uses[0].owner.attributes:
        return False
    return operands(uses[0].owner.opview)[0] == op.out


def operands(add: Any) -> tuple[ir.Value, ir.Value]:
    """(what a marked addition takes in, the residual)."""
    return (add.a, add.b) if add.operation.attributes[TAKES_IN].value == "a" else (add.b, add.a)
