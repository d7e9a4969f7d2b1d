"""The dialect `qi` itself, and what every op of it can be asked."""

from typing import cast

from torch_mlir.dialects.ext import Dialect, Pure

from dyadic.dialects.dimensions import Order
from dyadic.dialects.facts import Arithmetic
from dyadic.dialects.qd.dialect import Operator as FloatOperator

__all__ = ["QI", "Operator", "arithmetic_of", "float_operators", "has_kernel", "is_result"]


class QI(Dialect, name="qi"):
    """The integer graph."""


class Operator(QI.Operation, traits=[Pure]):
    """The facts about an op of the integer graph; where a class says nothing else, what is here holds.

    Its meaning is one method, exact, on NumPy arrays whose leading dimension is the batch, any batch:

        evaluate(self, *inputs)
    """

    arithmetic = cast("Arithmetic | None", None)  # every class says it
    # The kinds of float ops whose values its own stand for; none: no value of the float graph is its.
    made_from = cast("tuple[type[FloatOperator], ...]", ())
    found_by_name = True  # its value lies as that of the float op with the user's name does
    order = cast("Order | None", None)  # what it asks of the order of dimensions; every class says it
    dimension = ""  # the attribute that names one
    is_result = False  # whether it makes float32 that leaves the network
    per_dimension = cast("tuple[str, ...]", ())  # the attributes that have an entry for each


def arithmetic_of(op: object) -> Arithmetic | None:
    """What an op does with numbers; None of what is no op of the integer graph."""
    return op.arithmetic if isinstance(op, Operator) else None


def is_result(op: object) -> bool:
    """Whether it makes float32 that leaves the network: from integers, or of parts that were."""
    return isinstance(op, Operator) and op.is_result


def has_kernel(op: object) -> bool:
    """Whether a target's code computes it: constants are data, and the boundary is the runtime's."""
    return isinstance(op, Operator) and op.arithmetic is not None and op.arithmetic.computed


def float_operators() -> frozenset[str]:
    """The names of the ops that compute in float32: all that a program knows of them."""
    return frozenset(op.OPERATION_NAME for op in QI.operations if getattr(op, "arithmetic", None) is Arithmetic.FLOAT)
