"""A model that says of every tensor how it is quantized needs no samples to learn from.

What passes look at samples for (equalization, learned rounding) leaves such a network alone; so numbers spread over
what its inputs can stand for take their place, and no figure comes from them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import main_function, make_plan
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.choose_fused_additions import choose_fused_additions, taken_in
from dyadic.passes.integerize.integerize import fused_clamp
from dyadic.passes.integerize.quantization import value_given
from dyadic.passes.integerize.result_parts import concats_of_results

STAND_INS = 8
SEED = 20240229


def not_given(module: ir.Operation) -> list[str]:
    """The names of inputs and layers whose ranges have to be learned: what integerize rounds, and nobody says how."""
    copy = module.clone()
    plan = make_plan(copy)
    missing = [name for name in plan.arguments if name not in plan.integers and name not in plan.given]
    if missing:
        return [*missing, *(step.name for step in plan.steps if learned(step.op, set()))]
    choose_fused_additions.run(copy)
    apart = concats_of_results(main_function(copy).operation.regions[0].blocks[0])
    return [step.name for step in plan.steps if learned(step.op, apart)]


def learned(op: object, apart: set[ir.Operation]) -> bool:
    """Whether the range of what an op makes is its own, and not given."""
    assert isinstance(op, qd.Operator)
    result = op.operation.results[0]
    if value_given(result) is not None or qd.keeps_range(op) or op.operation in apart or fused_clamp(op) is not None:
        return False
    return not (isinstance(op, qd.Layer) and taken_in(op))


def stand_ins(module: ir.Operation) -> dict[str, npt.NDArray[np.generic]]:
    """Numbers spread evenly over what each input can stand for; whole numbers are all 1."""
    function = main_function(module)
    block, plan = function.operation.regions[0].blocks[0], make_plan(module)
    random, samples = np.random.default_rng(SEED), dict[str, npt.NDArray[np.generic]]()
    for name, argument in zip(plan.arguments, block.arguments, strict=True):
        given, sizes = value_given(argument), [STAND_INS, *shape(argument)[1:]]
        if given is None:
            samples[name] = np.ones(sizes, np.int64)
        else:
            samples[name] = random.uniform(*given.range, sizes).astype(np.float32)
    return samples
