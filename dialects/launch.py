"""`qi.launch`: what is left of an integer op once its memory and its kernel are known, the last form of the IR."""
# pyright: reportInvalidTypeForm=false

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects.ext import attribute

from dyadic.dialects.fields import Bool, Dense, I64s, flag, ints
from dyadic.dialects.qi import QI
from dyadic.dialects.reference import main_function
from dyadic.dialects.verifiers import fail


class LaunchOp(QI.Operation, name="launch"):
    """One step of the program: a call of `kernel` over `tiles` tiles an image (`kernels/code.py` has the kernel ABI).

    `out` is [buffer, byte offset], `inputs` such pairs one after the other; buffer -1 is `constant`. `spec` is
    everything the kernel's code depends on; data that a kernel has none of is `unit`. With `overlap` the step may run
    without a barrier after the one before it.
    """

    layer: ir.StringAttr
    op: ir.StringAttr
    kernel: ir.StringAttr
    spec: ir.DictAttr
    out: I64s
    weights: Dense
    params: Dense
    constant: Dense
    tiles: ir.IntegerAttr
    macs: ir.IntegerAttr
    inputs: I64s = attribute(default_factory=lambda: ir.DenseI64ArrayAttr.get([]))  # an empty array counts as missing
    overlap: Bool = flag()

    def data(self, name: str) -> npt.NDArray[Any]:
        """`weights`, `params` or `constant` as an array, empty where there is none."""
        attribute = self.attributes[name]
        return np.zeros(0, np.int8) if isinstance(attribute, ir.UnitAttr) else np.array(attribute, copy=False)

    def verify_invariants(self) -> bool:
        if {"out", "inputs"} <= set(self.attributes) and (len(ints(self.out)) != 2 or len(ints(self.inputs)) % 2):
            return fail(self, f"out {ints(self.out)} and inputs {ints(self.inputs)} must be pairs of buffer and offset")
        return True


def launches_of(module: ir.Module | ir.Operation) -> list[LaunchOp]:
    """The steps of a lowered module, in order."""
    body = main_function(module).operation.regions[0].blocks[0]
    return [op.opview for op in body.operations if isinstance(op.opview, LaunchOp)]
