"""`qi.conv2d` with one filter a channel as a launch of the depthwise kernel, which may look results up."""

from typing import Any

import numpy as np

from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.tensor_types import zero_point
from dyadic.passes.lower.cuda.kernel_selection.copies import addresses, copy_params
from dyadic.passes.lower.cuda.kernel_selection.joined import joined_table, result_of
from dyadic.passes.lower.cuda.kernels.families import depthwise
from dyadic.passes.lower.cuda.kernels.families.depthwise import DepthwiseSpec
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of, shifts_for
from dyadic.passes.lower.launches.biases import high_bias, low_bias
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.copies import copy_of_input
from dyadic.passes.lower.memory.views import view
from dyadic.passes.rewriting import defining

# Groups of channels of an image from which on a thread makes so many pixels: fewer instructions, fewer threads.
PIXELS = ((1 << 17, 4), (1 << 12, 2), (0, 1))


def is_depthwise(op: Any) -> bool:
    """As many groups as input and output channels."""
    groups = op.groups.value
    return groups == view(op.x).channels == view(op.out).channels


def depthwise_convolution(op: Any) -> list[Launch]:
    """One launch of the depthwise family, which sums each channel by itself."""
    source, made, table, copy = view(op.x), view(result_of(op)), joined_table(op), copy_of_input(op)
    weight = np.array(defining(op.weight).value)
    strides, padding, dilation = ints(op.strides), ints(op.padding), ints(op.dilation)
    start = place(source, -padding[0] * source.row - padding[1] * source.pixel)
    numbers = [start[1], source.pixel, source.row, source.plane, made.offset, made.pixel, made.row, made.plane]
    if copy is not None:
        numbers += addresses(view(copy.out))
    width = widest(numbers, 4)
    items = made.rows * made.columns * -(-made.channels // width)
    m, s = ints(op.multiplier), ints(op.shift)
    spec = DepthwiseSpec(
        rows=made.rows,
        columns=made.columns,
        channels=made.channels,
        taps_y=weight.shape[1],
        taps_x=weight.shape[2],
        tap_y=dilation[0] * source.row,
        tap_x=dilation[1] * source.pixel,
        in_pixel=strides[1] * source.pixel,
        in_row=strides[0] * source.row,
        out_pixel=made.pixel,
        out_row=made.row,
        in_plane=source.plane,
        out_plane=made.plane,
        acc_shift=acc_shift(op),
        form=form_of(m, s, short=op.form.value == "short"),
        width=width,
        pixels=min(made.columns, next(pixels for least, pixels in PIXELS if items >= least)),
        table=table is not None,
        **_copied(copy),
    )
    shift = shifts_for(spec.form, m, s)
    header = [zero_point(op.out), op.low.value, op.high.value]
    more = None if copy is None else copy_params(copy, made, view(copy.out))
    params = depthwise.pack_params(spec, low_bias(op), high_bias(op), np.array(m), shift, header, table, more)
    weights = depthwise.pack_weights(spec, weight)
    return [Launch(spec, place(made), [start], weights, params, macs=made.rows * made.columns * weight.size)]


def _copied(copy: Any | None) -> dict[str, Any]:
    """What a spec says of a copy of the input, and of where that lies."""
    if copy is None:
        return {}
    lies = view(copy.out)
    return {"copied": True, "copy_pixel": lies.pixel, "copy_row": lies.row}
