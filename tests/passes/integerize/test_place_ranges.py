"""place-ranges decides where steps lie and changes nothing else."""

import pytest
import torch
from support.random_graphs import graph_with_ranges
from torch_mlir import ir

from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import run_qd
from dyadic.passes.integerize.place_ranges import place_ranges
from dyadic.passes.integerize.quantization import value_range
from dyadic.passes.integerize.result_parts import concats_of_results
from dyadic.runtime.errors import ModelError


@pytest.mark.parametrize("seed", range(12))
def test_the_float_graph_stays_and_the_ranges_agree(seed: int) -> None:
    with new_context():
        module, samples = graph_with_ranges(seed, 8)
        block = module.body.operations[0].regions[0].blocks[0]
        before = run_qd(module, {"arg0": samples})
        place_ranges.run(module.operation)
        assert module.operation.verify()
        after = run_qd(module, {"arg0": samples})
        assert all(torch.equal(before[name], after[name]) for name in before)
        for op in block.operations:
            match op.opview:
                case qd.ConcatOp() as concat if concat.operation not in concats_of_results(block):
                    assert {value_range(concat.a), value_range(concat.b)} == {value_range(concat.out)}
                case move if qd.keeps_range(move):
                    assert value_range(move.x) == value_range(move.out)


def test_a_tensor_that_calibration_never_saw_is_named() -> None:
    with new_context() as context:
        module = ir.Module.parse(
            """
            func.func @main(%x: tensor<1x4xf32> {qd.name = "pixels"}) -> tensor<1x4xf32> {
              %0 = "qd.reshape"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("/flat")
              return %0 : tensor<1x4xf32>
            }""",
            context,
        )
        with pytest.raises(ModelError, match="pixels: has no calibrated range"):
            place_ranges.run(module.operation)
