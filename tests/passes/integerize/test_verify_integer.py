"""The proof on the IR accepts what integerize makes, and nothing that was changed afterwards."""

import pytest
from support.random_graphs import integer_module
from torch_mlir import ir

from dyadic.dialects import new_context, qi
from dyadic.passes.integerize.verify_integer import verify_integer
from dyadic.runtime.errors import ModelError


@pytest.mark.parametrize("seed", range(3))
def test_a_float_op_planted_inside_is_named(seed: int) -> None:
    with new_context():
        module, _ = integer_module(seed, 4)
        verify_integer.run(module.operation)
        block = module.body.operations[0].regions[0].blocks[0]
        boundary = next(op.opview for op in block.operations if isinstance(op.opview, qi.DequantizeOp))
        with ir.InsertionPoint(boundary), ir.Location.name("/planted"):
            floats = ir.RankedTensorType.get([1, 2], ir.F32Type.get())
            ir.Operation.create(
                "qd.constant",
                results=[floats],
                attributes={"value": ir.DenseElementsAttr.get_splat(floats, ir.FloatAttr.get_f32(1.0))},
            )
        with pytest.raises(ModelError, match=r"/planted \(qd.constant is not an integer op\)"):
            verify_integer.run(module.operation)
