"""`qi.launch`: what is left of an integer op once its memory and its kernel are known. The last form before the artifact."""
# pyright: reportInvalidTypeForm=false

from torch_mlir import ir

from dyadic.dialects.laws import Bool, Dense, I64s, fail, ints
from dyadic.dialects.qi import QI


class LaunchOp(QI.Operation, name="launch"):
    """One step of the program: a call of `kernel` over `tiles` tiles an image (the kernel ABI of DESIGN 7).

    `out` is [buffer, byte offset], `inputs` such pairs one after the other; buffer -1 is `constant`. `spec` is everything
    the kernel's code depends on. With `overlap` the step may run without a barrier after the one before it.
    """

    layer: ir.StringAttr
    op: ir.StringAttr
    kernel: ir.StringAttr
    spec: ir.DictAttr
    out: I64s
    inputs: I64s
    weights: Dense
    params: Dense
    constant: Dense
    tiles: ir.IntegerAttr
    macs: ir.IntegerAttr
    overlap: Bool

    def verify_invariants(self) -> bool:
        if {"out", "inputs"} <= set(self.attributes) and (len(ints(self.out)) != 2 or len(ints(self.inputs)) % 2):
            return fail(self, f"out {ints(self.out)} and inputs {ints(self.inputs)} must be pairs of buffer and offset")
        return True
