"""An artifact keeps weights once: what `store` took out of the integer IR, `restore` finds among the packed ones."""

import numpy as np
import pytest
from support.random_graphs import integer_module
from torch_mlir import ir

from dyadic.compiler.targets.cpu.emit import emit
from dyadic.compiler.targets.cpu.integer_ir import restore, unpack
from dyadic.dialects import new_context
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cpu.kernels.families import conv, depthwise, weight_storage


@pytest.mark.parametrize("islands", [False, True])
@pytest.mark.parametrize("seed", [0, 2, 5, 7, 12])
def test_restore_is_the_inverse_of_store(seed: int, islands: bool) -> None:
    with new_context() as context, ir.Location.unknown():
        module, _ = integer_module(seed, layers=10, mixed=True, islands=islands)
        integer = module.operation.clone()
        for one in PIPELINE["lower/cpu"]:
            one.run(module.operation)
        emitted = emit(module, [], integer)
        weights = np.frombuffer(emitted.sections["cpu/weights"], np.int8)
        assert "qi.packed" in str(ir.Module.parse(emitted.sections["qi"]))
        restored = restore(emitted.sections["qi"], weights, context)
        assert str(restored) == str(ir.Module.parse(str(integer)))


@pytest.mark.parametrize("unit_blocks", [1, 2])
def test_unpack_of_a_depthwise_pair(unit_blocks: int) -> None:
    spec = depthwise.DepthwiseSpec(
        rows=6, columns=6, channels=70, unit_rows=3, unit_blocks=unit_blocks, taps_y=3, taps_x=3, tap_y=640, tap_x=72,
        stride_x=1, in_column=72, in_row=640, in_image=6400, out_column=72, out_row=432, out_image=2624, form="wide",
        clamp=True,
    )  # fmt: skip
    weight = np.random.default_rng(0).integers(-127, 128, (70, 3, 3, 1)).astype(np.int8)
    assert spec.paired
    np.testing.assert_array_equal(unpack(spec, depthwise.pack_weights(spec, weight), [70, 3, 3, 1]), weight)


@pytest.mark.parametrize("pixels_outer", [False, True])
def test_unpack_of_a_merged_row(pixels_outer: bool) -> None:
    spec = conv.ConvSpec(
        rows=4, columns=4, channels=5, groups=1, unit_vectors=1, unit_rows=4, unit_columns=4, in_column=4, in_row=24,
        in_image=192, in_group=0, taps_y=3, taps_x=1, tap_y=24, tap_x=4, run_dwords=3, packed_dwords=16, out_column=8,
        out_row=32, out_image=128, form="wide", clamp=True, pixels_outer=pixels_outer,
    )  # fmt: skip
    weight = np.random.default_rng(0).integers(-127, 128, (5, 3, 3, 3)).astype(np.int8)
    np.testing.assert_array_equal(unpack(spec, weight_storage.pack_weights(spec, weight, 4), [5, 3, 3, 3]), weight)
