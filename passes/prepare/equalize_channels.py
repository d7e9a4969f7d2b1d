"""Channels of very different size get one size, wherever they go.

    layer2(pool(layer1(x) + layer0(y)))  -->  the same, channel i between them divided by s[i]

`equalize_layers` for more than two neighbours. Channel i may be made by several layers (residual additions), be read by
several, and pass through whatever commutes with a positive scale: Relu, leaky Relu, pooling, means over pixels, moves,
concats. All that must share its scale are one *class* of channels; s[i] is the square root of the largest weight that
makes the class over the largest that reads it. Classes that the network's inputs or results are in, or an op that does
not commute, keep their scale. Where a tensor's channels then have equal sizes, they share its 256 steps fairly.

Truth: exact up to one float32 rounding of each weight and bias, computed in float64.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import used_once
from dyadic.passes.prepare.equalize_layers import (
    LARGEST_SCALE,
    SETTLED,
    SWEEPS,
    Layer,
    commutes,
    read,
    write,
)
from dyadic.passes.rewriting import defining, module_pass

Numbers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

DAMPED = 2 / 3  # all classes at once, so that the full step would swing between the two sides of a chain
SMALL_SHARE = 1 / 64  # of what passes through a tensor's largest channel: less does not matter


@dataclass
class Channels:
    """The channels of a value along one of its dimensions, by number."""

    numbers: Numbers
    axis: int


@dataclass
class Tracing:
    """Which channels must share a scale: `same` are pairs of numbers, `fixed` those whose scale is 1."""

    count: int = 0
    same: list[tuple[Numbers, Numbers]] = field(default_factory=list)
    fixed: list[Numbers] = field(default_factory=list)
    of: dict[ir.Value, Channels] = field(default_factory=dict)

    def new(self, value: ir.Value, axis: int) -> Channels:
        """Channels of their own."""
        size = shape(value)[axis]
        self.of[value] = Channels(np.arange(self.count, self.count + size), axis)
        self.count += size
        return self.of[value]

    def fix(self, values: Iterable[ir.Value]) -> None:
        """Those of some values keep their scale."""
        for value in values:
            if value in self.of:
                self.fixed.append(self.of[value].numbers)

    def classes(self) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """(the class of each channel, whether each class may be scaled)."""
        from scipy.sparse import coo_array  # half a second, which most runs of dyadic-opt need not wait for
        from scipy.sparse.csgraph import connected_components

        pairs = [np.concatenate(each) for each in zip(*self.same, strict=True)] or [np.zeros(0, np.int64)] * 2
        graph = coo_array((np.ones(len(pairs[0]), bool), (pairs[0], pairs[1])), (self.count, self.count))
        count, labels = connected_components(graph, directed=False)
        free = np.ones(count, bool)
        for numbers in self.fixed:
            free[labels[numbers]] = False
        return labels.astype(np.int64), free


@dataclass
class Uses:
    """A layer whose weights can be rescaled, and the classes of what it makes and reads; -1 for fixed ones."""

    layer: Layer
    makes: Numbers
    reads: Numbers


@module_pass
def equalize_channels(module: ir.Operation) -> None:
    """Give channels one size across additions, pools and concats: conv(relu(conv + conv)) --> the same, rescaled"""
    for block in function_bodies(module):
        uses, count = layers_of(block)
        if not uses:
            continue
        for _ in range(SWEEPS):
            scale = np.clip(wanted(uses, count) ** DAMPED, 1 / LARGEST_SCALE, LARGEST_SCALE)
            for one in uses:
                one.layer.divide_outputs(of_class(scale, one.makes))
                one.layer.multiply_inputs(of_class(scale, one.reads))
            if np.abs(scale - 1).max(initial=0.0) < SETTLED:
                break
        for one in uses:
            write(one.layer)


def unevenness(block: ir.Block) -> float:
    """How far apart the sizes of channels that matter lie, at the worst layer that reads them: 1 where all are even."""
    uses, count = layers_of(block)
    made, _ = weights_of(uses, count)
    scale, worst = wanted(uses, count), 1.0
    for one in uses:
        through = of_class(made, one.reads) * one.layer.incoming()
        matter = (one.reads >= 0) & (through > SMALL_SHARE * through.max(initial=0.0))
        own = of_class(scale, one.reads)[matter]
        if len(own):
            worst = max(worst, float(own.max() / own.min()))
    return worst


def wanted(uses: list[Uses], count: int) -> Reals:
    """The scale of every class; 1 for those that no weights make or none read."""
    made, seen = weights_of(uses, count)
    alive = (made > 0) & (seen > 0)
    return np.sqrt(np.where(alive, made, 1.0) / np.where(alive, seen, 1.0))


def weights_of(uses: list[Uses], count: int) -> tuple[Reals, Reals]:
    """Of every class, the largest weight that makes it and the largest that reads it."""
    made, seen = np.zeros(count), np.zeros(count)
    for one in uses:
        for total, classes, sizes in ((made, one.makes, one.layer.outgoing()), (seen, one.reads, one.layer.incoming())):
            np.maximum.at(total, classes[classes >= 0], sizes[classes >= 0])
    return made, seen


def of_class(scale: Reals, classes: Numbers) -> Reals:
    """What belongs to each class; 1 where it is fixed."""
    free = classes >= 0
    found = np.ones(len(classes))
    found[free] = scale[classes[free]]
    return found


def layers_of(block: ir.Block) -> tuple[list[Uses], int]:
    """The layers of a function that can be rescaled, and how many classes there are."""
    tracing = Tracing()
    *body, terminator = (op.opview for op in block.operations)
    for argument in block.arguments:
        if len(shape(argument)) > 1:
            tracing.new(argument, 1)
    tracing.fix(block.arguments)
    found = [op for op in body if not isinstance(op, qd.ConstantOp) and trace(tracing, op)]
    tracing.fix(terminator.operation.operands)
    labels, free = tracing.classes()
    uses = []
    for op in found:
        makes, reads = (labels[tracing.of[value].numbers] for value in (op.out, op.x))
        uses.append(Uses(read(op), np.where(free[makes], makes, -1), np.where(free[reads], reads, -1)))
    return uses, len(free)


def trace(tracing: Tracing, op: Any) -> bool:
    """Give the result of `op` its channels: those of what it reads where it commutes with their scales. Whether it is
    a layer that can be rescaled."""
    operands = [value for value in op.operation.operands if not isinstance(defining(value), qd.ConstantOp)]
    if isinstance(op, qd.Layer):
        axis = 1 if isinstance(op, qd.Conv2dOp) else len(shape(op.x)) - 1
        made, known = tracing.new(op.out, axis), tracing.of.get(op.x)
        if own_weights(op) and known is not None and known.axis == axis:
            return True
        tracing.fixed.append(made.numbers)
        tracing.fix(operands)
    elif (passed := passed_through(tracing, op, operands, [tracing.of.get(value) for value in operands])) is not None:
        tracing.of[op.out] = passed
    else:
        tracing.fix(operands)
        if len(shape(op.out)) > 1:
            tracing.fixed.append(tracing.new(op.out, 1).numbers)
    return False


def own_weights(layer: Any) -> bool:
    """Whether its weights and bias are constants, and no other layer reads the weights. Layers without a bias share a
    constant of zeros; each gets its own."""
    values = (layer.weight, layer.bias)
    return all(isinstance(defining(value), qd.ConstantOp) for value in values) and used_once(layer.weight)


def passed_through(
    tracing: Tracing, op: Any, operands: list[ir.Value], known: list[Channels | None]
) -> Channels | None:
    """The channels of the result; None where it does not commute with a scale for each."""
    if any(one is None for one in known) or not known:
        return None
    first, *others = [one for one in known if one is not None]
    axis, sizes = first.axis, shape(operands[0])
    match op:
        case qd.MaxPoolOp() | qd.AvgPoolOp() if axis == 1:
            return first
        case qd.PadOp() if op.value.value in (0.0, float("-inf")):
            return first if ints(op.low)[axis] == ints(op.high)[axis] == 0 else None
        case qd.AddOp() | qd.SubOp() if len(others) == 1:
            if axis == others[0].axis and sizes == shape(operands[1]):
                tracing.same.append((first.numbers, others[0].numbers))
                return first
        case qd.ConcatOp() if len(others) == 1 and axis == others[0].axis:
            if op.axis.value == axis:
                return Channels(np.concatenate([first.numbers, others[0].numbers]), axis)
            tracing.same.append((first.numbers, others[0].numbers))
            return first
        case qd.Reduction() if axis not in ints(op.axes):
            gone = 0 if op.keep.value else sum(one < axis for one in ints(op.axes))
            return Channels(first.numbers, axis - gone)
        case qd.TransposeOp():
            return Channels(first.numbers, ints(op.permutation).index(axis))
        case qd.SliceOp():
            start, step, count = ints(op.starts)[axis], ints(op.steps)[axis], shape(op.out)[axis]
            return Channels(first.numbers[start + step * np.arange(count)], axis)
        case qd.InterpolateOp() if axis == 1:
            return first
        case qd.RepeatOp() if ints(op.times)[axis] == 1:
            return first
        case qd.TakeOp():
            return first if op.axis.value != axis else Channels(first.numbers[ints(op.places)], axis)
        case qd.ReshapeOp():
            return reshaped(first, sizes, shape(op.out))
        case _ if commutes(op):
            return first
    return None


def reshaped(channels: Channels, before: list[int], after: list[int]) -> Channels | None:
    """Where the dimension stays as it is, or is flattened with what comes behind it: an image before a linear layer."""
    axis, leading, behind = channels.axis, prod(before[: channels.axis]), prod(before[channels.axis + 1 :])
    for place, size in enumerate(after):
        if prod(after[:place]) != leading:
            continue
        if size == before[axis] and prod(after[place + 1 :]) == behind:
            return Channels(channels.numbers, place)
        if size == before[axis] * behind:
            return Channels(np.repeat(channels.numbers, behind), place)
    return None
