"""Outlining keeps the graph: one launch an op that computes, in order, inside its buffers, shared where shapes agree.

What the launches compute is compared with the integer reference in `tests/compiler/networks/test_bit_exact.py`.
"""

import numpy as np
import pytest
from support.random_graphs import integer_module
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cpu.kernel_selection.depthwise import SHARED_ROWS, UNIT_BYTES, UNITS, unit_blocks, unit_rows
from dyadic.passes.lower.cpu.kernel_selection.matrix import (
    SHARED_PIXELS,
    SHARED_WEIGHTS,
    TILE_PIXELS,
    UNIT_TILES,
    shared_by_pixels,
    unit_shape,
    unit_vectors,
)
from dyadic.passes.lower.cpu.kernel_selection.move import common_refinement
from dyadic.passes.lower.cpu.kernel_selection.pointwise import rows_in_unit
from dyadic.passes.lower.cpu.kernels.families.conv import ConvSpec
from dyadic.passes.lower.cpu.kernels.families.depthwise import DepthwiseSpec
from dyadic.passes.lower.cpu.kernels.registry import from_attribute
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import HIGH, SHORT, SMALL_SHIFT, WIDE, clamps, form_of
from dyadic.passes.lower.memory.views import BUFFERS

MOVES = {"qi.concat", "qi.slice", "qi.reshape", "qi.transpose"}  # free, or not, as layouts have it
FREE = {"qi.constant", "qi.quantize", "qi.dequantize", "func.return", *MOVES}


def outlined(seed: int) -> tuple[list[str], ir.Module]:
    """(names of the integer ops, the module after outlining)."""
    module, _ = integer_module(seed, layers=12)
    names = [op.operation.name for op in main_function(module).regions[0].blocks[0].operations]
    for one in PIPELINE["lower/cpu"]:
        one.run(module.operation)
    module.operation.verify()
    return names, module


@pytest.mark.parametrize("seed", range(8))
def test_every_op_that_computes_is_launched_once_and_in_order(seed: int) -> None:
    with new_context(), ir.Location.unknown():
        names, module = outlined(seed)
        function = main_function(module)
        launches = [op.opview for op in list(function.regions[0].blocks[0].operations)[:-1]]
        first = [launch.op.value for launch in launches if not launch.overlap.value and launch.op.value not in FREE]
        assert [n for n in first if n != "qi.pad"] == [n for n in names if n not in FREE and n != "qi.pad"]
        sizes = ints(function.operation.attributes[BUFFERS])
        for launch in launches:
            numbers = [*ints(launch.out), *ints(launch.inputs)]
            for buffer, offset in zip(numbers[::2], numbers[1::2], strict=True):
                size = sizes[buffer] if buffer >= 0 else launch.data("constant").size
                assert 0 <= offset < size, launch.layer.value
            assert launch.tiles.value > 0
            kernels = {launch.kernel.value: str(launch.spec) for launch in launches}
            assert kernels[launch.kernel.value] == str(launch.spec)


@pytest.mark.parametrize(
    ("shifts", "residual_shift", "form"),
    [
        ([33, 53], None, HIGH),
        ([33, 53], 32, HIGH),
        ([33, 53], 7, WIDE),  # the residual has bits below the high half
        ([], None, HIGH),  # every channel is constant
        ([32, 40], None, WIDE),  # half a unit is below the high half
        ([40, 54], None, WIDE),  # a zero point would leave int32
        ([31, 40], None, SMALL_SHIFT),
        ([31, 54], None, SMALL_SHIFT),
    ],
)
def test_the_form_follows_from_the_shifts(shifts: list[int], residual_shift: int | None, form: str) -> None:
    array = np.array(shifts, np.int64)
    assert form_of(array, residual_shift=residual_shift) == form
    assert form_of(array, short=True) == SHORT


CONSTANT_CHANNELS = """
func.func @main(%x: tensor<1x1x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x1x3x3xf32>) -> tensor<1x1x3x3xA>
  %w = "qi.constant"() {value = dense<[[[[3]]], [[[0]]]]> : tensor<2x1x1x1xi8>} : () -> tensor<2x1x1x1xW>
  %b = "qi.constant"() {value = dense<0> : tensor<2xi32>} : () -> tensor<2xi32>
  %0 = "qi.conv2d"(%q, %w, %b) {groups = 1 : i64, FIELDS} : (tensor<1x1x3x3xA>, tensor<2x1x1x1xW>, tensor<2xi32>)
    -> tensor<1x2x3x3xA>
  %1 = "qi.conv2d"(%0, %w, %b) {groups = 2 : i64, FIELDS} : (tensor<1x2x3x3xA>, tensor<2x1x1x1xW>, tensor<2xi32>)
    -> tensor<1x2x3x3xA>
  %r = "qi.dequantize"(%1) : (tensor<1x2x3x3xA>) -> tensor<1x2x3x3xf32>
  return %r : tensor<1x2x3x3xf32>
}"""
FIELDS = """strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, low = 0 : i64,
  high = 255 : i64, acc = array<i64: 0, 765>, form = "wide", multiplier = array<i32: 1073741824, 0>,
  shift = array<i32: 40, 2>"""


def test_a_constant_channel_is_its_zero_point_in_the_high_form() -> None:
    """Its own shift of 2 has no high half."""
    text = CONSTANT_CHANNELS.replace("FIELDS", FIELDS)
    text = text.replace("xA>", "x!quant.uniform<u8:f32, 0.5:77>>")
    text = text.replace("xW>", "x!quant.uniform<i8<-127:127>:f32:0, {1.0, 1.0}>>")
    with new_context() as context:
        module = ir.Module.parse(text, context)
        for one in PIPELINE["lower/cpu"]:
            one.run(module.operation)
        launches = [op.opview for op in list(main_function(module).regions[0].blocks[0].operations)[:-1]]
        kinds = set()
        for launch in launches:
            spec = from_attribute(launch.spec)
            kinds.add(type(spec))
            assert (spec.form, spec.clamp) == (HIGH, False)
            blocks = np.asarray(launch.data("params")).view(np.int32)[requantize.HEADER :].reshape(-1, requantize.BLOCK)
            multiplier, shift, rounding = (
                blocks[:, start : start + requantize.LANES]
                for start in (requantize.MULTIPLIER, requantize.SHIFT, requantize.ROUND_EVEN)
            )
            assert set(multiplier[multiplier > 0]) == {1 << 30} and set(shift[multiplier > 0]) == {8}
            assert (shift[multiplier == 0] >= 1).all()
            assert (rounding[multiplier == 0] >> shift[multiplier == 0] == 77).all()
    assert kinds == {ConvSpec, DepthwiseSpec}


def test_only_limits_inside_a_byte_are_clamped_to() -> None:
    assert [clamps(0, 255), clamps(1, 255), clamps(0, 254), clamps(7, 7)] == [False, True, True, True]


@pytest.mark.parametrize("blocks", [1, 3, 16])
@pytest.mark.parametrize("pixel_macs", [32 * 16, 32 * 576, 48 * 4608])
def test_units_cover_the_result_without_much_waste(blocks: int, pixel_macs: int) -> None:
    for rows in range(1, 60):
        for columns in (1, 7, 49, 56, 112, 127, 128, 784, 3136):
            high, wide = unit_shape(rows, columns, blocks, pixel_macs)
            assert 1 <= high <= rows and 1 <= wide <= columns
            units = -(-rows // high) * -(-columns // wide)
            assert units * high * wide <= rows * columns * 1.08 + 1
            if rows > 1:
                assert rows % high == 0 and wide == columns
            if rows * columns >= SHARED_PIXELS:
                assert units > 1
            assert high * wide <= UNIT_TILES * TILE_PIXELS or high == 1


@pytest.mark.parametrize(
    ("rows", "columns", "blocks", "pixel_macs", "shape"),
    [
        # for 14 units 8 threads take 8/7 as long as they should, for 7 units 2 threads do as well, for 2 units 4 times
        (14, 14, 1, 10**9, (1, 14)),
        (14, 14, 8, 10**9, (7, 14)),  # the other blocks keep them busy
        (14, 14, 1, 100, (7, 14)),  # less work than it takes to begin
        (22, 7, 8, 10**9, (2, 7)),  # 14 pixels fill a register tile, 77 do not
        (7, 7, 8, 10**9, (7, 7)),  # a small image may be one unit
        (1, 196, 1, 10**9, (1, 14)),
        (1, 196, 8, 10**9, (1, 98)),
    ],
)
def test_the_size_of_a_unit_weighs_idle_threads_beginnings_and_half_filled_tiles(
    rows: int, columns: int, blocks: int, pixel_macs: int, shape: tuple[int, int]
) -> None:
    assert unit_shape(rows, columns, blocks, pixel_macs) == shape


def test_units_of_channels() -> None:
    assert [unit_vectors(n) for n in (1, 2, 3, 4, 5, 9, 63)] == [1, 2, 3, 2, 2, 3, 3]


def test_units_of_a_depthwise_image() -> None:
    assert [unit_rows(rows, rows * 64) for rows in (7, 13, 14, 17, 28, 56, 112)] == [7, 13, 7, 8, 14, 8, 4]
    assert unit_rows(26, UNIT_BYTES // 3) == 2  # three rows fit, two divide
    assert unit_rows(35, UNIT_BYTES // 4) == 5  # none of three and four divides, but the next does
    assert unit_rows(100, 2 * UNIT_BYTES) == 2  # neighbouring rows share what they read
    for rows in range(1, 130):
        for row_bytes in (1, 1000, 10_000, 100_000):
            made = unit_rows(rows, row_bytes)
            assert 1 <= made <= rows and (made == rows) == (rows < SHARED_ROWS)


def test_channels_cut_what_rows_leave_whole() -> None:
    assert [unit_blocks(9, units) for units in (1, 2, 4, 8, 20)] == [2, 3, 5, 9, 9]
    for blocks in range(1, 40):
        for units in range(1, 40):
            made = unit_blocks(blocks, units)
            assert 1 <= made <= blocks
            assert units * -(-blocks // made) <= max(UNITS, units)


DEPTHWISE = """
func.func @main(%x: tensor<1x130x14x14xf32>) -> tensor<1x130x14x14xf32> {
  %q = "qi.quantize"(%x) : (tensor<1x130x14x14xf32>) -> tensor<1x130x14x14xA>
  %w = "qi.constant"() {value = dense<1> : tensor<130x1x1x1xi8>} : () -> tensor<130x1x1x1xW>
  %b = "qi.constant"() {value = dense<0> : tensor<130xi32>} : () -> tensor<130xi32>
  %0 = "qi.conv2d"(%q, %w, %b) {groups = 130 : i64, FIELDS}
    : (tensor<1x130x14x14xA>, tensor<130x1x1x1xW>, tensor<130xi32>) -> tensor<1x130x14x14xA>
  %r = "qi.dequantize"(%0) : (tensor<1x130x14x14xA>) -> tensor<1x130x14x14xf32>
  return %r : tensor<1x130x14x14xf32>
}"""


def test_a_depthwise_image_is_cut_into_rows_and_channels() -> None:
    """Two units of seven rows for each of three blocks of channels."""
    text = DEPTHWISE.replace("FIELDS", FIELDS)
    text = text.replace("1073741824, 0", ", ".join(["1073741824"] * 130)).replace("40, 2", ", ".join(["40"] * 130))
    text = text.replace("xA>", "x!quant.uniform<u8:f32, 0.5:77>>")
    text = text.replace("xW>", f"x!quant.uniform<i8<-127:127>:f32:0, {{{', '.join(['1.0'] * 130)}}}>>")
    with new_context() as context:
        module = ir.Module.parse(text, context)
        for one in PIPELINE["lower/cpu"]:
            one.run(module.operation)
        launch = main_function(module).regions[0].blocks[0].operations[0].opview
        spec = from_attribute(launch.spec)
        assert isinstance(spec, DepthwiseSpec)
        assert (spec.unit_rows, spec.unit_blocks, launch.tiles.value) == (7, 1, 6)


def test_rows_in_unit_prefers_divisors() -> None:
    assert rows_in_unit(56, 56 * 64) == 4
    assert rows_in_unit(7, 1 << 20) == 1
    assert rows_in_unit(13, 2000) == 8  # a prime: no divisor is near


def test_refinement_has_one_stride_a_dimension() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        factors = [int(f) for f in random.integers(1, 5, 4)]
        a, b = [factors[0] * factors[1], factors[2] * factors[3]], [factors[0], factors[1] * factors[2], factors[3]]
        refined = common_refinement(a, b)
        assert refined is not None and int(np.prod(refined)) == int(np.prod(a)) == int(np.prod(b))
        assert all(n == 1 or n in refined or any(n % part == 0 for part in refined) for n in (*a, *b))
    assert common_refinement([4, 9], [6, 6]) is None


def test_threads_share_pixels_of_large_images_with_few_weights() -> None:
    assert shared_by_pixels(SHARED_PIXELS, SHARED_WEIGHTS)
    assert not shared_by_pixels(SHARED_PIXELS - 1, 1) and not shared_by_pixels(1 << 16, SHARED_WEIGHTS + 1)
