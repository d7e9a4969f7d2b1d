"""What ops have in common that weigh numbers by how far they are from the largest: softmax, alone or in attention."""

from typing import Any

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects.fields import given
from dyadic.dialects.qi.dialect import Operator
from dyadic.dialects.verifiers import fail


class Weighting(Operator):
    """An op's fields `distance_multiplier`, `distance_shift` and `farthest` say how a distance becomes a weight.

    Each op declares them itself: IRDL takes fields in the order of classes, and operands come first.
    """

    @property
    def rule(self) -> softmax.Distances:
        """How distances from the largest become weights."""
        op: Any = self
        return softmax.Distances(op.distance_multiplier.value, op.distance_shift.value, op.farthest.value)

    def verify_rule(self) -> bool:
        """Every distance stays inside of its integers."""
        if not given(self, "distance_multiplier", "distance_shift", "farthest"):
            return True
        m, s, farthest = self.rule
        if min(m, s, farthest) < 1 or s > softmax.MOST_SHIFT or not self.rule.fits:
            return fail(self, f"distances up to {farthest} times {m} >> {s} leave 16 bits")
        return True
