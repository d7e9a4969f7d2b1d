"""`qi.max_pool` and `qi.avg_pool`."""

from typing import Any

import numpy as np

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import is_wide, quantized_bounds, zero_point
from dyadic.dialects.windows import valid_cells
from dyadic.passes.lower.cuda.kernel_selection.copies import copies_of, copy_params
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernel_selection.squeeze import block_of_average, squeezed
from dyadic.passes.lower.cuda.kernels.families import pool
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of, shifts_for
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.copies import is_written
from dyadic.passes.lower.memory.views import READ_THROUGH, View, view

MANY_THREADS = 1 << 17  # what keeps a large GPU busy with one image
ENOUGH_THREADS = 1 << 13  # so many that each may have more to do
LEAST_CELLS = 4  # that a thread of several has of a window
MOST_SLICES = 64


def alignment(*views: View) -> int:
    """How many bytes one access to these tensors may have."""
    return widest([n for each in views for n in (each.offset, each.pixel, each.row, each.plane)])


def _window(op: Any, *copies: View) -> dict[str, int]:
    source, made = view(op.x), view(op.out)
    kernel, strides, padding = ints(op.kernel), ints(op.strides), ints(op.padding)
    pixels = made.rows * made.columns
    width = min(alignment(source, made, *copies), _width(pixels * made.channels))
    items = pixels * -(-made.channels // width)
    return {
        "rows": made.rows,
        "columns": made.columns,
        "channels": made.channels,
        "in_rows": source.rows,
        "in_columns": source.columns,
        "taps_y": kernel[0],
        "taps_x": kernel[1],
        "stride_y": strides[0],
        "stride_x": strides[1],
        "pad_top": padding[0],
        "pad_left": padding[1],
        "in_pixel": source.pixel,
        "in_row": source.row,
        "out_pixel": made.pixel,
        "out_row": made.row,
        "in_plane": source.plane,
        "out_plane": made.plane,
        "width": width,
        **_blocks(items, kernel[0] * kernel[1]),
    }


def _width(numbers: int) -> int:
    """Channels of a thread of a result of so many: with more of them fewer instructions are for where cells are."""
    return next((width for width in (16, 8) if numbers >= width * ENOUGH_THREADS), 4)


def _blocks(items: int, taps: int) -> dict[str, int]:
    """Threads that share a window: of many cells, while there are too few windows, and each has cells for several."""
    slices = 1
    while (
        taps > pool.UNROLLED
        and slices < MOST_SLICES
        and 2 * slices * items <= MANY_THREADS
        and 2 * slices * LEAST_CELLS <= taps
    ):
        slices *= 2
    if slices == 1:
        return {"slices": 1, "block_items": 128}
    block_items = 32 if slices <= pool.MOST_THREADS // 32 else pool.MOST_THREADS // slices
    return {"slices": slices, "block_items": block_items}


@selects(qi.MaxPoolOp)
def max_pool(op: qi.MaxPoolOp) -> list[Launch]:
    """One launch: the largest cell of each window, and perhaps a copy of it; none where the layer that reads it finds
    it."""
    if READ_THROUGH in op.operation.attributes:
        return []
    dilation, copies = ints(op.dilation), copies_of(op)
    lies = [one.lies for one in copies]
    out, copied = view(op.out), {}
    if copies:  # one alone
        stored = is_written(op.out)
        out = out if stored else lies[0]
        copied = {"stored": stored, "copied": True, "copy_pixel": lies[0].pixel, "copy_row": lies[0].row}
    spec = pool.MaxPoolSpec(**_window(op, *lies), dilation_y=dilation[0], dilation_x=dilation[1], **copied)
    params = [pool.pack_max_params(quantized_bounds(op.x)[0], wide=is_wide(op.x))]
    params += [copy_params(one.op, out, one.lies) for one in copies]
    return [Launch(spec, place(out), [place(view(op.x))], params=np.concatenate(params))]


@selects(qi.AvgPoolOp)
def avg_pool(op: qi.AvgPoolOp) -> list[Launch]:
    """One launch: the sum of each window, rescaled by how many cells it has. Of a squeeze-and-excite block it has the
    first layer in it."""
    if (block := block_of_average(op)) is not None:
        return [squeezed(block)]
    made, seen, counts = view(op.out), view(op.x), ints(op.counts)
    m, s = np.array(ints(op.multiplier), np.int64), np.array(ints(op.shift), np.int64)
    spec = pool.AvgPoolSpec(**_window(op), counts=len(counts), form=form_of(m.tolist(), s.tolist()))
    cells = valid_cells(
        [seen.rows, seen.columns],
        ints(op.kernel),
        ints(op.strides),
        ints(op.padding),
        [made.rows, made.columns],
        op.count_include_pad.value,
    )
    header = [zero_point(op.out), op.low.value, op.high.value, zero_point(op.x)]
    s = shifts_for(spec.form, m.tolist(), s.tolist())
    params = pool.pack_avg_params(spec, m, s, np.searchsorted(counts, cells), header)
    return [Launch(spec, place(made), [place(seen)], params=params)]
