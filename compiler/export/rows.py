"""Layers over rows in an exported file: embeddings, norms, softmaxes and attention, and images of another size.

All are written in integers as the artifact has them: the curve of a softmax is a table of all distances, one over a sum
in attention a table of all sums. So ONNX Runtime gives the artifact's integers, where float softmaxes and norms would
be steps away.
"""

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from torch_mlir import ir

from dyadic.compiler.export.writer import Writer, exports
from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import qi
from dyadic.dialects import tabulated_softmax as tabulated
from dyadic.dialects.fields import ints
from dyadic.dialects.qi.attention import NEVER
from dyadic.dialects.qi.interpolation import corner_weights
from dyadic.dialects.qi.norms import LONGEST_SHORT, normalized_bits
from dyadic.dialects.tensor_types import shape, storage, zero_point
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime import fixedpoint
from dyadic.runtime.errors import UsageError

Array = npt.NDArray[np.int64]
MOST_SUMS = 1 << 22  # entries of the table of one over them
HALVES = np.arange(-15, 17)  # e / 2 of a value of 1 or 2 bits, of 3 or 4, and so on
SUM_BITS = 53  # of a sum of exponentials
LOWEST = -(1 << 40)  # a score that is never the largest
KINDS = {np.uint8: TensorProto.UINT8, np.int16: TensorProto.INT16}


class Whole:
    """Steps in int64, which all have a name after one layer."""

    def __init__(self, w: Writer, name: str) -> None:
        self.w, self.name = w, name

    def number(self, value: int) -> str:
        return self.w.constant(f"{self.name}_number", np.array(value, np.int64))

    def table(self, values: Array, places: str) -> str:
        return self.node("Gather", self.w.constant(f"{self.name}_table", values.astype(np.int64)), places, axis=0)

    def node(self, operator: str, *inputs: str, **said: int) -> str:
        return self.w.node(operator, list(inputs), self.name, **said)

    def cast(self, value: str) -> str:
        return self.node("Cast", value, to=TensorProto.INT64)

    def halved(self, value: str, divisor: str, half: str) -> str:
        """`(value + half) >> log2(divisor)`: Mod has the divisor's sign, so that it is rounded down."""
        more = self.node("Add", value, half)
        return self.node("Div", self.node("Sub", more, self.node("Mod", more, divisor)), divisor)

    def shifted(self, value: str, bits: int, *, half: bool = False) -> str:
        """`value >> bits`, or halves up."""
        return self.halved(value, self.number(1 << bits), self.number(half << bits >> 1))

    def result(self, value: str, op: qi.SoftmaxOp | qi.AttentionOp | qi.LayerNormOp | qi.InterpolateOp) -> str:
        """With the zero point, within the clamp, in the result's type."""
        moved = self.node("Add", value, self.number(zero_point(op.out)))
        clamped = self.node("Clip", moved, self.number(op.low.value), self.number(op.high.value))
        return self.node("Cast", clamped, to=KINDS[storage(op.out)])


@exports(qi.IdsOp)
def ids(w: Writer, op: qi.IdsOp) -> str:
    return w.names[op.x]


@exports(qi.EmbeddingOp)
def embedding(w: Writer, op: qi.EmbeddingOp) -> str:
    """Rows that are requantized already."""
    count = shape(op.table)[0]
    every = np.arange(count, dtype="<i4").view(np.uint8).reshape(1, count, 4)
    (rows,) = op.evaluate(every, np.array(defining(op.table).value))
    return w.node("Gather", [w.constant(f"{layer_name(op)}_rows", rows), w.names[op.ids]], layer_name(op), axis=0)


@exports(qi.LayerNormOp)
def layer_norm(w: Writer, op: qi.LayerNormOp) -> str:
    """In the integers of `qi.LayerNormOp`; how many bits a variance has is counted by comparing."""
    whole, n = Whole(w, layer_name(op)), shape(op.x)[-1]
    if n > LONGEST_SHORT:
        raise UsageError(f'"{whole.name}" normalizes rows of {n} numbers; up to {LONGEST_SHORT} have a form in int64')
    last = w.constant(f"{whole.name}_axis", np.array([-1], np.int64))
    x = whole.node("Sub", whole.cast(w.names[op.x]), whole.number(zero_point(op.x)))
    squares = whole.node("ReduceSum", whole.node("Mul", x, x), last, keepdims=1)
    variance, away = whole.node("Mul", squares, whole.number(n)), whole.node("Mul", x, whole.number(n))
    if op.centered.value:
        total = whole.node("ReduceSum", x, last, keepdims=1)
        variance = whole.node("Sub", variance, whole.node("Mul", total, total))
        away = whole.node("Sub", away, total)
    root, places = inverse_root(whole, whole.node("Add", variance, whole.number(op.epsilon.value)))
    divisors = np.int64(1) << (31 - normalized_bits(n) + HALVES)
    scaled = whole.halved(
        whole.node("Mul", away, root), whole.table(divisors, places), whole.table(divisors >> 1, places)
    )
    cut = whole.node("Clip", scaled, whole.number(fixedpoint.S16_MIN), whole.number(fixedpoint.S16_MAX))
    gain, bias = (
        w.constant(f"{whole.name}_{what}", np.array(defining(value).value).astype(np.int64))
        for what, value in (("gain", op.gain), ("bias", op.bias))
    )
    shift = op.shift.value
    made = whole.node("Add", whole.node("Mul", cut, gain), bias)
    return whole.result(whole.halved(made, whole.number(1 << shift), whole.number(1 << shift >> 1)), op)


def inverse_root(whole: Whole, value: str) -> tuple[str, str]:
    """`fixedpoint.reciprocal_root` of positive integers: R, and where e/2 is in `HALVES`."""
    first = whole.w.constant(f"{whole.name}_first", np.array([4**k for k in range(1, len(HALVES))], np.int64))
    larger = whole.node("Cast", whole.node("GreaterOrEqual", value, first), to=TensorProto.INT64)
    last = whole.w.constant(f"{whole.name}_axis", np.array([-1], np.int64))
    places = whole.node("ReduceSum", larger, last, keepdims=1)
    up, down = (np.int64(1) << 2 * np.maximum(sign * HALVES, 0) for sign in (-1, 1))
    v = whole.node("Div", whole.node("Mul", value, whole.table(up, places)), whole.table(down, places))
    inverse = whole.node("Div", whole.number(1 << 62), v)
    root = whole.node("Floor", whole.node("Sqrt", whole.node("Cast", inverse, to=TensorProto.DOUBLE)))
    return whole.node("Min", whole.cast(root), whole.number(65535)), places


@exports(qi.SoftmaxOp)
def softmax_(w: Writer, op: qi.SoftmaxOp) -> str:
    """In the integers of `qi.SoftmaxOp`; how many bits a sum has is counted by comparing."""
    whole, entries = Whole(w, layer_name(op)), np.array(op.table).astype(np.int64)
    x, last = whole.cast(w.names[op.x]), w.constant(f"{whole.name}_axis", np.array([-1], np.int64))
    distance = whole.node("Sub", whole.node("ReduceMax", x, last, keepdims=1), x)
    if entries.ndim == 1:
        weights = whole.table(entries, distance)
    else:
        size = whole.number(tabulated.ENTRIES)
        near = whole.table(entries[0], whole.node("Mod", distance, size))
        far = whole.table(entries[1], whole.node("Div", distance, size))
        weights = whole.shifted(whole.node("Mul", near, far), tabulated.FRACTION_BITS, half=True)
    inverse, log2 = inverse_of(whole, whole.node("ReduceSum", weights, last, keepdims=1))
    multiplier = whole.shifted(whole.node("Mul", whole.number(op.multiplier.value), inverse), 31)
    divisors = np.int64(1) << np.minimum(op.shift.value + np.arange(SUM_BITS), tabulated.MOST_SHIFT)
    products = whole.node("Mul", weights, multiplier)
    return whole.result(whole.halved(products, whole.table(divisors, log2), whole.table(divisors >> 1, log2)), op)


def inverse_of(whole: Whole, total: str) -> tuple[str, str]:
    """`tabulated_softmax.reciprocal` of sums: (R, k)."""
    first = whole.w.constant(f"{whole.name}_first", np.array([1 << k for k in range(1, SUM_BITS)], np.int64))
    larger = whole.node("Cast", whole.node("GreaterOrEqual", total, first), to=TensorProto.INT64)
    last = whole.w.constant(f"{whole.name}_axis", np.array([-1], np.int64))
    log2 = whole.node("ReduceSum", larger, last, keepdims=1)
    up, down = (np.int64(1) << np.maximum(sign * (np.arange(SUM_BITS) - 31), 0) for sign in (-1, 1))
    r = whole.node("Div", whole.node("Mul", total, whole.table(up, log2)), whole.table(down, log2))
    line = whole.shifted(whole.node("Mul", r, whole.number(tabulated.SLOPE)), 32)
    inverse = whole.node("Sub", whole.number(tabulated.FIRST), line)
    for _ in range(tabulated.STEPS):
        error = whole.shifted(whole.node("Sub", whole.number(1 << 62), whole.node("Mul", r, inverse)), 32)
        inverse = whole.node("Add", inverse, whole.shifted(whole.node("Mul", inverse, error), 30))
    return inverse, log2


@exports(qi.AttentionOp)
def attention(w: Writer, op: qi.AttentionOp) -> str:
    """Both products are of integers, with the zero points that ONNX takes off."""
    name = layer_name(op)
    whole, keys, rank = Whole(w, name), shape(op.k)[-2], len(shape(op.k))
    turned = w.node("Transpose", [w.names[op.k]], f"{name}_turned", perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = whole.cast(
        w.node("MatMulInteger", [w.names[op.q], turned, *points(w, name, op.q, op.k)], f"{name}_scores")
    )
    bias = np.array(defining(op.bias).value).astype(np.int64)
    if bias.any():
        scores = whole.node("Add", scores, w.constant(f"{name}_biases", np.where(bias == NEVER, 0, bias)))
    valid = whole.node("Cast", w.names[op.valid], to=TensorProto.BOOL)
    if (bias == NEVER).any():
        valid = whole.node("And", valid, w.constant(f"{name}_kept", bias != NEVER))
    weights, total = weighted(whole, op, scores, valid, keys)
    codes = whole.node("Cast", weights, to=TensorProto.UINT8)
    none = w.constant(f"{name}_none", np.uint8(0))
    product = [codes, w.names[op.v], none, w.constant(f"{name}_zero_point", np.uint8(zero_point(op.v)))]
    seen = whole.cast(w.node("MatMulInteger", product, f"{name}_sums"))
    return whole.result(over_sums(whole, op, seen, total, keys), op)


def points(w: Writer, name: str, *values: ir.Value) -> list[str]:
    return [w.constant(f"{name}_zero_point", np.uint8(zero_point(value))) for value in values]


def weighted(whole: Whole, op: qi.AttentionOp, scores: str, valid: str, count: int) -> tuple[str, str]:
    """The weights of scores in rows of `count`, and their sums."""
    rule, last = op.rule, whole.w.constant(f"{whole.name}_axis", np.array([-1], np.int64))
    if count * softmax.LARGEST_WEIGHT >= MOST_SUMS:
        raise UsageError(f'"{whole.name}" weighs rows of {count} numbers, too many for a table of one over their sums')
    scores = whole.node("Where", valid, scores, whole.number(LOWEST))
    away = whole.node("Sub", whole.node("ReduceMax", scores, last, keepdims=1), scores)
    near = whole.node("Min", away, whole.number(rule.farthest))
    half = whole.number(1 << rule.shift >> 1)
    u = whole.halved(whole.node("Mul", near, whole.number(rule.multiplier)), whole.number(1 << rule.shift), half)
    weights = whole.table(softmax.weight(np.arange(1 << 16), op.curve), u)
    weights = whole.node("Where", valid, weights, whole.number(0))
    return weights, whole.node("ReduceSum", weights, last, keepdims=1)


def over_sums(whole: Whole, op: qi.AttentionOp, value: str, total: str, count: int) -> str:
    """`value` requantized by the multiplier of its row's sum."""
    sums = np.maximum(np.arange(count * softmax.LARGEST_WEIGHT + 1), softmax.LARGEST_WEIGHT)  # less is not valid
    inverse, log2 = softmax.reciprocal(sums)
    divisors = np.int64(1) << (op.shift.value + log2)
    multiplied = whole.node("Mul", value, whole.table((op.multiplier.value * inverse) >> 16, total))
    return whole.halved(multiplied, whole.table(divisors, total), whole.table(divisors >> 1, total))


@exports(qi.InterpolateOp)
def interpolate(w: Writer, op: qi.InterpolateOp) -> str:
    """Four pixels in their shares, in integers."""
    whole = Whole(w, layer_name(op))
    x = whole.node("Sub", whole.cast(w.names[op.x]), whole.number(zero_point(op.x)))
    shares = np.array(ints(op.row_shares))[:, None], np.array(ints(op.column_shares))[None, :]
    places = [np.array(ints(each)) for each in (op.rows, op.columns)]
    sizes = shape(op.x)[2:]
    total = ""
    for corner, weight in enumerate(corner_weights(op.multiplier.value, *shares)):
        moved = x
        for axis, second in enumerate((corner // 2, corner % 2)):
            chosen = np.minimum(places[axis] + second, sizes[axis] - 1)
            moved = whole.node("Gather", moved, w.constant(f"{whole.name}_places", chosen), axis=2 + axis)
        part = whole.node("Mul", moved, w.constant(f"{whole.name}_weights", weight.astype(np.int64)))
        total = whole.node("Add", total, part) if total else part
    shift = op.shift.value
    return whole.result(whole.halved(total, whole.number(1 << shift), whole.number(1 << shift >> 1)), op)
