"""A convolution that keeps its accumulator for an addition computes the same, with one rounding fewer."""

import numpy as np
import torch
from support.random_graphs import write_ranges
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.dialects import new_context, qi
from dyadic.dialects.reference import FloatReference, IntegerReference
from dyadic.passes import PIPELINE, building
from dyadic.passes.integerize.choose_fused_additions import choose_fused_additions


def residual_block() -> ir.Module:
    """relu(conv3x3(x) + conv1x1(x))."""
    random = np.random.default_rng(5)
    dims = [1, 6, 7, 5]
    with ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            function = func.FuncOp(
                "main", ir.FunctionType.get([building.tensor_type(dims)], [building.tensor_type(dims)])
            )
        block = function.add_entry_block()
        with ir.InsertionPoint(block):
            branches = []
            for kernel in (3, 1):
                weight = random.standard_normal((6, 6, kernel, kernel)).astype(np.float32)
                bias = random.standard_normal(6).astype(np.float32)
                pads = [kernel // 2] * 4
                branches.append(
                    building.conv2d(
                        block.arguments[0], building.constant(weight), building.constant(bias), [1, 1], pads, [1, 1], 1
                    )
                )
            total = building.elementwise(building.qd.AddOp, *branches)
            func.return_([building.clamp(total, 0.0)])
    return module


def test_one_rounding_is_closer_to_float_than_two() -> None:
    samples = np.random.default_rng(6).standard_normal((8, 6, 7, 5)).astype(np.float32)
    errors = {}
    for fused in (True, False):
        with new_context():
            module = residual_block()
            write_ranges(module, torch.from_numpy(samples))
            expected = FloatReference(module)({"arg0": torch.from_numpy(samples)})["out0"].numpy()
            for one in PIPELINE["integerize"]:
                if fused or one is not choose_fused_additions:
                    one.run(module.operation)
            kinds = {type(op.opview) for op in module.body.operations[0].regions[0].blocks[0].operations}
            assert (qi.ConvAddOp in kinds) == fused and (qi.AddOp in kinds) != fused
            errors[fused] = float(np.square(IntegerReference(module)({"arg0": samples})["out0"] - expected).mean())
    assert errors[True] < errors[False]
