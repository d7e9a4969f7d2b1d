"""Requantize a tensor before it is repeated: there is less of it, and the kernel that makes it can write the copy.

requant(repeat(x))     repeat(requant(x))
"""

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.passes.rewriting import defining, module_pass


@module_pass
def requantize_first(module: ir.Operation) -> None:
    """Requantize what is repeated, not repeats: requant(repeat(x)) --> repeat(requant(x)); exact."""
    with module.context:
        for one in list(main_function(module).operation.regions[0].blocks[0].operations):
            if isinstance(op := one.opview, qi.RequantOp) and isinstance(repeat := defining(op.x), qi.RepeatOp):
                if len(list(op.x.uses)) == 1:
                    _exchange(op, repeat)


def _exchange(op: qi.RequantOp, repeat: qi.RepeatOp) -> None:
    element = ir.RankedTensorType(op.out.type).element_type
    with op.location, ir.InsertionPoint(repeat):
        kind = ir.RankedTensorType.get(shape(repeat.x), element)
        law = {name: getattr(op, name) for name in ("multiplier", "shift", "low", "high")}
        requantized = qi.RequantOp(x=repeat.x, out=kind, **law)
    with repeat.location, ir.InsertionPoint(repeat):
        repeated = qi.RepeatOp(x=requantized.out, times=repeat.times, out=op.out.type)
    op.out.replace_all_uses_with(repeated.out)
    op.operation.erase()
    repeat.operation.erase()
