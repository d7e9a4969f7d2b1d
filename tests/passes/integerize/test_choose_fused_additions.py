"""A convolution that keeps its accumulator for an addition computes the same, with one rounding fewer."""

import numpy as np
import torch
from support.random_graphs import write_ranges
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.compiler.driver import build_artifact
from dyadic.compiler.job import Job
from dyadic.compiler.tools import Tools
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


def test_an_addition_behind_a_depthwise_convolution_keeps_its_filters_small() -> None:
    """Taken in, the convolution would need a matrix over all channels: 49 x 64 x 64 weights in place of 49 x 64."""
    torch.manual_seed(0)

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.depthwise = torch.nn.Conv2d(64, 64, 7, padding=3, groups=64)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.depthwise(x)

    x = torch.randn(8, 64, 6, 6)
    job = Job(Block().eval(), x.numpy(), example_inputs=(x[:1],), isa=["x86-64"], measure=False, progress="off")
    sections = build_artifact(job, Tools.of(job)).built.emitted.sections
    assert len(sections["cpu/weights"]) < 8 * 49 * 64
