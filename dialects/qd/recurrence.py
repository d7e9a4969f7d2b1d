"""Layers that go through time step by step: LSTM, GRU and simple recurrent ones."""
# pyright: reportInvalidTypeForm=false

from types import ModuleType
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result

from dyadic.dialects.fields import Bool, flag, given
from dyadic.dialects.qd.dialect import Operator, Values
from dyadic.dialects.recurrence import GATES, step
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail

__all__ = ["RecurrenceOp"]


class RecurrenceOp(Operator, name="recurrence"):
    """The states h of a recurrence, step after step: x [1,T,gates*H], weight [gates*H,H], bias [gates*H].

    `kind` and the order of gates: `dialects/recurrence.py`. x is the input of each step as the layer's input weights
    project it, `qd.linear`. h and c [1,H] are the states before the first step; only an LSTM has c. With `reverse` time
    runs backwards; each result stands where its x does. With `cell` the result is c instead of h. Result [1,T,H].
    """

    x: Operand[Any]
    weight: Operand[Any]
    bias: Operand[Any]
    h: Operand[Any]
    c: Operand[Any]
    kind: ir.StringAttr
    out: Result[Any]
    reverse: Bool = flag()
    cell: Bool = flag()

    piecewise_linear = False
    wide_operands = (0,)

    def verify_invariants(self) -> bool:
        if not given(self, "kind"):
            return True
        kind = self.kind.value
        if kind not in GATES:
            return fail(self, f'kind must be one of {", ".join(GATES)}, not "{kind}"')
        x, weight, bias, h, c, out = (shape(v) for v in (self.x, self.weight, self.bias, self.h, self.c, self.out))
        size = weight[-1]
        fits = len(x) == 3 and weight == [GATES[kind] * size, size] and bias == weight[:1] and x[2] == weight[0]
        if not fits or h != [1, size] or c != h or out != [*x[:2], size]:
            return fail(
                self, f"shapes do not fit: x {x}, weight {weight}, bias {bias}, h {h}, c {c}, result {out} of {kind}"
            )
        return True

    def evaluate(self, xp: ModuleType, x: Values, weight: Values, bias: Values, h: Values, c: Values) -> Values:
        h, c = (state.expand(x.shape[0], -1) for state in (h, c))
        made: list[Values] = []
        times = range(x.shape[1])
        for t in reversed(times) if self.reverse.value else times:
            h, c = step(xp, self.kind.value, x[:, t], weight, bias, h, c)
            made.append(c if self.cell.value else h)
        return xp.stack(made[::-1] if self.reverse.value else made, 1)
