"""How `qd` ops are built: one function an op, the result's type follows from the operands.

Call them where an insertion point and a location are set: `with rewriter.ip, op.location:`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import MOST_ELEMENTS, is_integer, shape
from dyadic.passes.rewriting import defining
from dyadic.runtime.errors import ResourceError

Array = npt.NDArray[Any]

MOST_IN_A_CHAIN = 64


def tensor_type(dims: Sequence[int]) -> ir.RankedTensorType:
    """`tensor<dims x f32>`. ResourceError where it would hold more numbers than a network is computed with."""
    if math.prod(dims) > MOST_ELEMENTS:
        location = ir.Location.current
        where = f'"{location.name_str}" makes' if isinstance(location, ir.NameLoc) else "the model has"
        raise ResourceError(
            f"{where} a tensor of the shape {list(dims)}, {math.prod(dims)} numbers for one image; "
            f"up to {MOST_ELEMENTS} are supported"
        )
    return ir.RankedTensorType.get(list(dims), ir.F32Type.get())


def integer_type(dims: Sequence[int]) -> ir.RankedTensorType:
    """`tensor<dims x i32>`: an input of integers."""
    return ir.RankedTensorType.get(list(dims), ir.IntegerType.get_signless(32))


def i64s(values: Sequence[int]) -> ir.DenseI64ArrayAttr:
    """Integers as the attribute that `qd` keeps them in."""
    return ir.DenseI64ArrayAttr.get([int(v) for v in values])


def i64(value: int) -> ir.IntegerAttr:
    """`value : i64`."""
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), int(value))


def f32(value: float) -> ir.FloatAttr:
    """`value : f32`, rounded to it."""
    return ir.FloatAttr.get(ir.F32Type.get(), float(np.float32(value)))


def constant_array(value: ir.Value) -> Array | None:
    """The numbers of a `qd.constant` without copying them, or None where `value` is not one."""
    op = defining(value)
    return np.array(op.value, copy=False) if isinstance(op, qd.ConstantOp) else None


def constant(values: Array | ir.DenseElementsAttr) -> ir.Value:
    """`qd.constant` of an array, or of an attribute that is already in the context (which costs nothing)."""
    if isinstance(values, np.ndarray) and values.size > 1 and not any(values.strides):  # a view of one number
        number = ir.FloatAttr.get(ir.F32Type.get(), float(values.flat[0]))
        values = ir.DenseElementsAttr.get_splat(tensor_type(values.shape), number)
    if not isinstance(values, ir.DenseElementsAttr):
        values = ir.DenseElementsAttr.get(np.asarray(values, np.float32, order="C"))
    return qd.ConstantOp(value=values, out=values.type).result


def window_count(
    size: int, kernel: int, stride: int, low: int, high: int, dilation: int = 1, ceil: bool = False
) -> int:
    """How many windows fit along one dimension; with `ceil` one more may reach out, as long as it starts inside.

    >>> window_count(7, 3, 2, 0, 0), window_count(8, 3, 2, 0, 0), window_count(8, 3, 2, 0, 0, ceil=True)
    (3, 3, 4)
    """
    span = size + low + high - dilation * (kernel - 1) - 1
    if not ceil:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + low else count


def conv2d(
    x: ir.Value,
    weight: ir.Value,
    bias: ir.Value,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> ir.Value:
    """`qd.conv2d`: x [N,C,H,W], weight [O,C/groups,KH,KW], bias [O]; padding is [top, left, bottom, right]."""
    size, kernel = shape(x)[2:], shape(weight)[2:]
    out = [window_count(size[d], kernel[d], strides[d], padding[d], padding[d + 2], dilation[d]) for d in range(2)]
    return qd.Conv2dOp(
        x=x,
        weight=weight,
        bias=bias,
        strides=i64s(strides),
        padding=i64s(padding),
        dilation=i64s(dilation),
        groups=i64(groups),
        out=tensor_type([shape(x)[0], shape(weight)[0], *out]),
    ).result


def linear(x: ir.Value, weight: ir.Value, bias: ir.Value) -> ir.Value:
    """`qd.linear`: `x @ weight^T + bias` over the last dimension; weight [O,K], bias [O]."""
    return qd.LinearOp(x=x, weight=weight, bias=bias, out=tensor_type([*shape(x)[:-1], shape(weight)[0]])).result


def layer_like(op: qd.Layer, x: ir.Value, weight: ir.Value, bias: ir.Value) -> ir.Value:
    """The layer `op` over other operands, perhaps in another context."""
    if isinstance(op, qd.Conv2dOp):
        return conv2d(x, weight, bias, ints(op.strides), ints(op.padding), ints(op.dilation), op.groups.value)
    return linear(x, weight, bias)


def scale_shift(x: ir.Value, scale: Array, shift: Array, axis: int) -> ir.Value:
    """`x * scale[c] + shift[c]`; the arrays are computed in float64 and rounded here, once."""
    return qd.ScaleShiftOp(x=x, scale=constant(scale), shift=constant(shift), axis=i64(axis), out=x.type).result


def elementwise(kind: type[qd.AddOp] | type[qd.SubOp] | type[qd.MulOp], a: ir.Value, b: ir.Value) -> ir.Value:
    """`qd.add`, `qd.sub` or `qd.mul` with broadcasting."""
    return kind(a=a, b=b, out=tensor_type(np.broadcast_shapes(shape(a), shape(b)))).result


def concat(inputs: Sequence[ir.Value], axis: int) -> ir.Value:
    """A chain of `qd.concat`: ((a, b), c), ...; one input is itself. Many are joined in halves, so that no number is
    copied for each that follows."""
    if len(inputs) > MOST_IN_A_CHAIN:
        middle = len(inputs) // 2
        inputs = [concat(half, axis) for half in (inputs[:middle], inputs[middle:])]
    joined, *rest = inputs
    for value in rest:
        dims = shape(joined)
        dims[axis] += shape(value)[axis]
        joined = qd.ConcatOp(a=joined, b=value, axis=i64(axis), out=tensor_type(dims)).result
    return joined


def pad(x: ir.Value, low: Sequence[int], high: Sequence[int], value: float) -> ir.Value:
    """`qd.pad`: so many cells of `value` before and after each dimension; negative numbers crop."""
    dims = [lo + n + hi for lo, n, hi in zip(low, shape(x), high, strict=True)]
    return qd.PadOp(x=x, low=i64s(low), high=i64s(high), value=f32(value), out=tensor_type(dims)).result


def max_pool(
    x: ir.Value,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    out: Sequence[int],
) -> ir.Value:
    """`out` is the result's height and width, which says how far windows reach beyond the padding."""
    return qd.MaxPoolOp(
        x=x,
        kernel=i64s(kernel),
        strides=i64s(strides),
        padding=i64s(padding),
        dilation=i64s(dilation),
        out=tensor_type([*shape(x)[:2], *out]),
    ).result


def avg_pool(
    x: ir.Value,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    count_include_pad: bool,
    out: Sequence[int],
) -> ir.Value:
    """`out` is the result's height and width, which says how far windows reach beyond the padding."""
    return qd.AvgPoolOp(
        x=x,
        kernel=i64s(kernel),
        strides=i64s(strides),
        padding=i64s(padding),
        count_include_pad=ir.BoolAttr.get(count_include_pad),
        out=tensor_type([*shape(x)[:2], *out]),
    ).result


def reduction(kind: type[qd.Reduction], x: ir.Value, axes: Sequence[int], keep: bool) -> ir.Value:
    """`qd.reduce_mean` or `qd.reduce_max` over `axes`, which are kept as 1 where `keep` is true."""
    axes = sorted(axes)
    dims = [1 if d in axes else n for d, n in enumerate(shape(x)) if keep or d not in axes]
    return kind(x=x, axes=i64s(axes), keep=ir.BoolAttr.get(keep), out=tensor_type(dims)).result  # pyright: ignore[reportCallIssue]


def reduce_mean(x: ir.Value, axes: Sequence[int], keep: bool) -> ir.Value:
    """`qd.reduce_mean` over `axes`, which are kept as 1 where `keep` is true."""
    return reduction(qd.ReduceMeanOp, x, axes, keep)


def clamp(x: ir.Value, low: float = -math.inf, high: float = math.inf) -> ir.Value:
    """`qd.clamp`: `min(max(x, low), high)`."""
    return qd.ClampOp(x=x, low=f32(low), high=f32(high), out=x.type).result


def hard_sigmoid(x: ir.Value, alpha: float, beta: float) -> ir.Value:
    """`qd.hard_sigmoid`: `clamp(alpha * x + beta, 0, 1)`."""
    return qd.HardSigmoidOp(x=x, alpha=f32(alpha), beta=f32(beta), out=x.type).result


def leaky_relu(x: ir.Value, alpha: float) -> ir.Value:
    """`qd.leaky_relu`: x where it is positive, else `alpha * x`."""
    return qd.LeakyReluOp(x=x, alpha=f32(alpha), out=x.type).result


def unary(kind: type[Any], x: ir.Value) -> ir.Value:
    """An op without attributes whose result has its operand's type: sigmoid, tanh, silu, hard_swish."""
    return kind(x=x, out=x.type).result


def reshape(x: ir.Value, dims: Sequence[int]) -> ir.Value:
    """`qd.reshape`: the same numbers in the same order under another shape."""
    return qd.ReshapeOp(x=x, out=integer_type(dims) if is_integer(x) else tensor_type(dims)).result


def embedding(ids: ir.Value, table: ir.Value) -> ir.Value:
    """`qd.embedding`: rows of `table` [V, n] by `ids` [1,...] of i32."""
    return qd.EmbeddingOp(ids=ids, table=table, out=tensor_type([*shape(ids), shape(table)[1]])).result


def transpose(x: ir.Value, permutation: Sequence[int]) -> ir.Value:
    """`qd.transpose`: dimension `d` of the result is dimension `permutation[d]` of x."""
    dims = [shape(x)[d] for d in permutation]
    return qd.TransposeOp(x=x, permutation=i64s(permutation), out=tensor_type(dims)).result


def slice_(x: ir.Value, starts: Sequence[int], steps: Sequence[int], dims: Sequence[int]) -> ir.Value:
    """`qd.slice`: from each dimension as many as `dims` says, from `starts`, `steps` apart."""
    return qd.SliceOp(x=x, starts=i64s(starts), steps=i64s(steps), out=tensor_type(dims)).result


def repeat(x: ir.Value, times: Sequence[int]) -> ir.Value:
    """`qd.repeat`: every number `times[d]` times in a row along each dimension; nothing where all are 1."""
    if all(n == 1 for n in times):
        return x
    dims = [n * t for n, t in zip(shape(x), times, strict=True)]
    return qd.RepeatOp(x=x, times=i64s(times), out=tensor_type(dims)).result


def take(x: ir.Value, axis: int, places: Sequence[int]) -> ir.Value:
    """`qd.take`: entries `places` of one dimension, which may be any, in any order."""
    dims = shape(x)
    dims[axis] = len(places)
    return qd.TakeOp(x=x, axis=i64(axis), places=i64s(places), out=tensor_type(dims)).result


def interpolate(
    x: ir.Value, rows: Sequence[int], row_shares: Array, columns: Sequence[int], column_shares: Array
) -> ir.Value:
    """`qd.interpolate`: rows and columns between `rows[i]` and the next, so much of the second."""
    return qd.InterpolateOp(
        x=x,
        rows=i64s(rows),
        row_shares=ir.DenseF64ArrayAttr.get([float(share) for share in row_shares]),
        columns=i64s(columns),
        column_shares=ir.DenseF64ArrayAttr.get([float(share) for share in column_shares]),
        out=tensor_type([*shape(x)[:2], len(rows), len(columns)]),
    ).result


def used_once(value: ir.Value) -> bool:
    """Whether exactly one operand reads it, so that nobody misses it once it is folded away."""
    return len(list(value.uses)) == 1


def f64(value: float) -> ir.FloatAttr:
    """`value : f64`."""
    return ir.FloatAttr.get(ir.F64Type.get(), float(value))


def norm(
    kind: type[qd.Norm], x: ir.Value, weight: Array | ir.Value, bias: Array | ir.Value, epsilon: float
) -> ir.Value:
    """`qd.layer_norm` or `qd.rms_norm` over the last dimension; weight and bias [n]."""
    weight, bias = (value if isinstance(value, ir.Value) else constant(value) for value in (weight, bias))
    return kind(x=x, weight=weight, bias=bias, epsilon=f64(epsilon), out=x.type).result


def matmul(a: ir.Value, b: ir.Value) -> ir.Value:
    """`qd.matmul`: a [1,...,M,K], b [1,...,K,N]."""
    return qd.MatmulOp(a=a, b=b, out=tensor_type([*shape(a)[:-1], shape(b)[-1]])).result


def attention(
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    scale: float,
    bias: Array | ir.Value | None = None,
    valid: Array | ir.Value | None = None,
) -> ir.Value:
    """`qd.attention`: q [1,...,M,D], k [1,...,N,D], v [1,...,N,E]; without `bias` none, without `valid` all."""
    bias = np.zeros(1, np.float32) if bias is None else bias
    valid = np.ones(1, np.float32) if valid is None else valid
    bias, valid = (value if isinstance(value, ir.Value) else constant(value) for value in (bias, valid))
    out = tensor_type([*shape(q)[:-1], shape(v)[-1]])
    return qd.AttentionOp(q=q, k=k, v=v, bias=bias, valid=valid, scale=f64(scale), out=out).result


def log_softmax(x: ir.Value, axis: int) -> ir.Value:
    """`qd.log_softmax` along one axis, which is not the batch."""
    return qd.LogSoftmaxOp(x=x, axis=i64(axis), out=x.type).result


def softmax(x: ir.Value, axis: int) -> ir.Value:
    """`qd.softmax` along one axis, which is not the batch."""
    return qd.SoftmaxOp(x=x, axis=i64(axis), out=x.type).result


def recurrence(
    x: ir.Value,
    weight: Array,
    bias: Array,
    h: ir.Value,
    c: ir.Value,
    kind: str,
    *,
    reverse: bool = False,
    cell: bool = False,
) -> ir.Value:
    """`qd.recurrence`: x [1,T,gates*H], weight [gates*H,H], bias [gates*H], h and c [1,H]."""
    return qd.RecurrenceOp(
        x=x,
        weight=constant(weight),
        bias=constant(bias),
        h=h,
        c=c,
        kind=ir.StringAttr.get(kind),
        reverse=ir.BoolAttr.get(reverse),
        cell=ir.BoolAttr.get(cell),
        out=tensor_type([*shape(x)[:2], weight.shape[1]]),
    ).result
