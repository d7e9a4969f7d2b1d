"""`qi.float_conv2d` and `qi.float_linear` as launches of the one float kernel."""

from typing import Any

import numpy as np

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import known_activation
from dyadic.passes.lower.cpu.kernel_selection.depthwise import is_depthwise
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import float_conv
from dyadic.passes.lower.cpu.kernels.families.float_conv import FloatConvSpec
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import view
from dyadic.passes.rewriting import defining

UNITS = 8  # that an image has where its channels allow it


@selects(qi.FloatConv2dOp)
def convolution(op: qi.FloatConv2dOp) -> list[Launch]:
    source, made, weight = view(op.x), view(op.out), weights_of(op)
    outputs, kernel_y, kernel_x, depth = weight.shape
    strides, padding, dilation, groups = ints(op.strides), ints(op.padding), ints(op.dilation), op.groups.value
    apart = is_depthwise(op)
    channels = outputs if apart else outputs // groups
    spec = FloatConvSpec(
        **_common(op, channels, 1 if apart else groups),
        depth=depth,
        depthwise=apart,
        taps_y=kernel_y,
        taps_x=kernel_x,
        tap_y=dilation[0] * source.row,
        tap_x=dilation[1] * source.pixel,
        in_column=strides[1] * source.pixel,
        in_row=strides[0] * source.row,
    )
    start = -padding[0] * source.row - padding[1] * source.pixel
    return _launch(op, spec, start, made.rows * made.columns * weight.size)


@selects(qi.FloatLinearOp)
def linear(op: qi.FloatLinearOp) -> list[Launch]:
    """A convolution with one tap, whose pixels are the rows of x."""
    source, made, weight = view(op.x), view(op.out), weights_of(op)
    spec = FloatConvSpec(
        **_common(op, len(weight), 1),
        depth=weight.shape[1],
        depthwise=False,
        taps_y=1,
        taps_x=1,
        tap_y=0,
        tap_x=0,
        in_column=source.pixel,
        in_row=source.row,
    )
    return _launch(op, spec, 0, made.rows * made.columns * weight.size)


def weights_of(op: Any) -> Any:
    return np.array(defining(op.weight).value)


def _common(op: Any, channels: int, groups: int) -> dict[str, int]:
    """What a spec says of the result, its units and where tensors lie; a small image is shared by its channels, too."""
    source, made = view(op.x), view(op.out)
    blocks = groups * -(-channels // float_conv.block_of(channels))
    return {
        "rows": made.rows,
        "columns": made.columns,
        "channels": channels,
        "groups": groups,
        "unit_blocks": -(-blocks // -(-UNITS // made.rows)),
        "in_image": source.image,
        "out_column": made.pixel,
        "out_row": made.row,
        "out_image": made.image,
        "in_plane": source.plane,
        "out_plane": made.plane,
    }


def _launch(op: Any, spec: FloatConvSpec, start: int, macs: int) -> list[Launch]:
    source, result = known_activation(op.x), known_activation(op.out)
    params = float_conv.pack_params(
        spec,
        np.array(defining(op.bias).value),
        (source.scale, source.zero_point),
        (result.scale, result.zero_point),
        (op.low.value, op.high.value),
    )
    weights = float_conv.pack_weights(spec, weights_of(op)).view(np.int8)
    return [Launch(spec, place(view(op.out)), [place(view(op.x), start)], weights, params, macs=macs)]
