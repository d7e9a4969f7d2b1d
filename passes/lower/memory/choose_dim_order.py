"""Which order the dimensions of every tensor have in memory, and where numbers change places for it.

The kernels of convolutions and pooling want channels last; whatever is computed number by number takes any order, and
so follows those that it is next to, through reshapes where they leave every number in its place. What no window reaches
keeps the model's order. A transpose of the model's is only another order of the same memory, until somebody needs the
one that it is not in; reshapes and transposes in a row move numbers once. The boundary takes and gives any order, too.

    qi.conv2d(x) : [1,C,H,W]                      -->  qi.conv2d(x) {channels_last} : [1,H,W,C]
    qi.transpose(qi.linear(x)) : [1,C,L]          -->  qi.linear(x) : [1,L,C]
    qi.reshape(qi.transpose(qi.reshape(x)))       -->  qi.reshape(qi.transpose(qi.reshape(x)))  at most one transpose

Truth: exact; every number is the same, in another place.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.dimensions import CHANNELS_LAST as MARK
from dyadic.dialects.dimensions import Order
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import activation, shape
from dyadic.passes.lower.memory import orders
from dyadic.passes.lower.memory.orders import CHANNELS_LAST, DimOrder
from dyadic.passes.rewriting import defining, module_pass

Link = tuple[ir.Value, Callable[[DimOrder], DimOrder | None]]  # a neighbour, and its order that fits one of ours


@module_pass
def choose_dim_order(module: ir.Operation) -> None:
    """Put channels last where windows ask for it: qi.conv2d : NCHW --> qi.conv2d {channels_last} : NHWC; exact."""
    with module.context, ir.Location.unknown():
        for block in function_bodies(module):
            rewriting = Rewriting(wanted_orders(block))
            for op in list(block.operations)[:-1]:
                rewriting.rewrite(op.opview)
            erase_unread(block)


def tensors(op: Any) -> list[ir.Value]:
    """The activations that an op reads and makes, not its weights."""
    return [v for v in (*op.operation.operands, *op.operation.results) if activation(v) is not None]


def wanted_orders(block: ir.Block) -> dict[ir.Value, DimOrder]:
    """The order of every tensor that a window reaches: channels last where it reads or makes it, and on from there."""
    links: dict[ir.Value, list[Link]] = {}
    wanted: dict[ir.Value, DimOrder] = {}
    for op in (op.opview for op in list(block.operations)[:-1]):
        if op.order is Order.IMAGE:
            wanted |= dict.fromkeys(tensors(op), CHANNELS_LAST)
        elif op.order is Order.ANY:
            for value in tensors(op):
                links.setdefault(value, []).extend((other, lambda order: order) for other in tensors(op))
        elif isinstance(op, qi.ReshapeOp):
            for here, there in ((op.x, op.out), (op.out, op.x)):
                links.setdefault(here, []).append((there, _reshaping(shape(here), shape(there))))
    waiting = deque(wanted)
    while waiting:
        value = waiting.popleft()
        for other, fitting in links.get(value, ()):
            if other not in wanted and (order := fitting(wanted[value])) is not None:
                wanted[other] = order
                waiting.append(other)
    for op in (op.opview for op in list(block.operations)[:-1]):
        if isinstance(op, qi.TransposeOp) and op.x not in wanted:
            wanted |= read_in_order(op, wanted.get(op.out, orders.models(len(shape(op.out)))))
    return wanted


def read_in_order(op: qi.TransposeOp, end: DimOrder) -> dict[ir.Value, DimOrder]:
    """The order in which a transpose moves nothing, for all that is computed number by number from inputs to there.

    The boundary gives any order for nothing. Empty where something else makes or reads those tensors.
    """
    permutation = ints(op.permutation)
    order = tuple(permutation[d] for d in end)
    found, waiting = {op.x: order}, deque([op.x])
    while waiting:
        value = waiting.popleft()
        neighbours = [defining(value), *(use.owner.opview for use in value.uses)]
        for one in neighbours:
            if isinstance(one, qi.TransposeOp) and value == one.x:
                if orders.transposed(ints(one.permutation), order) != orders.transposed(permutation, order):
                    return {}
            elif one.order is Order.ANY and not one.dimension:
                waiting.extend(other for other in tensors(one) if other not in found)
                found |= dict.fromkeys(tensors(one), order)
            elif not isinstance(one, qi.InputOp | qi.ConstantOp | qi.DequantizeOp):
                return {}
    return found


def _reshaping(before: list[int], after: list[int]) -> Callable[[DimOrder], DimOrder | None]:
    return lambda order: orders.through_reshape(before, after, order)


class Rewriting:
    """Where every tensor is, and in which order, as ops are rewritten one after the other."""

    def __init__(self, wanted: dict[ir.Value, DimOrder]) -> None:
        self.wanted = wanted
        self.sizes: dict[ir.Value, list[int]] = {}  # in the model's order, whatever became of the value
        self.current: dict[ir.Value, tuple[ir.Value, DimOrder]] = {}
        self.made: dict[tuple[ir.Value, DimOrder], ir.Value] = {}  # also in other orders
        self.moved_by: dict[ir.Value, ir.Location] = {}  # the op of the model's because of which numbers change places

    def rewrite(self, op: Any) -> None:
        """One op in the order that its result shall have."""
        for value in tensors(op):
            self.sizes.setdefault(value, shape(value))
        if isinstance(op, qi.TransposeOp):
            self.transpose(op)
        elif isinstance(op, qi.ReshapeOp):
            self.reshape(op)
        elif isinstance(op, qi.InputOp):
            self.quantize(op)
        elif isinstance(op, qi.DequantizeOp):
            self.dequantize(op)
        elif op.order is not Order.MODEL:
            self.compute(op)

    # --- ops

    def quantize(self, op: qi.InputOp) -> None:
        """Always a transpose, even of dimensions of size 1, so that memory is laid out for whoever reads it."""
        order = self.wanted.get(op.out, orders.models(len(shape(op.out))))
        self.settle(op.out, op.out, orders.models(len(order)))
        if order != orders.models(len(order)):
            with ir.InsertionPoint.after(op), op.location:
                self.settle(op.out, _transpose(op.out, list(order)), order)

    def dequantize(self, op: qi.DequantizeOp) -> None:
        if isinstance(defining(op.x), qi.ConstantOp):
            return
        x, order = self.current[op.x]
        if order != orders.models(len(order)):
            with ir.InsertionPoint(op), op.location:
                op.operation.operands[0] = _transpose(x, orders.inverse(order))
        else:
            op.operation.operands[0] = x

    def transpose(self, op: qi.TransposeOp) -> None:
        x, order = self.located(op.x)
        self.settle(op.out, x, orders.transposed(ints(op.permutation), order))
        self.moved_by[op.out] = op.location

    def reshape(self, op: qi.ReshapeOp) -> None:
        """In one step from where the input is; in two where the shapes have nothing in common."""
        before, after = self.sizes[op.x], self.sizes[op.out]
        x, start = self.located(op.x)
        model, stays = orders.models(len(after)), orders.through_reshape(before, after, start)
        end = self.wanted.get(op.out, stays or model)
        if stays is not None and orders.same(after, stays, end):
            end = stays
        self.moved_by[op.out] = op.location
        with ir.InsertionPoint(op), op.location:
            move = orders.move(before, after, start, end)
            if move is None:
                x, start, end = self.get(op.x, orders.models(len(before)), op), orders.models(len(before)), model
                move = orders.move(before, after, start, end)
            if move is None:  # the model's order on both sides: nothing moves
                made = _reshape(x, after)
            else:
                made = _reshape(_permute(_reshape(x, move.sizes), move.permutation), orders.in_memory(after, end))
        self.settle(op.out, made, end)

    def compute(self, op: Any) -> None:
        """An op that stays what it is, on tensors of one order."""
        order = self.order_for(op)
        for index, value in enumerate(op.operation.operands):
            if activation(value) is not None:
                own = orders.models(len(self.sizes[value])) if op.order is Order.ROWS else order
                op.operation.operands[index] = self.get(value, own, op)
        if op.order is Order.IMAGE:
            op.operation.attributes[MARK] = ir.UnitAttr.get()
        for name in op.per_dimension:
            values = ints(op.operation.attributes[name])
            op.operation.attributes[name] = ir.DenseI64ArrayAttr.get(orders.in_memory(values, order))
        if op.dimension:
            kind = ir.IntegerType.get_signless(64)
            axis = order.index(op.operation.attributes[op.dimension].value)
            op.operation.attributes[op.dimension] = ir.IntegerAttr.get(kind, axis)
        _set_shape(op.out, orders.in_memory(self.sizes[op.out], order))
        self.settle(op.out, op.out, order)

    def order_for(self, op: Any) -> DimOrder:
        """What windows want; else what the largest input is in, so that it stays where it is."""
        if op.out in self.wanted and op.order not in (Order.LAST, Order.ROWS):
            return self.wanted[op.out]
        rank = len(self.sizes[op.out])
        if op.order is Order.ROWS:
            return orders.models(rank)
        inputs = [v for v in op.operation.operands if v in self.current]
        found = [self.current[v][1] for v in sorted(inputs, key=lambda v: -np.prod(self.sizes[v]))]
        order = found[0] if found else orders.models(rank)
        return orders.models(rank) if op.order is Order.LAST and order[-1] != rank - 1 else order

    # --- values

    def settle(self, value: ir.Value, where: ir.Value, order: DimOrder) -> None:
        """From here on `value` is to be found there."""
        self.current[value] = (where, order)
        self.made[value, order] = where

    def located(self, value: ir.Value) -> tuple[ir.Value, DimOrder]:
        """A tensor where it is; a constant is in the model's order."""
        return self.current.get(value, (value, orders.models(len(self.sizes[value]))))

    def get(self, value: ir.Value, order: DimOrder, reader: Any) -> ir.Value:
        """`value` in this order; numbers change places in front of `reader` unless they have done so already."""
        if (value, order) not in self.made:
            x, have = self.located(value)
            constant = defining(value)
            if isinstance(constant, qi.ConstantOp):
                with ir.InsertionPoint(constant.operation), constant.operation.location:
                    self.made[value, order] = _constant(constant, order)
            else:
                because = self.moved_by[value] if value in self.moved_by else reader.location
                with ir.InsertionPoint(reader), because:
                    self.made[value, order] = _permute(x, [have.index(d) for d in order])
        return self.made[value, order]


def _constant(op: qi.ConstantOp, order: DimOrder) -> ir.Value:
    """The same numbers in another order."""
    value = np.ascontiguousarray(np.array(op.value).transpose(order))
    return qi.ConstantOp(value=ir.DenseElementsAttr.get(value), out=_typed(op.out, list(value.shape))).out


def _permute(x: ir.Value, permutation: list[int]) -> ir.Value:
    """Dimension `d` of the result is dimension `permutation[d]` of x; moves bytes only where it must."""
    if isinstance(inner := defining(x), qi.TransposeOp):  # of two in a row only their composition stays
        x, permutation = inner.x, [ints(inner.permutation)[d] for d in permutation]
    kept = orders.significant(shape(x), permutation)
    if kept == sorted(kept):
        return _reshape(x, orders.in_memory(shape(x), tuple(permutation)))
    return _transpose(x, permutation)


def _transpose(x: ir.Value, permutation: list[int]) -> ir.Value:
    sizes = orders.in_memory(shape(x), tuple(permutation))
    return qi.TransposeOp(x=x, permutation=ir.DenseI64ArrayAttr.get(permutation), out=_typed(x, sizes)).out


def _reshape(x: ir.Value, sizes: list[int]) -> ir.Value:
    """The same bytes under another shape; of two reshapes in a row only the second stays."""
    if isinstance(inner := defining(x), qi.ReshapeOp):
        x = inner.x
    return x if shape(x) == sizes else qi.ReshapeOp(x=x, out=_typed(x, sizes)).out


def _typed(like: ir.Value, sizes: list[int]) -> ir.RankedTensorType:
    return ir.RankedTensorType.get(sizes, ir.RankedTensorType(like.type).element_type)


def _set_shape(value: ir.Value, sizes: list[int]) -> None:
    value.set_type(_typed(value, sizes))


def erase_unread(block: ir.Block) -> None:
    """Drop the moves that were looked through, and constants that are there in another order."""
    for op in reversed(list(block.operations)[:-1]):
        if not isinstance(op.opview, qi.InputOp) and not any(_used(result) for result in op.operation.results):
            op.operation.erase()


def _used(value: ir.Value) -> bool:
    return any(True for _ in value.uses)
