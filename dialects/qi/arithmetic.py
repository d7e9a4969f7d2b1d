"""The arithmetic that integer ops share: exact sums of products, requantization, the boundary."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects.fields import numbers
from dyadic.dialects.tensor_types import known_activation, quantized_bounds, storage, zero_point
from dyadic.runtime import fixedpoint

Array = npt.NDArray[Any]


def exact_float(weight: Array, x: ir.Value) -> type[np.floating[Any]]:
    """The narrowest float type in which every partial sum of what `x` holds times `weight` (one row an output) is
    exact."""
    low, high = quantized_bounds(x)
    largest = max(-low, high) * int(np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(1).max(initial=0))
    if largest >= 1 << 53:
        raise ValueError(f"partial sums reach {largest}, more than float64 holds exactly")
    return np.float32 if largest < 1 << 24 else np.float64


def narrow(op: Any, acc: npt.NDArray[np.int64]) -> Array:
    """`requant` with the op's own multiplier, shift, clamp and result type."""
    m, s = op.multiplier, op.shift
    q = fixedpoint.requant(acc, numbers(m), numbers(s), zero_point(op.out), op.low.value, op.high.value)
    return q.astype(storage(op.out))


def added(op: Any, acc: npt.NDArray[np.int64], residual: Array) -> Array:
    """The result of a fused addition from accumulators and a residual whose channels are last."""
    b = (residual.astype(np.int64) - zero_point(op.residual)) << op.residual_shift.value
    total = acc * np.array(numbers(op.multiplier), np.int64) + b * np.array(numbers(op.residual_multiplier), np.int64)
    rounded = fixedpoint.round_shift(total, np.array(numbers(op.shift), np.int64))
    return np.clip(rounded + zero_point(op.out), op.low.value, op.high.value).astype(storage(op.out))


def real(value: ir.Value, q: Array) -> npt.NDArray[np.float32]:
    """What the integers `q` of a `qi` activation stand for, as the boundary says it."""
    kind = known_activation(value)
    return fixedpoint.dequantize(q, kind.scale, kind.zero_point)


def quantized(op: Any, total: npt.NDArray[np.float32]) -> Array:
    """Float32 results as integers of the op's result type, as the boundary makes them, inside the op's clamp."""
    kind = known_activation(op.out)
    q = fixedpoint.quantize(total, kind.scale, kind.zero_point, *quantized_bounds(op.out))
    return np.clip(q, op.low.value, op.high.value).astype(storage(op.out))
