"""Turn every integer op into calls of kernels over memory that is already planned."""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import zero_point
from dyadic.passes.lower.cpu.kernel_selection.selectors import selects
from dyadic.passes.lower.cpu.kernels.families.copy import pack_fill_params
from dyadic.passes.lower.cpu.kernels.families.halo import HaloSpec
from dyadic.passes.lower.cpu.kernels.registry import REGISTRY
from dyadic.passes.lower.launches.launch import Launch, place, plane_values
from dyadic.passes.lower.launches.outline import outline
from dyadic.passes.lower.memory.views import NO_HALO, layout_of, view
from dyadic.passes.rewriting import module_pass


@module_pass
def select_kernels(module: ir.Operation) -> None:
    """Replace integer ops by launches: qi.conv2d {qi.layout} --> qi.launch {kernel, spec, out, inputs, ...}; exact."""
    block = main_function(module).regions[0].blocks[0]
    ringed = {layout_of(op.opview.out).buffer for op in block.operations if isinstance(op.opview, qi.InputOp)}

    def build(op: Any) -> None:
        selector = selects.of(type(op))
        assert selector is not None, f"{op.operation.name} has no kernel for this target"
        launches = selector(op)
        for launch in launches:
            launch.build(op, REGISTRY)
        buffer = layout_of(op.out).buffer
        if launches and buffer not in ringed:
            ringed.add(buffer)
            for ring in halos(op):
                ring.build(op, REGISTRY)

    outline(module, build)


def halos(op: Any) -> list[Launch]:
    """What fills the ring around op's result with its zero point, where it has one: a launch for each plane of bytes.

    It follows the first step that writes inside the ring and overlaps with it: they touch different bytes, and both
    come after the barrier behind the last reader of whatever lay there before.
    """
    layout = view(op.out)
    if layout.halo == NO_HALO:
        return []
    inner = layout.offset % layout.pixel  # a slice's channels start inside the pixel: the ring is of whole pixels
    spec = HaloSpec(
        rows=layout.rows,
        columns=layout.columns,
        channels=layout.pixel,
        column=layout.pixel,
        row=layout.row,
        image=layout.image,
        **layout.halo._asdict(),
    )
    return [
        Launch(spec, place(layout, i * layout.plane - inner), [], params=pack_fill_params(value), overlap=True)
        for i, value in enumerate(plane_values(op.out, zero_point(op.out)))
    ]
