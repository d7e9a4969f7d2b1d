"""Products of two tensors that are both computed.

matmul(a, b) [clamp]  -->  qi.matmul

Truth: the sum of products is exact, and rounded once.
"""

from itertools import product

from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.conversion import Conversion, Target, activation_of, converts, i64, i64s
from dyadic.passes.rewriting import layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import INT32_MAX, limited_multiplier


@converts(qd.MatmulOp)
def matmul(c: Conversion, op: qd.MatmulOp, target: Target) -> ir.Value:
    """One op; both operands have at most 8 bits.

    Raises:
        ModelError: a sum of so many products could leave int32.
    """
    a, b = c.get(op.a), c.get(op.b)
    left, right, depth = activation_of(a), activation_of(b), shape(a)[-1]
    if max(left.bits, right.bits) > 8:
        raise ModelError(f"{layer_name(op)}: reads activations of 16 bits; a product of two tensors reads 8 at most.")
    ends = [[kind.low - kind.zero_point, kind.high - kind.zero_point] for kind in (left, right)]
    corners = [x * y for x, y in product(*ends)]
    low, high = min(0, *corners) * depth, max(0, *corners) * depth
    if max(-low, high) > INT32_MAX:
        raise ModelError(
            f"{layer_name(op)}: sums of {depth} products of two computed numbers could leave int32; about "
            f"{INT32_MAX // max(map(abs, corners)):,} are supported here."
        )
    out = target.activation
    m, s = limited_multiplier(left.exact * right.exact / out.exact)
    return qi.MatmulOp(
        a=a,
        b=b,
        multiplier=i64(m),
        shift=i64(s),
        low=i64(target.low),
        high=i64(target.high),
        acc=i64s([low, high]),
        out=out.tensor(shape(op.out)),
    ).out
