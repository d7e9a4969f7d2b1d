"""Layouts say where bytes lie: two tensors share bytes only where one is a place in the other."""

from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cpu.assign_layouts import assign_layouts
from dyadic.passes.lower.cpu.memory.views import View, activations, is_dense, layout_of, view
from dyadic.runtime.program import NO_HALO, Halo, Layout

U8 = "!quant.uniform<u8:f32, 0.5:3>"


def image(*dims: int) -> str:
    return f"tensor<{'x'.join(map(str, dims))}x{U8}>"


def laid_out(*lines: str, source: str = image(1, 4, 4, 6)) -> dict[str, Layout]:
    """Location name -> layout of the ops in `lines`, whose input is %q."""
    text = "\n".join(lines)
    with new_context():
        module = ir.Module.parse(
            f"func.func @main(%x: tensor<1x6x4x4xf32>) {{\n"
            f'%q = "qi.quantize"(%x) : (tensor<1x6x4x4xf32>) -> {source} loc("q")\n{text}\nreturn }}'
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
    assert layouts["high"].pixel == layouts["q"].pixel == 8


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
        '%c = "qi.conv2d"(%q, %w, %b) {strides = array<i64: 2, 1>, padding = array<i64: 1, 0, 0, 1>,'
        " dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = array<i32: 1073741824>, shift = array<i32: 40>,"
        ' low = 0 : i64, high = 255 : i64, form = "wide", acc = array<i64: -10, 100>}'
        f' : ({image(1, 4, 4, 6)}, tensor<1x3x2x6x{weights}>, tensor<1xi32>) -> {image(1, 2, 4, 1)} loc("conv")',
    )
    # rows -1..3 of 4 are read: no ring below, although one row of padding would fit
    assert layouts["q"].halo == Halo(1, 0, 0, 1)
    assert layouts["q"].row == (4 + 1) * 8
    assert layouts["q"].offset == layouts["q"].row


def test_views_of_every_rank() -> None:
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(
            f"func.func @main(%a: {image(1, 2, 3, 5)}, %b: {image(1, 7)}, %c: {image(1, 3, 5)},"
            f" %d: {image(1, 2, 2, 2, 9)})"
            " { return }"
        )
        seen = [view(value) for value in main_function(module).regions[0].blocks[0].arguments]
    assert seen == [View(2, 3, 5), View(1, 1, 7), View(1, 3, 5), View(1, 8, 9)]


def test_one_pixel_is_dense_whatever_its_stride() -> None:
    assert is_dense(Layout(0, 0, 8, 8, 64, NO_HALO), View(1, 1, 5))
    assert not is_dense(Layout(0, 0, 8, 16, 64, NO_HALO), View(1, 2, 5))
    assert not is_dense(Layout(0, 0, 5, 20, 64, NO_HALO), View(2, 3, 5))


def test_the_second_use_of_a_tensor_in_a_concat_is_copied() -> None:
    with new_context():
        module = ir.Module.parse(
            f"func.func @main(%x: tensor<1x6x4x4xf32>) {{"
            f' %q = "qi.quantize"(%x) : (tensor<1x6x4x4xf32>) -> {image(1, 4, 4, 6)}'
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
