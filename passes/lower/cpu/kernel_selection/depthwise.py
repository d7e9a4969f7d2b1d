"""`qi.conv2d` with one filter a channel as a launch of the depthwise kernel."""

from typing import Any

import numpy as np

from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.tensor_types import is_wide, zero_point
from dyadic.passes.lower.cpu.kernel_selection.matrix import constant_weights, form
from dyadic.passes.lower.cpu.kernels.families import depthwise, weight_storage
from dyadic.passes.lower.cpu.kernels.families.depthwise import DepthwiseSpec
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.biases import high_bias, low_bias
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import view

UNIT_BYTES = 32 << 10  # of the result in one unit, about
SHARED_ROWS = 14  # an image of fewer rows is not cut
UNITS = 8  # that an image has where its channels allow it


def is_depthwise(op: Any) -> bool:
    """As many groups as input and output channels."""
    groups = op.groups.value
    return groups == view(op.x).channels == view(op.out).channels


def unit_rows(rows: int, row_bytes: int) -> int:
    """Many, since rows share what they read, but at least two units of a larger image; a divisor if one is near."""
    if rows < SHARED_ROWS:
        return rows
    most = max(2, min(rows // 2, UNIT_BYTES // row_bytes))
    return next(
        (r for r in [*range(most, most // 2, -1), *range(most, min(rows // 2, 2 * most) + 1)] if rows % r == 0), most
    )


def unit_blocks(blocks: int, units: int) -> int:
    """Blocks of channels in a unit of an image that rows alone cut into `units`."""
    return -(-blocks // max(1, UNITS // units))


def depthwise_convolution(op: Any) -> list[Launch]:
    """One launch of the depthwise family, which sums each channel by itself."""
    source, made = view(op.x), view(op.out)
    weight, format_, _ = constant_weights(op.weight)
    strides, padding, dilation = ints(op.strides), ints(op.padding), ints(op.dilation)
    rows_together = unit_rows(made.rows, made.columns * made.channels)
    spec = DepthwiseSpec(
        rows=made.rows,
        columns=made.columns,
        channels=made.channels,
        unit_rows=rows_together,
        unit_blocks=unit_blocks(-(-made.channels // depthwise.CHANNELS), -(-made.rows // rows_together)),
        taps_y=weight.shape[1],
        taps_x=weight.shape[2],
        tap_y=dilation[0] * source.row,
        tap_x=dilation[1] * source.pixel,
        stride_x=strides[1],
        in_column=strides[1] * source.pixel,
        in_row=strides[0] * source.row,
        in_image=source.image,
        out_column=made.pixel,
        out_row=made.row,
        out_image=made.image,
        form=form(op),
        clamp=requantize.clamps(op.low.value, op.high.value, wide=is_wide(op.out)),
        weights=str(format_),
        in_plane=source.plane,
        out_plane=made.plane,
        acc_shift=acc_shift(op),
    )
    m, s = np.array(ints(op.multiplier), np.int64), np.array(ints(op.shift), np.int64)
    header = [zero_point(op.out), op.low.value, op.high.value]
    params = depthwise.pack_params(spec, low_bias(op), m, s, header, high_bias(op))
    start = place(source, -padding[0] * source.row - padding[1] * source.pixel)
    weights = weight_storage.pack_depthwise(spec, weight)
    return [Launch(spec, place(made), [start], weights, params, macs=made.rows * made.columns * weight.size)]
