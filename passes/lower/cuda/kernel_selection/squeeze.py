"""A squeeze-and-excite block as two launches: `squeeze` averages and begins the first layer, `excite` does the rest.

What the second layer reads is never stored: its buffer has the sums that blocks of `squeeze` leave.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.tensor_types import is_wide, shape, zero_point
from dyadic.passes.lower.cuda.kernel_selection.copies import addresses
from dyadic.passes.lower.cuda.kernel_selection.joined import joined, joined_table, result_of
from dyadic.passes.lower.cuda.kernel_selection.matrix import constant_weights
from dyadic.passes.lower.cuda.kernel_selection.squeeze_blocks import Blocks, blocks_for
from dyadic.passes.lower.cuda.kernels.families import excite, squeeze
from dyadic.passes.lower.cuda.kernels.families.excite import ExciteSpec
from dyadic.passes.lower.cuda.kernels.families.squeeze import SqueezeSpec
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of, shifts_for
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.copies import is_joined
from dyadic.passes.lower.memory.views import is_constant, sizes_of, view
from dyadic.passes.rewriting import defining

Array = npt.NDArray[Any]


class SqueezeExcite(NamedTuple):
    """`product(average.x, second(first(average)))`; a layer's table may be behind it."""

    average: qi.AvgPoolOp
    first: qi.Conv2dOp
    second: qi.Conv2dOp
    product: qi.MulOp

    @property
    def inner(self) -> int:
        """Outputs of the first layer."""
        return shape(self.first.out)[-1]

    @property
    def blocks(self) -> Blocks:
        x = sizes_of(self.average.x)
        return blocks_for(x.rows * x.columns, x.channels, self.inner)

    @property
    def sums_bytes(self) -> int:
        """Of the buffer of what the second layer reads."""
        return self.blocks.sums_bytes(sizes_of(self.average.x).channels, self.inner)

    @property
    def gate(self) -> ir.Value:
        """What the image is multiplied with."""
        return result_of(self.second)

    @staticmethod
    def of(product: qi.MulOp) -> "SqueezeExcite | None":
        """What ends with this product, where there are kernels for it: whose layers have weights of 8 bits, and whose
        tensors have 8 bits and no other readers."""
        for x, gate in ((product.a, product.b), (product.b, product.a)):
            second = _layer(gate)
            first = None if second is None else _layer(second.x)
            average = None if first is None else defining(first.x)
            if isinstance(average, qi.AvgPoolOp) and first is not None and second is not None:
                if average.x == x and _whole(average) and shape(product.out) == shape(x) and not is_wide(product.out):
                    return SqueezeExcite(average, first, second, product)
        return None


def _layer(result: ir.Value) -> Any | None:
    """The layer that makes one pixel, perhaps with a function behind it, that one operator reads."""
    if len(list(result.uses)) != 1:
        return None
    op = defining(result)
    if isinstance(op, qi.TableOp) and is_joined(op) and not is_wide(op.out):
        op = defining(op.x)
    if not isinstance(op, qi.Conv2dOp) or len(list(op.out.uses)) != 1:
        return None
    one_pixel = shape(op.x)[:3] == shape(op.out)[:3] == [1, 1, 1] and shape(op.weight)[1:3] == [1, 1]
    if not one_pixel or any(ints(op.padding)) or op.groups.value > 1:
        return None
    if is_wide(op.x) or is_wide(op.out) or acc_shift(op):
        return None
    _, format_, scales = constant_weights(op.weight)
    return op if format_.bits == 8 and scales is None else None


def _whole(average: qi.AvgPoolOp) -> bool:
    """Whether it averages all pixels of an image that a kernel makes, for one layer alone."""
    if is_wide(average.x) or is_wide(average.out) or is_constant(average.x) or any(ints(average.padding)):
        return False
    every = ints(average.kernel) == shape(average.x)[1:3] and shape(average.out)[1:3] == [1, 1]
    return every and len(list(average.out.uses)) == 1


def block_of_average(average: qi.AvgPoolOp) -> SqueezeExcite | None:
    """The one whose kernels average it, if any."""
    first = joined(average, qi.Conv2dOp)
    if first is None:
        return None
    (use,) = result_of(first).uses
    return block_of_layer(use.owner.opview)


def block_of_layer(second: qi.Conv2dOp) -> SqueezeExcite | None:
    """The one whose second layer it is, if any."""
    product = joined(defining(result_of(second)), qi.MulOp)
    return None if product is None else SqueezeExcite.of(product)


def squeezed(block: SqueezeExcite) -> Launch:
    """Averages, and the first layer's sums."""
    op, source = block.average, view(block.average.x)
    m, s = ints(op.multiplier), ints(op.shift)
    weight = _weight(block.first)
    spec = SqueezeSpec(
        rows=source.rows,
        columns=source.columns,
        channels=source.channels,
        outputs=block.inner,
        in_pixel=source.pixel,
        in_row=source.row,
        block_channels=block.blocks.squeezed,
        access=widest(addresses(source)),
        form=form_of(m, s),
    )
    zeros = zero_point(op.x) * spec.pixels
    shift = shifts_for(spec.form, m, s)
    params = squeeze.pack_params([zero_point(op.out), op.low.value, op.high.value, zeros, m[0], int(shift[0])])
    packed = squeeze.pack_weights(spec, weight)
    sums = place(view(block.second.x))
    return Launch(spec, sums, [place(source)], weights=packed, params=params, macs=weight.size)


def excited(block: SqueezeExcite) -> Launch:
    """What the sums become, gates, and the image times them."""
    op, first, second = block.product, block.first, block.second
    source, made = view(block.average.x), view(op.out)
    weight, shift = _weight(second), op.shift.value
    inner, gate, tables = _words(first), _words(second), [joined_table(first), joined_table(second)]
    spec = ExciteSpec(
        rows=made.rows,
        columns=made.columns,
        channels=made.channels,
        inner=block.inner,
        slices=block.blocks.slices(made.channels),
        pieces=block.blocks.pieces,
        in_pixel=source.pixel,
        in_row=source.row,
        out_pixel=made.pixel,
        out_row=made.row,
        width=widest([n for one in (source, made) for n in addresses(one)]),
        inner_form=inner.form,
        gate_form=gate.form,
        form=form_of([1], [shift]),
        inner_table=tables[0] is not None,
        gate_table=tables[1] is not None,
    )
    zeros = [zero_point(block.average.x), zero_point(block.gate)]
    limits = [n for one in (first, second, op) for n in (zero_point(one.out), one.low.value, one.high.value)]
    header = [*limits, *zeros, op.multiplier.value, shift]
    every = [table for table in tables if table is not None]
    return Launch(
        spec,
        place(made),
        [place(source), place(view(second.x))],
        weights=excite.pack_weights(spec, weight),
        params=excite.pack_params(spec, header, inner.numbers, gate.numbers, every),
        macs=weight.size,
    )


class _Words(NamedTuple):
    """Biases, multipliers and shifts of a layer, and how it rounds."""

    numbers: list[Array]
    form: str


def _words(layer: qi.Conv2dOp) -> _Words:
    m, s = ints(layer.multiplier), ints(layer.shift)
    form = form_of(m, s, short=layer.form.value == "short")
    return _Words([np.array(defining(layer.bias).value), np.array(m), shifts_for(form, m, s)], form)


def _weight(layer: qi.Conv2dOp) -> Array:
    weight, _, _ = constant_weights(layer.weight)
    return weight.reshape(len(weight), -1)
