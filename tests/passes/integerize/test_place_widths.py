"""place-widths decides how fine steps are and changes nothing else."""

import numpy as np
import pytest
import torch
from support.random_graphs import graph_with_ranges, write_widths

from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import run_qd
from dyadic.passes.integerize.place_ranges import place_ranges
from dyadic.passes.integerize.place_widths import place_widths
from dyadic.passes.integerize.quantization import value_bits, value_range
from dyadic.passes.integerize.result_parts import concats_of_results
from dyadic.passes.rewriting import defining


@pytest.mark.parametrize("seed", range(16))
def test_the_float_graph_stays_and_the_widths_agree(seed: int) -> None:
    """With the ranges placed behind it, as in the pipeline: one rescaling serves both."""
    with new_context() as context, context, torch.no_grad():
        module, samples = graph_with_ranges(seed, 9)
        write_widths(module, np.random.default_rng(seed))
        before = run_qd(module, {"arg0": samples})
        place_widths.run(module.operation)
        place_ranges.run(module.operation)
        assert module.operation.verify()
        after = run_qd(module, {"arg0": samples})
        assert all(torch.equal(before[name], after[name]) for name in before)
        for op in module.body.operations[0].regions[0].blocks[0].operations:
            match op.opview:
                case qd.ConcatOp() as concat:
                    made = [v for v in (concat.a, concat.b) if not isinstance(defining(v), qd.ConstantOp)]
                    assert {value_bits(v) for v in made} <= {value_bits(concat.out)}
                    apart = concat.operation in concats_of_results(concat.operation.block)
                    assert apart or {value_range(v) for v in made} <= {value_range(concat.out)}
                case move if qd.keeps_range(move):
                    assert value_bits(move.x) == value_bits(move.out)
                case qd.Function() as function:
                    assert value_bits(function.x) <= function.widest_input
