"""`qi.conv2d`, `qi.linear` and both with a residual as launches of the product kernel."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift, ints
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.dialects.weight_groups import GROUP, GROUP_SCALES
from dyadic.passes.lower.cuda.kernel_selection.copies import addresses, copies_of, copy_params, distance
from dyadic.passes.lower.cuda.kernel_selection.joined import (
    joined,
    joined_addition,
    joined_pool,
    joined_table,
    places_of,
    residual_of,
    result_of,
)
from dyadic.passes.lower.cuda.kernel_selection.norm import kind_of, params_of
from dyadic.passes.lower.cuda.kernel_selection.product_tiles import tile
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernel_selection.together import together
from dyadic.passes.lower.cuda.kernel_selection.warpgroups import stored_for
from dyadic.passes.lower.cuda.kernels.families.product_added import pack_addition
from dyadic.passes.lower.cuda.kernels.families.product_spec import ANY_ADDRESS, ProductSpec, pack_params
from dyadic.passes.lower.cuda.kernels.families.product_weights import CHUNK, STEP, Format, StoredRuns, pack_weights
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, HIGH, HIGH_SHIFT, form_of, shifts_for
from dyadic.passes.lower.launches.biases import high_bias, low_bias
from dyadic.passes.lower.launches.launch import Launch, constant_bytes, place, plane_values
from dyadic.passes.lower.memory.copies import is_written
from dyadic.passes.lower.memory.views import NO_HALO, READ_THROUGH, View, view
from dyadic.passes.rewriting import defining

Array = npt.NDArray[Any]
SCALED_TOGETHER = (32, 64)  # weights that a kernel multiplies with one scale: half a step, or a step
SMALLEST_TILE = 32  # channels, of a block
SLOW_COPIES = 2  # how much longer a step takes whose chunks begin at any byte


@selects(qi.ConvAddOp)
def convolution(op: Any) -> list[Launch]:
    """One launch; a residual makes it the fused form."""
    source, places = view(op.x), places_of(op)
    rest = added_view(op)
    weight, format_, scales = constant_weights(op.weight)
    strides, padding, dilation, groups = ints(op.strides), ints(op.padding), ints(op.dilation), op.groups.value
    channels, kernel_y, kernel_x, depth = weight.shape
    sharing = 1 if scales is not None else groups_together(groups, weight.shape, source.pixel, source.offset)
    pixel = source.pixel if merges(source.pixel, depth * sharing, kernel_x, dilation[1], scales) else 0
    runs = StoredRuns(channels // groups * sharing, groups // sharing, str(format_), pixel, sharing)
    columns = 1 if pixel else kernel_x  # of runs
    starts = [
        y * dilation[0] * source.row + x * dilation[1] * source.pixel for y in range(kernel_y) for x in range(columns)
    ]
    start = -padding[0] * source.row - padding[1] * source.pixel
    flat = (
        kernel_y == kernel_x == 1
        and strides == [1, 1]
        and not any(padding)
        and joined_pool(op) is None
        and all(layout is None or _rows_touch(layout, places[0]) for layout in (source, *places, rest, *beside(op)))
    )
    return _launch(
        op,
        runs,
        weight,
        scales,
        distances=runs.distances(starts, list(weight.shape)),
        apart=[dilation[0] * source.row, dilation[1] * source.pixel],
        cells=cells(op.x),
        start=start,
        steps=(strides[1] * source.pixel, strides[0] * source.row),
        in_group=depth * sharing if groups > sharing else 0,
        flat=flat,
    )


@selects(qi.LinearOp, qi.LinearAddOp)
def linear(op: Any) -> list[Launch]:
    """A matrix product is a convolution whose pixels are the rows of x; groups may cut these into several runs."""
    layers = together(op) if isinstance(op, qi.LinearOp) else [op]
    if op != layers[-1]:
        return []  # the last one's launch makes it
    source, places = view(op.x), [place for each in layers for place in places_of(each)]
    rest = added_view(op)
    weight, format_, scales = constant_weights(op.weight)
    if len(layers) > 1:
        weight = np.concatenate([constant_weights(each.weight)[0] for each in layers])
    count = 1 if scales is None else scales.shape[1]
    depth = weight.shape[1] // count
    weight = weight.reshape(-1, 1, count, depth)
    runs = StoredRuns(len(weight), 1, str(format_), 0, 1)
    every = [source, rest, *beside(op), *places]
    flat = all(layout is None or _rows_touch(layout, places[0]) for layout in every)
    return _launch(
        op,
        runs,
        weight,
        None if scales is None else scales.reshape(len(weight), 1, count, -1),
        distances=runs.distances([run * depth for run in range(count)], list(weight.shape)),
        apart=[depth] if count > 1 else [],
        start=0,
        steps=(source.pixel, source.row),
        in_group=0,
        flat=flat,
        layers=layers,
    )


def _launch(
    op: Any,
    runs: StoredRuns,
    weight: Array,
    scales: Array | None,
    *,
    distances: list[int],
    apart: list[int],
    start: int,
    steps: tuple[int, int],
    in_group: int,
    flat: bool,
    cells: Sequence[int] = (),
    layers: Sequence[Any] = (),
) -> list[Launch]:
    """What both have in common. apart: distances between runs; steps: from a pixel and a row of the result to the next
    ones, in the input; cells: of windows of the input; layers: those of the product, where they are several."""
    layers = layers or [op]
    parts = [(layer, place) for layer in layers for place in places_of(layer)]
    source, made, others = view(op.x), parts[0][1], beside(op)
    table, norm, pool, copies = joined_table(op), joined(op, qi.LayerNormOp), joined_pool(op), copies_of(op)
    stored = not others or is_written(result_of(op))
    out = made if stored else others[0]
    residual, addition = residual_of(op), joined_addition(op)
    rest = None if residual is None else read_of(residual)
    m, s = (np.concatenate([ints(getattr(each, name)) for each in layers]) for name in ("multiplier", "shift"))
    form = FULL if (s < HIGH_SHIFT).any() else HIGH
    if not qi.has_residual(op):  # any shift makes 0 of 0
        form = form_of(m.tolist(), s.tolist(), short=all(each.form.value == "short" for each in layers))
        s = shifts_for(form, m.tolist(), s.tolist())
    rows, columns = (1, made.rows * made.columns) if flat else (made.rows, made.columns)
    if pool is not None:  # of pixels in no window nothing is wanted
        rows, columns = (n * size for n, size in zip(shape(pool.out)[1:3], ints(pool.kernel), strict=True))
    channels = tuple(place.channels for _, place in parts) if len(parts) > 1 else ()
    spec = ProductSpec(
        rows=rows,
        columns=columns,
        channels=runs.channels,
        in_pixel=steps[0],
        in_row=0 if rows == 1 else steps[1],
        out_pixel=made.pixel,
        out_row=0 if rows == 1 else made.row,
        chunks=len(distances),
        granule=granule([*steps, *apart, *cells, source.offset + start, source.image, source.plane, in_group]),
        store_bytes=widest([n for _, place in parts for n in addresses(place)] + [runs.channels]),
        cells=tuple(cells),
        groups=runs.groups,
        in_group=in_group,
        in_plane=source.plane,
        out_plane=made.plane,
        acc_shift=acc_shift(op),
        form=form,
        weights=runs.weights,
        run_pixel=runs.run_pixel,
        sharing=runs.sharing,
        **_residual(op, runs.channels, rows),
        table=table is not None,
        added=addition is not None,
        **_norm(norm, rows),
        **_windows(pool, runs.channels),
        copies=tuple(n for each in copies for n in each.place(runs.channels, flat=rows == 1)),
        stored=stored,
        parts=channels,
        **tile(
            rows * columns,
            runs.channels,
            runs.groups,
            len(distances) * CHUNK // STEP,
            twice=acc_shift(op) > 0,
            within=math.gcd(*channels),
            whole=norm is not None,
            narrow=runs.format.bits == 2,
        ),
    )
    spec = stored_for(spec)
    header, multiplied = [zero_point(op.out), op.low.value, op.high.value], None
    if residual is not None:
        header.append(zero_point(residual))
    if qi.has_residual(op):
        header.append(op.residual_shift.value)
        multiplied = np.array(ints(op.residual_multiplier), np.int64)
    high = [bias for each in layers if (bias := high_bias(each)) is not None]
    launch = Launch(
        spec,
        place(out),
        [place(source, start)] if rest is None else [place(source, start), place(view(rest))],
        weights=pack_weights(spec, weight, scales),
        params=pack_params(
            spec,
            distances,
            np.concatenate([low_bias(each) for each in layers]),
            m,
            s,
            header,
            multiplied,
            np.concatenate(high) if high else None,
            headers(parts, flat=rows == 1) if channels else (),
            table,
            _fills(op),
            _added(addition),
            [copy_params(each.op, out, each.lies) for each in copies],
            None if norm is None else (distance(op.operation.block, out, view(norm.out)), params_of(norm, spec.norm)),
            0 if pool is None else distance(op.operation.block, out, view(pool.out)),
        ),
        constant=constant_bytes(op.x if rest is None else rest),
        macs=made.rows * made.columns * weight.size,
    )
    return [launch]


def cells(value: ir.Value) -> list[int]:
    """Where the pixels of a window are, from its first one on, if what is read is a pool that a layer finds itself."""
    pool = defining(value)
    if not isinstance(pool, qi.MaxPoolOp) or READ_THROUGH not in pool.operation.attributes:
        return []
    seen, dilation, (rows, columns) = view(pool.x), ints(pool.dilation), ints(pool.kernel)
    return [y * dilation[0] * seen.row + x * dilation[1] * seen.pixel for y in range(rows) for x in range(columns)]


def beside(op: Any) -> list[View]:
    """Where the norm, the pool and the copies lie that the kernel of a layer makes, if any."""
    made = [one for one in (joined(op, qi.LayerNormOp), joined_pool(op)) if one is not None]
    return [*(view(one.out) for one in made), *(one.lies for one in copies_of(op))]


def _windows(pool: qi.MaxPoolOp | None, channels: int) -> dict[str, Any]:
    """What a spec says of a pool that the kernel makes, and of where that lies."""
    if pool is None:
        return {}
    made, (window_rows, window_columns) = view(pool.out), ints(pool.kernel)
    return {
        "window_rows": window_rows,
        "window_columns": window_columns,
        "pool_pixel": made.pixel,
        "pool_row": made.row,
        "pool_plane": made.plane,
        "pool_width": widest([*addresses(made), channels]),
    }


def _norm(norm: Any | None, rows: int) -> dict[str, Any]:
    """What a spec says of a norm that the kernel makes, and of where that lies."""
    if norm is None:
        return {}
    made = view(norm.out)
    return {
        **{f"norm_{name}": value for name, value in kind_of(norm).items()},
        "norm_pixel": made.pixel,
        "norm_row": 0 if rows == 1 else made.row,
        "norm_plane": made.plane,
        "norm_width": widest(addresses(made), 4),
    }


def headers(parts: Sequence[tuple[Any, View]], *, flat: bool) -> list[list[int]]:
    """For each part of a product, a layer and a place: zero point, low, high, where it lies, from the first one on, and
    how."""
    layer, first = parts[0]
    block = layer.operation.block
    limits = [(zero_point(each.out), each.low.value, each.high.value) for each, _ in parts]
    strides = [(place.pixel, 0 if flat else place.row) for _, place in parts]
    places = [distance(block, first, place) for _, place in parts]
    return [[*a, at, *b] for a, at, b in zip(limits, places, strides, strict=True)]


def _added(addition: qi.AddOp | None) -> list[int]:
    """What a kernel has of an addition behind it."""
    if addition is None:
        return []
    multipliers = addition.multiplier_a.value, addition.multiplier_b.value
    header = zero_point(addition.out), addition.low.value, addition.high.value
    return pack_addition(multipliers, zero_point(addition.a), addition.shift.value, header)


def added_view(op: Any) -> View | None:
    """Where that lies which the kernel of a layer adds, if anything."""
    residual = residual_of(op)
    return None if residual is None else view(read_of(residual))


def read_of(residual: ir.Value) -> ir.Value:
    """What a kernel reads as its residual: of a pad of channels that it knows, what is inside."""
    pad = _known_pad(residual)
    return residual if pad is None else pad.x


def _known_pad(residual: ir.Value) -> qi.PadOp | None:
    op = defining(residual)
    return op if isinstance(op, qi.PadOp) and READ_THROUGH in op.operation.attributes else None


def _fills(op: Any) -> list[int]:
    """A byte of each plane of the border that a layer's kernel knows of its residual."""
    residual = residual_of(op)
    pad = None if residual is None else _known_pad(residual)
    return [] if pad is None else plane_values(pad.out, pad.value.value)


def _residual(op: Any, channels: int, rows: int) -> dict[str, Any]:
    """What a spec says of a residual and of where it lies."""
    residual = residual_of(op)
    if residual is None:
        return {}
    rest, pad, inside = view(read_of(residual)), _known_pad(residual), {}
    if pad is not None:
        inside = {"residual_from": ints(pad.low)[-1], "residual_channels": shape(pad.x)[-1]}
    return {
        **inside,
        "residual": True,
        "residual_pixel": rest.pixel,
        "residual_row": 0 if rows == 1 else rest.row,
        "residual_plane": rest.plane,
        "residual_bytes": widest([*addresses(rest), channels, *inside.values()]),
    }


def granule(addresses: list[int]) -> int:
    """Of the copies from an input whose chunks are these distances apart."""
    found = widest(addresses)
    return found if found >= 4 else ANY_ADDRESS


def merges(pixel: int, depth: int, kernel_x: int, dilation: int, scales: Array | None) -> bool:
    """Whether a row of taps is one run: where that takes fewer chunks than a run for each tap."""
    if kernel_x == 1 or dilation != 1 or scales is not None:
        return False
    return -(-((kernel_x - 1) * pixel + depth) // CHUNK) < kernel_x * -(-depth // CHUNK)


def groups_together(groups: int, dims: tuple[int, ...], pixel: int, offset: int) -> int:
    """How many groups of a convolution share a product. Alone they waste the channels of a block, and chunks;
    together they multiply with each other's zeros."""
    made, kernel_y, kernel_x, depth = dims

    def cost(sharing: int) -> int:
        taps = kernel_y * kernel_x
        steps = -(-taps * -(-depth * sharing // CHUNK) // (STEP // CHUNK))
        channels = -(-(made // groups * sharing) // SMALLEST_TILE) * SMALLEST_TILE
        slow = groups > sharing and granule([pixel, offset, depth * sharing]) == ANY_ADDRESS
        return groups // sharing * steps * channels * (SLOW_COPIES if slow else 1)

    return min((n for n in range(1, groups + 1) if groups % n == 0), key=cost)


def constant_weights(value: ir.Value) -> tuple[Array, Format, Array | None]:
    """(numbers, how they are stored, scales of their groups) of a `qi.constant` of weights."""
    constant, kind = defining(value), ir.RankedTensorType(value.type).element_type
    weight, attributes = np.array(constant.value), constant.operation.attributes
    if GROUP_SCALES in attributes:
        if attributes[GROUP].value in SCALED_TOGETHER:
            return weight, Format(4, attributes[GROUP].value), np.array(attributes[GROUP_SCALES])
        return weight, Format(8), None  # times their scales they are numbers of 8 bits
    return weight, Format(quant.UniformQuantizedPerAxisType(kind).storage_type_integral_width), None


def _rows_touch(layout: View, seen: View) -> bool:
    """Pixels of all rows are equally far apart, so that rows can be read as one."""
    return seen.rows == 1 or (layout.halo == NO_HALO and layout.row == seen.columns * layout.pixel)
