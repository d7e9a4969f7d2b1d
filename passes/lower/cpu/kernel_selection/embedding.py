"""`qi.embedding` as a launch: its table is the kernel's weights."""

import numpy as np

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import is_wide, zero_point
from dyadic.passes.lower.cpu.kernel_selection.pointwise import rows_in_unit
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families.embedding import EmbeddingSpec
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import view
from dyadic.passes.rewriting import defining


@selects(qi.EmbeddingOp)
def embedding(op: qi.EmbeddingOp) -> list[Launch]:
    """One launch; the rows of the result follow each other, as the ids do."""
    ids, out = view(op.ids), view(op.out)
    assert ids.dense and (out.rows == 1 or out.row == out.columns * out.pixel), "ids and rows follow each other"
    m, s = np.array(ints(op.multiplier), np.int64), np.array(ints(op.shift), np.int64)
    form = requantize.form_of(s[m > 0])
    count = out.rows * out.columns
    spec = EmbeddingSpec(
        rows=count,
        channels=out.channels,
        unit_rows=rows_in_unit(count, out.channels),
        ids_image=ids.image,
        out_row=out.pixel,
        out_image=out.image,
        out_plane=out.plane,
        form=form,
        clamp=requantize.clamps(op.low.value, op.high.value, wide=is_wide(op.out)),
    )
    header = [zero_point(op.out), op.low.value, op.high.value]
    params = requantize.pack(np.zeros(len(m), np.int64), m, s, None, form, header)
    table = np.array(defining(op.table).value, copy=False)
    return [Launch(spec, place(out), [place(ids)], weights=table, params=params)]
