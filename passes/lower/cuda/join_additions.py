"""Decide which additions the kernel of the layer before them makes.

Where a layer is followed by a function, an addition cannot be part of its sums. What it stores is a byte by then; the
kernel adds another byte to that while it is in a register, which it has read as a residual. So a launch is saved, and
the tensor between is never written.

    add(table(conv2d(x, w)), y)     one launch
"""

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.passes.lower.cuda.join_tables import product_of
from dyadic.passes.lower.cuda.kernel_selection.together import TOGETHER
from dyadic.passes.lower.memory.copies import JOINED
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def join_additions(module: ir.Operation) -> None:
    """Mark additions that a layer's kernel makes: add(y, linear(x, w)) --> add(linear(x, w), y) {qi.joined}; exact.

    Those of bytes, which read what the layer makes first.
    """
    with module.context:
        for one in main_function(module).operation.regions[0].blocks[0].operations:
            op = one.opview
            if not isinstance(op, qi.AddOp) or any(is_wide(value) for value in (op.a, op.b, op.out)):
                continue
            if shape(op.a) != shape(op.b):
                continue
            if _may_join(op.a, op.b):
                op.operation.attributes[JOINED] = ir.UnitAttr.get()
            elif _may_join(op.b, op.a):
                _exchange(op)
                op.operation.attributes[JOINED] = ir.UnitAttr.get()


def _may_join(made: ir.Value, other: ir.Value) -> bool:
    """Whether a layer's kernel makes `made`, for the addition alone, when `other` is there."""
    layer = product_of(made)
    if layer is None or qi.has_residual(layer) or TOGETHER in layer.operation.attributes:
        return False
    return defining(other) is None or defining(other).operation.is_before_in_block(layer.operation)


def _exchange(op: qi.AddOp) -> None:
    """The operands, and their multipliers."""
    operands, attributes = op.operation.operands, op.operation.attributes
    operands[0], operands[1] = op.b, op.a
    first, second = op.multiplier_a, op.multiplier_b
    attributes["multiplier_a"], attributes["multiplier_b"] = second, first
