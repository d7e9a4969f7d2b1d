"""The fields of ops: what IRDL has no words for, and reading them."""

from collections.abc import Iterable
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import attribute

# The bindings have no IRDL constraint for these builtin attributes: to IRDL they are Any, the names say what they are.
I64s = Any  # ir.DenseI64ArrayAttr
I32s = Any  # ir.DenseI32ArrayAttr
Dense = Any  # ir.DenseElementsAttr
Bool = Any  # ir.BoolAttr

ACC_SHIFT = "acc_shift"  # IRDL has no optional attribute, so this field is known by its name alone


def flag() -> Any:
    """A `Bool` field, false where it is missing: the generated constructor takes a false attribute for none."""
    return attribute(default_factory=lambda: ir.BoolAttr.get(False))


def given(op: Any, *names: str) -> bool:
    """Whether `op` has all these attributes. Verifiers run before IRDL, which names a missing one: they step aside."""
    return set(names) <= set(op.operation.attributes)


def ints(attribute: Iterable[int]) -> list[int]:
    """A `DenseI64ArrayAttr` or `DenseI32ArrayAttr` as plain integers."""
    return [int(v) for v in attribute]


def numbers(attribute: Any) -> list[int]:
    """One integer or several."""
    return [attribute.value] if isinstance(attribute, ir.IntegerAttr) else ints(attribute)


def acc_shift(op: Any) -> int:
    """By how many bits an accumulator is narrowed before its requantization: `acc_shift`, 0 where there is none."""
    attributes = op.operation.attributes
    return attributes[ACC_SHIFT].value if ACC_SHIFT in attributes else 0
