"""Which entries of a row are the largest: what ends classifiers and detectors.

Places are no numbers that layers compute with, so that these stand at the end of a network, where what is behind the
integers ranks them (`end-rankings`).
"""
# pyright: reportInvalidTypeForm=false, reportIncompatibleVariableOverride=false

from types import ModuleType

from torch_mlir import ir

from dyadic.dialects.fields import Bool, flag, given
from dyadic.dialects.qd.dialect import Values
from dyadic.dialects.qd.spelled import Spelled
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.verifiers import fail

__all__ = ["ArgMaxOp", "HardmaxOp", "Ranking", "TopKOp"]

AT_THE_END = "at the end of the network only, where nothing else computes with its result; end the model at it"


class Ranking(Spelled):
    """Of `axis`, which is not the batch, entries in the order of their size, of equal ones the first first."""

    axis: ir.IntegerAttr

    part_of = AT_THE_END

    @property
    def entries(self) -> int:
        """How many of the axis are left."""
        return 1

    def verify_invariants(self) -> bool:
        if not given(self, "axis"):
            return True
        x, axis, out = shape(self.x), self.axis.value, shape(self.out)
        if not 1 <= axis < len(x):
            return fail(self, f"the axis {axis} must be a dimension of {x}, and not the batch")
        if not 1 <= self.entries <= x[axis]:
            return fail(self, f"{self.entries} of the {x[axis]} entries of axis {axis} of {x}")
        expected = [*x[:axis], self.entries, *x[axis + 1 :]]
        return expected == out or fail(
            self, f"the {self.entries} largest of {x} along {axis} are {expected}, not {out}"
        )


class ArgMaxOp(Ranking, name="arg_max"):
    """Where the largest entry along `axis` is, or the smallest; the first of equal ones, or the last."""

    smallest: Bool = flag()
    last: Bool = flag()

    @property
    def last_function(self) -> str:
        which = "smallest" if self.smallest.value else "largest"
        return f"last_{which}_place" if self.last.value else f"{which}_places"

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        axis, sign = self.axis.value, -1 if self.smallest.value else 1
        if self.last.value:
            return (x.shape[axis] - 1 - (sign * x).flip([axis]).argmax(axis, keepdim=True)).float()
        return (sign * x).argmax(axis, keepdim=True).float()


class TopKOp(Ranking, name="top_k"):
    """The `count` largest entries along `axis` in order, or the smallest; or their `places`."""

    count: ir.IntegerAttr
    smallest: Bool = flag()
    places: Bool = flag()

    @property
    def entries(self) -> int:
        return self.count.value if given(self, "count") else 1

    @property
    def last_function(self) -> str:
        which = "smallest" if self.smallest.value else "largest"
        return f"{which}_places" if self.places.value else which

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        ordered = x.sort(dim=self.axis.value, descending=not self.smallest.value, stable=True)
        chosen = ordered.indices.float() if self.places.value else ordered.values
        return chosen.narrow(self.axis.value, 0, self.count.value)


class HardmaxOp(Spelled, name="hardmax"):
    """1 at the first of the largest entries along `axis`, 0 elsewhere."""

    axis: ir.IntegerAttr

    part_of = AT_THE_END
    last_function = "hardmax"

    def evaluate(self, xp: ModuleType, x: Values) -> Values:
        return xp.zeros_like(x).scatter(self.axis.value, x.argmax(self.axis.value, keepdim=True), 1.0)
