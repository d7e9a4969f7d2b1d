"""The proof on the IR: between the input and the output quantization there are integers only, and no division.

Allowed are the ops of `qi` whose arithmetic is integer multiply, add, shift, comparison or a move of bytes; and those
that stand for layers which the user keeps in float. The latter read and make integers, so that nothing else is float;
their float weights may be read by them alone. Truth: a check, nothing is rewritten. The emitted code has its own proof.
"""

from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.dialects import qi
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import activation
from dyadic.passes.rewriting import defining, layer_name, module_pass
from dyadic.runtime.errors import ModelError


@module_pass
def verify_integer(module: ir.Operation) -> None:
    """Refuse a module that computes anything but integers between its boundaries, declared float islands apart."""
    offenders = [offender for block in function_bodies(module) for offender in find_offenders(block)]
    if offenders:
        raise ModelError("the network is not integer-only: " + "; ".join(offenders) + ".")


def find_offenders(block: ir.Block) -> list[str]:
    """Every op and output of a function that breaks the promise, by the user's name, with the reason."""
    *body, terminator = (op.opview for op in block.operations)
    offenders = [f"{layer_name(op)} ({why})" for op in body if (why := offence(op))]
    for i, value in enumerate(terminator.operation.operands):
        if not qi.is_result(defining(value)):
            offenders.append(f"output {i} (is not made by qi.dequantize)")
    return offenders


def offence(op: Any) -> str | None:
    """Why `op` may not stand inside the boundary, or None."""
    arithmetic = qi.arithmetic_of(op)
    if isinstance(op, qi.JoinOp):
        made = all(qi.is_result(defining(value)) for value in (op.a, op.b))
        read = all(use.owner.name == "func.return" or isinstance(use.owner.opview, qi.JoinOp) for use in op.out.uses)
        return None if made and read else "joins what is no part of a result"
    if arithmetic is Arithmetic.BOUNDARY:
        value = op.out if isinstance(op, qi.InputOp) else op.x
        kind = activation(value)
        if kind is None or float(np.float32(kind.scale)) != kind.scale:
            return "its scale is not a float32"
        inside = isinstance(op, qi.InputOp) and not isinstance(op.x, ir.BlockArgument)
        return "quantizes in the middle of the network" if inside else None
    if arithmetic is Arithmetic.FLOAT:
        return next((f"reads or makes {v.type}" for v in (op.x, op.out) if activation(v) is None), None)
    if isinstance(op, qi.ConstantOp) and read_by_islands(op.out):
        return None
    if arithmetic is None:
        return f"{op.operation.name} is not an integer op"
    values = [*op.operation.operands, *op.operation.results]
    return next((f"reads or makes {v.type}" for v in values if not is_integer(v)), None)


def read_by_islands(value: ir.Value) -> bool:
    """Whether these are the weights or the bias of float islands and of nothing else."""
    uses = list(value.uses)
    return bool(uses) and all(
        qi.arithmetic_of(use.owner.opview) is Arithmetic.FLOAT and use.operand_number > 0 for use in uses
    )


def is_integer(value: ir.Value) -> bool:
    """Whether a tensor holds integers: u8 and s16 activations, signed weights, i32 biases."""
    element = ir.RankedTensorType(value.type).element_type
    if isinstance(element, quant.UniformQuantizedPerAxisType):
        return element.is_signed and element.storage_type_integral_width in (2, 4, 8)
    return activation(value) is not None or isinstance(element, ir.IntegerType)
