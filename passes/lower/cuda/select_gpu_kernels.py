"""Turn every integer op into launches of a GPU's kernels over memory that is already planned."""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cuda.kernel_selection.move import borders
from dyadic.passes.lower.cuda.kernel_selection.ring import rings
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY
from dyadic.passes.lower.launches.outline import outline
from dyadic.passes.lower.memory.views import layout_of
from dyadic.passes.rewriting import layer_name, module_pass
from dyadic.runtime.errors import ModelError

SETUP = "qi.setup"  # of a launch: it runs once, when memory has been allocated


@module_pass
def select_gpu_kernels(module: ir.Operation) -> None:
    """Replace integer ops by launches: qi.conv2d {qi.layout} --> qi.launch {kernel, spec, out, inputs, ...}; exact.

    Rings of zero points and borders that stay are launches in front, marked `qi.setup`.
    """
    block = main_function(module).regions[0].blocks[0]
    if islands := [op for op in block.operations if qi.arithmetic_of(op.opview) is Arithmetic.FLOAT]:
        names = ", ".join(f'"{layer_name(op)}"' for op in islands)
        raise ModelError(f"cuda has no code for what is excluded and stays in float, {names}: compile for cpu")
    ringed: set[int] = set()

    def build(op: Any) -> None:
        selector = selects.of(type(op))
        if selector is None:
            raise ModelError(f'{op.operation.name} of layer "{layer_name(op)}" has no kernel for cuda: compile for cpu')
        for launch in selector(op):
            launch.build(op, REGISTRY)

    def first(op: Any) -> None:
        """What is written once into the buffer of an op's result. One that sees its dimensions in another order than
        they have in memory, as the boundary may, or no margins, leaves it to the next of the same buffer."""
        for border in borders(op):
            border.build(op, REGISTRY).operation.attributes[SETUP] = ir.UnitAttr.get()
        layout = layout_of(op.out)
        if layout.buffer in ringed or not layout.halo or [*layout.strides] != sorted(layout.strides, reverse=True):
            return
        ringed.add(layout.buffer)
        for ring in rings(op):
            ring.build(op, REGISTRY).operation.attributes[SETUP] = ir.UnitAttr.get()

    outline(module, build, first)
