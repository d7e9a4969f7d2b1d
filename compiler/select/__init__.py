"""Choose each tensor's width. One choice so far: the same for all, as `qd.bits` with the reason in `qd.why`."""

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import main_function
from dyadic.runtime.errors import UsageError

SUPPORTED = (8,)


def uniform(module: ir.Module, bits: int) -> None:
    """Give every op the width `bits`.

    Raises:
        UsageError: no kernel has that width.
    """
    if bits not in SUPPORTED:
        raise UsageError(f"{bits}-bit layers are not supported; {SUPPORTED[0]} bits are.")
    with module.context:
        width = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), bits)
        why = ir.StringAttr.get(f"uniform {bits} bits")
        for op in list(main_function(module).operation.regions[0].blocks[0].operations)[:-1]:
            if not isinstance(op.opview, qd.ConstantOp):
                op.attributes[qd.BITS], op.attributes[qd.WHY] = width, why
