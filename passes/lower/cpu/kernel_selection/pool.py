"""`qi.max_pool` and `qi.avg_pool`."""

from typing import Any

import numpy as np

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import zero_point
from dyadic.dialects.windows import valid_cells
from dyadic.passes.lower.cpu.kernel_selection.pointwise import rows_in_unit
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families import pool
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import view


def _window(op: Any) -> dict[str, int]:
    source, made = view(op.x), view(op.out)
    kernel, strides, padding = ints(op.kernel), ints(op.strides), ints(op.padding)
    return {
        "rows": made.rows,
        "columns": made.columns,
        "channels": made.channels,
        "unit_rows": rows_in_unit(made.rows, made.columns * made.channels),
        "in_rows": source.rows,
        "in_columns": source.columns,
        "taps_y": kernel[0],
        "taps_x": kernel[1],
        "stride_y": strides[0],
        "stride_x": strides[1],
        "pad_top": padding[0],
        "pad_left": padding[1],
        "in_column": source.pixel,
        "in_row": source.row,
        "in_image": source.image,
        "out_column": made.pixel,
        "out_row": made.row,
        "out_image": made.image,
        "in_plane": source.plane,
        "out_plane": made.plane,
    }


@selects(qi.MaxPoolOp)
def max_pool(op: qi.MaxPoolOp) -> list[Launch]:
    """One launch: the largest cell of each window."""
    dilation = ints(op.dilation)
    spec = pool.MaxPoolSpec(**_window(op), dilation_y=dilation[0], dilation_x=dilation[1])
    return [Launch(spec, place(view(op.out)), [place(view(op.x))])]


@selects(qi.AvgPoolOp)
def avg_pool(op: qi.AvgPoolOp) -> list[Launch]:
    """One launch: the sum of each window, rescaled by how many cells it has."""
    made, seen, counts = view(op.out), view(op.x), ints(op.counts)
    m, s = np.array(ints(op.multiplier), np.int64), np.array(ints(op.shift), np.int64)
    form = requantize.WIDE if s.min() >= 32 else requantize.SMALL_SHIFT
    spec = pool.AvgPoolSpec(**_window(op), form=form, counts=len(counts))
    cells = valid_cells(
        [seen.rows, seen.columns],
        ints(op.kernel),
        ints(op.strides),
        ints(op.padding),
        [made.rows, made.columns],
        op.count_include_pad.value,
    )
    header = [zero_point(op.out), op.low.value, op.high.value, zero_point(op.x)]
    params = pool.pack_avg_params(spec, m, s, np.searchsorted(counts, cells), header)
    return [Launch(spec, place(view(op.out)), [place(view(op.x))], params=params)]
