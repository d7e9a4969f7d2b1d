"""`qi.conv2d`, `qi.linear` and both with a residual as launches of the convolution kernel."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.tensor_types import is_wide, zero_point
from dyadic.dialects.weight_groups import GROUP, GROUP_SCALES
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import weight_storage
from dyadic.passes.lower.cpu.kernels.families.conv import ConvSpec
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import LANES
from dyadic.passes.lower.cpu.kernels.weights.weight_format import Format
from dyadic.passes.lower.launches.biases import high_bias, low_bias
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import NO_HALO, View, view
from dyadic.passes.rewriting import defining

DWORD = 4
LONG_SUMS = 256  # products of a linear layer's result that leave time to ask for the line that it goes to
PACKED_RUN = 16  # runs are packed to a multiple of 16 dwords, K of one AMX tile
# What the size of a unit is chosen by; none of these changes a bit.
THREADS = (1, 2, 4, 8)
TILE_PIXELS, UNIT_TILES = 14, 32  # pixels of a full register tile of 32 channels, most of those in a unit
SHARED_PIXELS, SHARED_WEIGHTS = 128, 1 << 20  # bytes: half of a common L2
UNIT_COST = 20_000  # multiply-accumulates in the time that a unit takes to begin
TILE_COST = 0.2  # of a tile's time that does not shrink with its pixels


@selects(qi.ConvAddOp)
def convolution(op: Any) -> list[Launch]:
    """One launch; a residual makes it the fused form."""
    residual = op.residual if isinstance(op, qi.ConvAddOp) else None
    source, made = view(op.x), view(op.out)
    weight, format_, scales = constant_weights(op.weight)
    _, kernel_y, kernel_x, depth = weight.shape
    strides, padding, dilation, groups = ints(op.strides), ints(op.padding), ints(op.dilation), op.groups.value
    dense = source.pixel == _padded(depth) or source.pixel == depth == 1
    merged = groups == 1 and dilation[1] == 1 and dense and kernel_x > 1 and scales is None
    run = -(-kernel_x * source.pixel // DWORD) if merged else -(-depth // DWORD)
    rest = None if residual is None else view(residual)
    flat = (
        kernel_y == kernel_x == 1
        and strides == [1, 1]
        and not any(padding)
        and all(layout is None or _rows_touch(layout, made) for layout in (source, made, rest))
    )
    rows, columns = (1, made.rows * made.columns) if flat else (made.rows, made.columns)
    assert source.channels == depth * groups
    sharing = groups_in_a_vector(groups, made.channels // groups, depth, format_)
    spec = ConvSpec(
        **_common(op, rows, columns, groups // sharing, run, weight[0].size),
        in_column=strides[1] * source.pixel,
        in_row=strides[0] * source.row,
        in_image=source.image,
        in_group=depth * sharing,
        sharing=sharing,
        taps_y=kernel_y,
        taps_x=1 if merged else kernel_x,
        tap_y=dilation[0] * source.row,
        tap_x=dilation[1] * source.pixel,
        weights=str(format_),
        **residual_strides(rest),
    )
    if sharing > 1:
        spec = replace(spec, packed_dwords=run)  # AMX, whose tiles want more, has no kernel for these
    start = place(source, -padding[0] * source.row - padding[1] * source.pixel)
    return [
        Launch(
            spec,
            place(made),
            [start] if rest is None else [start, place(rest)],
            weights=weight_storage.pack(spec, weight, source.pixel, scales),
            params=parameters(op, spec),
            macs=made.rows * made.columns * weight.size,
        )
    ]


def groups_in_a_vector(groups: int, made: int, depth: int, format_: Format) -> int:
    """How many groups of `made` channels a vector of 16 takes side by side; 1: it is for one group alone."""
    sharing = LANES // made
    whole = sharing > 1 and LANES % made == 0 and groups % sharing == 0 and depth % DWORD == 0
    near = (sharing - 1) * depth // DWORD < LANES  # a lane's input is in the same vector
    return sharing if whole and near and format_.lines == 1 else 1


def residual_strides(rest: View | None) -> dict[str, Any]:
    """What a spec says of a residual and of where it lies."""
    if rest is None:
        return {}
    return {
        "residual": True,
        "residual_column": rest.pixel,
        "residual_row": rest.row,
        "residual_image": rest.image,
        "residual_plane": rest.plane,
    }


@selects(qi.LinearOp, qi.LinearAddOp)
def linear(op: Any) -> list[Launch]:
    """A matrix product is a convolution whose pixels are the rows of x; groups may cut these into several taps. A
    residual makes it the fused form."""
    rest = view(op.residual) if isinstance(op, qi.LinearAddOp) else None
    source, made = view(op.x), view(op.out)
    weight, format_, scales = constant_weights(op.weight)
    taps = 1 if scales is None else scales.shape[1]
    depth = weight.shape[1] // taps
    spec = ConvSpec(
        **_common(op, made.rows, made.columns, 1, -(-depth // DWORD), weight.shape[1]),
        in_column=source.pixel,
        in_row=source.row,
        in_image=source.image,
        in_group=0,
        taps_y=1,
        taps_x=taps,
        tap_y=0,
        tap_x=depth if taps > 1 else 0,
        weights=str(format_),
        asks=made.rows * made.columns > 1 and weight.shape[1] >= LONG_SUMS,
        **residual_strides(rest),
    )
    packed = weight_storage.pack(spec, weight.reshape(-1, 1, taps, depth), source.pixel, scales)
    macs = made.rows * made.columns * weight.size
    inputs = [place(source)] if rest is None else [place(source), place(rest)]
    return [Launch(spec, place(made), inputs, weights=packed, params=parameters(op, spec), macs=macs)]


def constant_weights(value: ir.Value) -> tuple[Any, Format, Any]:
    """(numbers, how they are stored, scales of their groups) of a `qi.constant` of weights."""
    constant, kind = defining(value), ir.RankedTensorType(value.type).element_type
    weight, attributes = np.array(constant.value), constant.operation.attributes
    if GROUP_SCALES in attributes:
        return weight, Format(4, attributes[GROUP].value), np.array(attributes[GROUP_SCALES])
    return weight, Format(quant.UniformQuantizedPerAxisType(kind).storage_type_integral_width), None


def _common(op: Any, rows: int, columns: int, groups: int, run: int, depth: int) -> dict[str, Any]:
    """What a spec says of the result, its units and one run of K (`depth` in all), whichever op it is for."""
    out = view(op.out)
    channels = out.channels // groups
    of_unit = unit_vectors(-(-channels // LANES))
    blocks = groups * -(-channels // (of_unit * LANES))
    unit_rows, unit_columns = unit_shape(rows, columns, blocks, of_unit * LANES * depth)
    return {
        "rows": rows,
        "columns": columns,
        "channels": channels,
        "groups": groups,
        "unit_vectors": of_unit,
        "unit_rows": unit_rows,
        "unit_columns": unit_columns,
        "pixels_outer": shared_by_pixels(rows * columns, channels * groups * depth),
        "run_dwords": run,
        "packed_dwords": -(-run // PACKED_RUN) * PACKED_RUN,
        "out_column": out.pixel,
        "out_row": out.row,
        "out_image": out.image,
        "form": form(op),
        "clamp": requantize.clamps(op.low.value, op.high.value, wide=is_wide(op.out)),
        "in_plane": view(op.x).plane,
        "out_plane": out.plane,
        "acc_shift": acc_shift(op),
    }


def form(op: Any) -> str:
    """The requantization that the kernel uses: the proven short form, else by the smallest shift that matters."""
    if qi.has_residual(op):
        return requantize.form_of(np.array(ints(op.shift), np.int64), residual_shift=op.residual_shift.value)
    m, s = np.array(ints(op.multiplier), np.int64), np.array(ints(op.shift), np.int64)
    return requantize.form_of(s[m > 0], short=op.form.value == "short")


def parameters(op: Any, spec: ConvSpec) -> Any:
    """Header and per-channel blocks in the kernel's order."""
    m, s = np.array(ints(op.multiplier), np.int64), np.array(ints(op.shift), np.int64)
    high = None if (values := high_bias(op)) is None else weight_storage.by_group(spec, values)
    header, residual = [zero_point(op.out), op.low.value, op.high.value], None
    if qi.has_residual(op):
        header += [zero_point(op.residual), op.residual_shift.value]
        residual = weight_storage.by_group(spec, np.array(ints(op.residual_multiplier), np.int64))
    bias, m, s = (weight_storage.by_group(spec, each) for each in (low_bias(op), m, s))
    return requantize.pack(bias, m, s, residual, spec.form, header, high)


def unit_vectors(vectors: int) -> int:
    """Vectors of 16 channels in a unit: two where that divides, three for 9, 15, 63..., so that little is wasted."""
    if vectors == 1 or vectors % 2 == 0:
        return min(vectors, 2)
    return 3 if vectors % 3 == 0 else 2


def shared_by_pixels(pixels: int, weight_bytes: int) -> bool:
    """Whether threads share an image by its pixels, not by its channels: each then reads all weights, again for every
    unit's pixels, so those must be few enough to stay in the cache."""
    return pixels >= SHARED_PIXELS and weight_bytes <= SHARED_WEIGHTS


def unit_shape(rows: int, columns: int, blocks: int, pixel_macs: int) -> tuple[int, int]:
    """Rows x columns of pixels in a unit: whole rows that divide evenly, or a piece of one long row.

    `blocks` units have the same pixels, each with `pixel_macs` multiply-accumulates a pixel. Few units leave threads
    idle, small ones take long to begin, and pixels that fill no register tile cost as much as a full one.
    """
    if rows == 1:
        pieces = {-(-columns // (tiles * TILE_PIXELS)) for tiles in range(1, UNIT_TILES + 1)}
        shapes = {(1, -(-columns // p)) for p in pieces}
    else:
        most = max(1, UNIT_TILES * TILE_PIXELS // columns)
        shapes = {(r, columns) for r in range(1, min(rows, most) + 1) if rows % r == 0}
    if rows * columns >= SHARED_PIXELS:
        shapes = {shape for shape in shapes if shape != (rows, columns)} or shapes

    def loss(shape: tuple[int, int]) -> float:
        pixels = shape[0] * shape[1]
        units = blocks * (rows // shape[0]) * -(-columns // shape[1])
        idle = sum(-(-units // t) * t / units - 1 for t in THREADS) / len(THREADS)
        tiles = -(-pixels // TILE_PIXELS) if shape[1] <= TILE_PIXELS else shape[0] * -(-shape[1] // TILE_PIXELS)
        return idle + UNIT_COST / (pixels * pixel_macs) + TILE_COST * (tiles * TILE_PIXELS / pixels - 1)

    return min(sorted(shapes, reverse=True), key=loss)


def _padded(channels: int) -> int:
    return -(-channels // DWORD) * DWORD


def _rows_touch(layout: View, seen: View) -> bool:
    """Pixels of all rows are equally far apart, so that rows can be read as one."""
    return layout.halo == NO_HALO and layout.row == seen.columns * layout.pixel
