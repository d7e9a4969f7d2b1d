"""What only depends on constants is a constant."""

from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.rewrite import PatternRewriter

from dyadic.dialects import qd
from dyadic.dialects.facts import Range
from dyadic.passes.building import constant, constant_array
from dyadic.passes.rewriting import NO_MATCH, module_pass, rewrite


def compute_now(op: Any, rewriter: PatternRewriter) -> bool | None:
    arrays = [array for value in op.operands if (array := constant_array(value)) is not None]
    if len(arrays) < len(op.operands):
        return NO_MATCH
    if op.result_range is Range.OWN:  # computed: in float64, and rounded once
        arrays = [array.astype(np.float64) for array in arrays]
    with rewriter.ip, op.location:
        folded = constant(op.evaluate(np, *arrays))
    rewriter.replace_op(op, [folded])
    return None


@module_pass
def fold_constants(module: ir.Operation) -> None:
    """Compute what only depends on constants: f(constant) --> constant

    Exact up to one float32 rounding.
    """
    rewrite(module, *((kind, compute_now) for kind in qd.QD.operations if kind.folds))
