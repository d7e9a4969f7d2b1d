"""Launches that write the rings around tensors, which programs make once and no run writes again."""

from typing import Any

from dyadic.dialects.tensor_types import zero_point
from dyadic.passes.lower.cuda.kernels.families.ring import RingSpec, pack_params, store_bytes
from dyadic.passes.lower.launches.launch import Launch, place, plane_values
from dyadic.passes.lower.memory.views import NO_HALO, view


def rings(op: Any) -> list[Launch]:
    """What fills the ring around op's result with its zero point, in both planes of 16 bits; nothing where it has none.

    It is of whole pixels, and so of the buffer's: once is enough for all that share one.
    """
    layout = view(op.out)
    if layout.halo == NO_HALO:
        return []
    inner = layout.offset % layout.pixel  # a slice's channels start inside the pixel
    first = layout.offset - inner
    spec = RingSpec(
        rows=layout.rows,
        columns=layout.columns,
        channels=layout.pixel,
        column=layout.pixel,
        row=layout.row,
        plane=layout.plane,
        store_bytes=store_bytes(layout.pixel, layout.row, layout.plane, first),
        **layout.halo._asdict(),
    )
    return [Launch(spec, place(layout, -inner), [], params=pack_params(plane_values(op.out, zero_point(op.out))))]
