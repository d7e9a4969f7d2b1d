"""`qi.embedding` as a launch: its table is the kernel's weights."""

import numpy as np

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import zero_point
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernels.families.embedding import ID_BYTES, EmbeddingSpec, pack_params
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import form_of
from dyadic.passes.lower.launches.launch import Launch, place
from dyadic.passes.lower.memory.views import view
from dyadic.passes.rewriting import defining

MOST = 8  # channels of a thread: it has two numbers of each


@selects(qi.EmbeddingOp)
def embedding(op: qi.EmbeddingOp) -> list[Launch]:
    """One launch."""
    ids, out = view(op.ids), view(op.out)
    m, s = ints(op.multiplier), ints(op.shift)
    form = form_of(m, s)
    columns = {"columns": out.columns, "rows": out.rows}
    spec = EmbeddingSpec(
        **columns,
        channels=out.channels,
        in_column=ids.pixel,
        in_row=ids.row,
        out_column=out.pixel,
        out_row=out.row,
        out_plane=out.plane,
        id_access=widest([ids.pixel, ids.row, ids.offset], ID_BYTES),
        width=widest([out.channels, out.pixel, out.row, out.offset, out.plane], MOST),
        form=form,
    )
    params = pack_params([zero_point(op.out), op.low.value, op.high.value], m, s, form)
    table = np.array(defining(op.table).value, copy=False)
    return [Launch(spec, place(out), [place(ids)], weights=table, params=params)]
