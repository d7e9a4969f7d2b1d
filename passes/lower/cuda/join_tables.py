"""Decide which functions of 8 bits the kernel of the layer before them looks up.

A table that alone reads a layer's result is looked up while a result is in a register: a launch less, and the tensor
between them is never written.

    table(linear(x, w))     one launch
"""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.dimensions import Order
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.passes.lower.memory.copies import is_joined, mark_joined
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def join_tables(module: ir.Operation) -> None:
    """Mark functions that a layer's kernel looks up: table(conv2d(x, w)) --> table(conv2d(x, w)) {qi.joined}; exact."""
    mark_joined(module, qi.TableOp, _may_join)


def _may_join(table: qi.TableOp) -> bool:
    """Whether it alone reads a layer's result, whose kernel can look that up."""
    layer = defining(table.x)
    looks_up = has_product(layer) or isinstance(layer, qi.Conv2dOp)
    return looks_up and not is_wide(table.out) and len(list(table.x.uses)) == 1


def product_of(value: ir.Value) -> Any | None:
    """The layer on tensor cores whose kernel makes a tensor, itself or by a function that it looks up, where one op
    alone reads that."""
    op = defining(value)
    if isinstance(op, qi.TableOp) and is_joined(op):
        op = defining(op.x)
    return op if has_product(op) and len(list(value.uses)) == 1 else None


def has_product(op: Any) -> bool:
    """Whether it is a layer on tensor cores."""
    if isinstance(op, qi.Convolution):
        return not op.groups.value == shape(op.x)[-1] == shape(op.out)[-1]
    return isinstance(op, qi.Layer) and op.order is Order.LAST
