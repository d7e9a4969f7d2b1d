"""Layouts say where bytes lie: two tensors share bytes only where one is a place in the other."""

from pathlib import Path

import numpy as np
import pytest
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.memory.assign_layouts import assign_layouts
from dyadic.passes.lower.memory.views import Sizes, View, activations, layout_of, sizes_of
from dyadic.runtime.layout import Layout, Margin

__all__ = ["gpu"]

U8 = "!quant.uniform<u8:f32, 0.5:3>"


def image(*dims: int) -> str:
    return f"tensor<{'x'.join(map(str, dims))}x{U8}>"


def laid_out(*lines: str, source: str = image(1, 4, 4, 6)) -> dict[str, Layout]:
    """Location name -> layout of the ops in `lines`, whose input is %q."""
    text = "\n".join(lines)
    with new_context():
        outside = source.replace(U8, "f32")
        module = ir.Module.parse(
            f"func.func @main(%x: {outside}) {{\n"
            f'%q = "qi.quantize"(%x) : ({outside}) -> {source} loc("q")\n{text}\nreturn }}'
        )
        assign_layouts.run(module.operation)
        block = main_function(module).regions[0].blocks[0]
        return {op.location.name_str: layout_of(op.operation.results[0]) for op in activations(block)}


def sliced(name: str, source: str, first: int, count: int, into: str) -> str:
    return (
        f'%{into} = "qi.slice"(%{source}) {{starts = array<i64: 0, 0, 0, {first}>, steps = array<i64: 1, 1, 1, 1>}}'
        f' : ({image(1, 4, 4, 6)}) -> {image(1, 4, 4, count)} loc("{name}")'
    )


def test_channel_slices_are_places_in_their_input() -> None:
    layouts = laid_out(sliced("low", "q", 0, 2, "a"), sliced("high", "q", 2, 4, "b"))
    assert layouts["low"].buffer == layouts["high"].buffer == layouts["q"].buffer
    assert layouts["high"].offset - layouts["low"].offset == 2
    assert layouts["high"].strides == layouts["q"].strides == (32, 8, 1)


def test_a_slice_of_rows_is_copied() -> None:
    layouts = laid_out(
        f'%a = "qi.slice"(%q) {{starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>}}'
        f' : ({image(1, 4, 4, 6)}) -> {image(1, 2, 4, 6)} loc("rows")'
    )
    assert layouts["rows"].buffer != layouts["q"].buffer


def test_a_concat_takes_each_input_once() -> None:
    pair = f"{image(1, 4, 4, 6)}, {image(1, 4, 4, 6)}"
    layouts = laid_out(
        f'%n = "qi.requant"(%q) {{multiplier = 1073741824 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64}}'
        f' : ({image(1, 4, 4, 6)}) -> {image(1, 4, 4, 6)} loc("n")',
        f'%c = "qi.concat"(%n, %n) {{axis = 3 : i64}} : ({pair}) -> {image(1, 4, 4, 12)} loc("twice")',
    )
    assert layouts["n"].buffer == layouts["twice"].buffer
    assert layouts["n"].offset == layouts["twice"].offset


def test_convolutions_ask_for_what_they_read_beyond_the_edge() -> None:
    weights = "!quant.uniform<i8<-127:127>:f32:0, {1.0}>"
    layouts = laid_out(
        f'%w = "qi.constant"() {{value = dense<1> : tensor<1x3x2x6xi8>}} : () -> tensor<1x3x2x6x{weights}>',
        '%b = "qi.constant"() {value = dense<1> : tensor<1xi32>} : () -> tensor<1xi32>',
        '%c = "qi.conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 2, 1>, padding = array<i64: 1, 0, 0, 1>,'
        " dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824>, shift = array<i32: 40>,"
        ' low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>}'
        f' : ({image(1, 4, 4, 6)}, tensor<1x3x2x6x{weights}>, tensor<1xi32>) -> {image(1, 2, 4, 1)} loc("conv")',
    )
    # rows -1..3 of 4 are read: no ring below, although one row of padding would fit
    assert layouts["q"].halo == (Margin(1, 0), Margin(0, 1), Margin(0, 0))
    assert layouts["q"].strides == ((4 + 1) * 8, 8, 1)
    assert layouts["q"].offset == (4 + 1) * 8


@pytest.mark.parametrize(("outputs", "pixel"), [(2, 1), (1, 4)])
def test_pixels_of_one_channel_touch_where_kernels_read_rows(outputs: int, pixel: int) -> None:
    """A single filter of a single channel is a depthwise one, which reads pixel by pixel."""
    each, multipliers, shifts = (", ".join([one] * outputs) for one in ("1.0", "1073741824", "40"))
    weights = f"tensor<{outputs}x3x3x1x!quant.uniform<i8<-127:127>:f32:0, {{{each}}}>>"
    layouts = laid_out(
        f'%w = "qi.constant"() {{value = dense<1> : tensor<{outputs}x3x3x1xi8>}} : () -> {weights}',
        f'%b = "qi.constant"() {{value = dense<1> : tensor<{outputs}xi32>}} : () -> tensor<{outputs}xi32>',
        '%c = "qi.conv2d"(%q, %w, %b) {channels_last, strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>,'
        f" dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: {multipliers}>,"
        f" shift = array<i32: {shifts}>,"
        ' low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>}'
        f' : ({image(1, 4, 4, 1)}, {weights}, tensor<{outputs}xi32>) -> {image(1, 4, 4, outputs)} loc("conv")',
        source=image(1, 4, 4, 1),
    )
    assert layouts["q"].strides == ((4 + 2) * pixel, pixel, 1)


def test_views_of_every_rank() -> None:
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(
            f"func.func @main(%a: {image(1, 2, 3, 5)}, %b: {image(1, 7)}, %c: {image(1, 3, 5)},"
            f" %d: {image(1, 2, 2, 2, 9)})"
            " { return }"
        )
        seen = [sizes_of(value) for value in main_function(module).regions[0].blocks[0].arguments]
    assert seen == [Sizes(2, 3, 5), Sizes(1, 1, 7), Sizes(1, 3, 5), Sizes(1, 8, 9)]


def test_one_pixel_is_dense_whatever_its_stride() -> None:
    assert View(1, 1, 5, 0, 0, pixel=8, row=8, image=64).dense
    assert not View(1, 2, 5, 0, 0, pixel=8, row=16, image=64).dense
    assert not View(2, 3, 5, 0, 0, pixel=5, row=20, image=64).dense


def test_the_second_use_of_a_tensor_in_a_concat_is_copied() -> None:
    with new_context():
        module = ir.Module.parse(
            f"func.func @main(%x: tensor<1x4x4x6xf32>) {{"
            f' %q = "qi.quantize"(%x) : (tensor<1x4x4x6xf32>) -> {image(1, 4, 4, 6)}'
            f' %n = "qi.requant"(%q) {{multiplier = 1 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64}}'
            f" : ({image(1, 4, 4, 6)}) -> {image(1, 4, 4, 6)}"
            f' %c = "qi.concat"(%n, %n) {{axis = 3 : i64}} : ({image(1, 4, 4, 6)}, {image(1, 4, 4, 6)})'
            f" -> {image(1, 4, 4, 12)} return }}"
        )
        assign_layouts.run(module.operation)
        concat = [
            op for op in main_function(module).regions[0].blocks[0].operations if op.operation.name == "qi.concat"
        ]
        assert list(concat[0].operation.attributes["qi.placed"]) == [1, 0]


def test_the_boundary_takes_and_gives_channels_last_for_nothing() -> None:
    """The user's image is [3,4,5]: inside, its channels are next to each other and padded to four bytes."""
    layouts = laid_out(
        f'%t = "qi.transpose"(%q) {{permutation = array<i64: 0, 2, 3, 1>}} : ({image(1, 3, 4, 5)}) ->'
        f' {image(1, 4, 5, 3)} loc("in")',
        f'%u = "qi.transpose"(%t) {{permutation = array<i64: 0, 3, 1, 2>}} : ({image(1, 4, 5, 3)}) ->'
        f' {image(1, 3, 4, 5)} loc("out")',
        f'%f = "qi.dequantize"(%u) : ({image(1, 3, 4, 5)}) -> tensor<1x3x4x5xf32>',
        source=image(1, 3, 4, 5),
    )
    assert {layout.buffer for layout in layouts.values()} == {0}
    assert layouts["in"].strides == (20, 4, 1)
    assert layouts["q"].strides == layouts["out"].strides == (1, 20, 4)


def test_an_order_that_the_boundary_cannot_walk_is_copied() -> None:
    """Neither what is together inside nor what is next to it is together outside."""
    layouts = laid_out(
        f'%t = "qi.transpose"(%q) {{permutation = array<i64: 0, 3, 2, 1>}} : ({image(1, 3, 4, 5)}) ->'
        f' {image(1, 5, 4, 3)} loc("in")',
        source=image(1, 3, 4, 5),
    )
    assert layouts["in"].buffer != layouts["q"].buffer


def test_an_input_is_inside_of_a_transpose_once() -> None:
    """It works on rows who reads that, which is no second reason to share bytes."""
    source, moved, turned = image(1, 5, 2, 4), image(1, 2, 5, 4), image(1, 2, 4, 5)
    fields = "acc = array<i64: 0, 9000>, high = 255 : i64, low = 0 : i64, multiplier = 1 : i64, shift = 31 : i64"
    layouts = laid_out(
        f'%h = "qi.transpose"(%q) {{permutation = array<i64: 0, 2, 1, 3>}} : ({source}) -> {moved} loc("h")',
        f'%c = "qi.constant"() {{value = dense<7> : tensor<1x2x4x5xi8>}} : () -> {turned} loc("c")',
        f'%m = "qi.matmul"(%h, %c) {{{fields}}} : ({moved}, {turned}) -> {image(1, 2, 5, 5)} loc("m")',
        source=source,
    )
    assert layouts["h"].buffer == layouts["q"].buffer


def pointwise(name: str, source: str, channels: int, outputs: int) -> str:
    """A 1 x 1 convolution of 4 x 4 pixels, with its constants."""
    each, multipliers, shifts = (", ".join([one] * outputs) for one in ("1.0", "1073741824", "34"))
    weights = f"tensor<{outputs}x1x1x{channels}x!quant.uniform<i8<-127:127>:f32:0, {{{each}}}>>"
    return (
        f'%w{name} = "qi.constant"() {{value = dense<1> : tensor<{outputs}x1x1x{channels}xi8>}} : () -> {weights}\n'
        f'%b{name} = "qi.constant"() {{value = dense<1> : tensor<{outputs}xi32>}} : () -> tensor<{outputs}xi32>\n'
        f'%{name} = "qi.conv2d"(%{source}, %w{name}, %b{name}) {{strides = array<i64: 1, 1>,'
        " padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, low = 0 : i64,"
        f" high = 255 : i64, multiplier = array<i32: {multipliers}>, shift = array<i32: {shifts}>,"
        ' form = "wide", acc = array<i64: -9000, 9000>}'
        f" : ({image(1, channels, 4, 4)}, {weights}, tensor<{outputs}xi32>) -> {image(1, outputs, 4, 4)}"
    )


@pytest.mark.parametrize(("channels", "copied"), [(20, 1), (32, 0)])
def test_no_kernel_of_a_gpu_reads_what_it_writes(gpu: Gpu, tmp_path: Path, channels: int, copied: int) -> None:
    """A layer's result is joined with what it reads: of 20 channels, the second chunk reaches into those behind."""
    read, last = image(1, channels, 4, 4), image(1, channels + 12, 4, 4)
    text = "\n".join(
        [
            "func.func @main(%f: tensor<1x6x4x4xf32>) -> tensor<1x5x4x4xf32> {",
            f'%q = "qi.quantize"(%f) : (tensor<1x6x4x4xf32>) -> {image(1, 6, 4, 4)}',
            pointwise("x", "q", 6, channels),
            pointwise("y", "x", channels, 12),
            f'%c = "qi.concat"(%x, %y) {{axis = 1 : i64}} : ({read}, {image(1, 12, 4, 4)}) -> {last}',
            pointwise("z", "c", channels + 12, 5),
            f'%g = "qi.dequantize"(%z) : ({image(1, 5, 4, 4)}) -> tensor<1x5x4x4xf32>',
            "return %g : tensor<1x5x4x4xf32> }",
        ]
    )
    samples = np.random.default_rng(0).uniform(-1, 100, (3, 6, 4, 4)).astype(np.float32)
    with new_context(), ir.Location.unknown():
        made = check_on_gpu(gpu, ir.Module.parse(text), samples, tmp_path / "m.dyq")
    assert made == ["qi.conv2d"] * 2 + ["qi.concat"] * copied + ["qi.conv2d"]
