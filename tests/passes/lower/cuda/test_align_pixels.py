"""Pixels of many channels begin at multiples of 16 bytes, and what has a ring shares its place with nothing."""

import pytest
from support.random_graphs import integer_module
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cuda.align_pixels import align_pixels
from dyadic.passes.lower.memory.assign_layouts import assign_layouts
from dyadic.passes.lower.memory.choose_dim_order import choose_dim_order
from dyadic.passes.lower.memory.plan_memory import plan_memory, ringed
from dyadic.passes.lower.memory.views import ARENA, BUFFERS, LAYOUT, activations, from_attribute


@pytest.mark.parametrize("seed", range(4))
def test_layouts_suit_a_gpu(seed: int) -> None:
    with new_context(), ir.Location.unknown():
        module, _ = integer_module(seed, layers=12)
        for one in (align_pixels, choose_dim_order, assign_layouts, plan_memory):
            one.run(module.operation)
        function = main_function(module)
        block = function.regions[0].blocks[0]
        sizes = ints(function.operation.attributes[BUFFERS])
        *offsets, _ = ints(function.operation.attributes[ARENA])
        layouts = [from_attribute(op.operation.attributes[LAYOUT]) for op in activations(block)]
        pixels = {layout.strides[-2] for layout in layouts if layout.halo}
        assert pixels and all(n in (4, 8) or n % 16 == 0 for n in pixels)
        kept = ringed(block)
        assert kept
        for one in kept:
            for other in set(range(len(sizes))) - {one}:
                apart = offsets[one] + sizes[one] <= offsets[other] or offsets[other] + sizes[other] <= offsets[one]
                assert apart, f"buffers {one} and {other} overlap"
