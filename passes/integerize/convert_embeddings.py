"""Tables in integers: s8 with one scale a column, requantized to what the rows are read as.

Columns of whole numbers have a scale of 1, so that nothing of them is lost.

embedding [s8, one multiplier a column]   -->  qi.embedding
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.dialects import qd, qi
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.conversion import Conversion, Target, constant_array, converts, dense, i32s, i64
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import limited_multiplier

LARGEST = 127
Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]


@converts(qd.EmbeddingOp)
def embedding(c: Conversion, op: qd.EmbeddingOp, target: Target) -> ir.Value:
    """The model's own codes where it has any."""
    table = constant_array(op, op.table)
    if not np.isfinite(table).all():
        raise ModelError(f"{layer_name(op)}: its table holds NaN or infinite values; quantization needs finite ones.")
    steps, scales = given_codes(op) or codes_of(table)
    storage = ir.IntegerType.get_signless(8)
    element = quant.UniformQuantizedPerAxisType.get(
        1, storage, ir.F32Type.get(), scales.tolist(), [0] * len(scales), 1, -LARGEST, LARGEST
    )
    constant = qi.ConstantOp(value=dense(steps), out=ir.RankedTensorType.get(list(steps.shape), element))
    pairs = [limited_multiplier(Fraction(float(scale)) / target.activation.exact) for scale in scales]
    return qi.EmbeddingOp(
        ids=c.ids[op.ids],
        table=constant.out,
        multiplier=i32s([m for m, _ in pairs]),
        shift=i32s([s for _, s in pairs]),
        low=i64(target.low),
        high=i64(target.high),
        out=target.activation.tensor(shape(op.out)),
    ).out


def codes_of(table: Array) -> tuple[Codes, Array]:
    """Codes and one scale a column: the largest number becomes the largest integer, unless all are whole.

    Steps are rounded half to even.
    """
    scales = (np.abs(table).max(0) / LARGEST).astype(np.float32).astype(np.float64)
    scales[(scales == 0) | ((scales <= 1) & (table == np.rint(table)).all(0))] = 1.0
    return np.clip(np.rint(table / scales), -LARGEST, LARGEST).astype(np.int8), scales


def given_codes(op: qd.EmbeddingOp) -> tuple[Codes, Array] | None:
    """The codes of a table that the model holds in signed bytes with one scale; None where it does not."""
    constant = defining(op.table)
    said = constant.operation.attributes if isinstance(constant, qd.ConstantOp) else {}
    if qd.WEIGHT_STEPS not in said or "xi8>" not in str(said[qd.WEIGHT_STEPS].type):
        return None
    steps, scales = np.array(said[qd.WEIGHT_STEPS]).astype(np.int8), np.array([float(v) for v in said[qd.WEIGHT_SCALE]])
    if np.ptp(scales) or steps.min() < -LARGEST:
        return None
    return steps, np.full(steps.shape[1], scales[0])
