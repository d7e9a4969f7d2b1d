"""What is left of formulas that no pattern named has no integer form: the model is refused by the user's layers."""

from collections.abc import Iterator
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.passes.rewriting import defining, layer_name, module_pass
from dyadic.passes.unsupported import Complaint, listed
from dyadic.runtime.errors import ModelError


def leftovers(module: ir.Operation) -> Iterator[Any]:
    """Ops that are part of a formula, the first of each formula only."""
    for block in function_bodies(module):
        for op in block.operations:
            if isinstance(op, qd.Spelled) and not isinstance(defining(op.x), qd.Spelled):
                yield op


@module_pass
def refuse_spelled(module: ir.Operation) -> None:
    """Refuse what is left of formulas that have no name: qd.masked

    Nothing changes.
    """
    complaints = [
        Complaint(layer_name(op), op.operation.name.removeprefix("qd."), f"it has an integer form {op.part_of}")
        for op in leftovers(module)
    ]
    if complaints:
        raise ModelError(listed(complaints))
