"""PTX in the middle of a kernel, where neither `nvvm` nor LLVM has an operation that says it."""

from collections.abc import Sequence

from torch_mlir import ir

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value


def assembly(
    text: str, constraints: str = "~{memory}", operands: Sequence[Value] = (), result: ir.Type | None = None
) -> ir.Operation:
    """An instruction that nothing may be moved across; constraints as LLVM has them."""
    return ir.Operation.create(
        "llvm.inline_asm",
        results=[] if result is None else [result],
        operands=list(operands),
        attributes={
            "asm_string": ir.StringAttr.get(text),
            "constraints": ir.StringAttr.get(constraints),
            "has_side_effects": ir.UnitAttr.get(),
        },
    )
