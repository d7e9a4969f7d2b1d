"""A copy that a norm's kernel writes has the bits of the reference at every level, for every batch."""

from pathlib import Path

import numpy as np
import pytest
from support.every_level import check
from torch_mlir import ir

from dyadic.compiler.targets.cpu.target import TARGET
from dyadic.dialects import new_context
from dyadic.runtime.artifact import ArtifactFile

N = 72
WIDE, BYTE = "!quant.uniform<i16:f32, 0.001>", "!quant.uniform<u8:f32, 0.04:127>"


def array(kind: str, values: np.ndarray) -> str:
    return f"array<{kind}: {', '.join(map(str, values.tolist()))}>"


def constant(name: str, values: np.ndarray, kind: str) -> str:
    shape = "x".join(map(str, values.shape))
    width = {"int8": "i8", "int32": "i32"}[str(values.dtype)]
    return f'%{name} = "qi.constant"() {{value = dense<{values.tolist()}> : tensor<{shape}x{width}>}} : () -> {kind}'


def network(copy: str, *, low: int = 0) -> str:
    """A residual stream: a norm in 16 bits, its copy, a layer of that, and the sum of both."""
    rng = np.random.default_rng(3)
    gain, bias = rng.integers(500, 4000, N).astype(np.int32), rng.integers(-(10**6), 10**6, N).astype(np.int32)
    weight, start = rng.integers(-127, 128, (N, N)).astype(np.int8), rng.integers(-999, 999, N).astype(np.int32)
    m, shift = rng.integers(1 << 30, 1 << 31, N), 44 - rng.integers(0, 3, N)
    wide, byte, image = (f"tensor<1x4x{N}x{WIDE}>", f"tensor<1x4x{N}x{BYTE}>", f"tensor<1x{N}x1x4x")
    scales = ",".join(["1.0"] * N)
    weights, each = (
        f"tensor<{dims}x!quant.uniform<i8<-127:127>:f32:0, {{{scales}}}>>" for dims in (f"{N}x{N}", f"{N}x1x1x1")
    )
    ends = f"low = {low} : i64, high = 255 : i64"
    if copy == "requant":
        made = [
            f'%c = "qi.requant"(%n) {{multiplier = 1518500250 : i64, shift = 37 : i64, {ends}}} : ({wide}) -> {byte}'
        ]
    else:
        made = [
            f'%t = "qi.transpose"(%n) {{permutation = array<i64: 0, 2, 1>}} : ({wide}) -> tensor<1x{N}x4x{WIDE}>',
            f'%i = "qi.reshape"(%t) : (tensor<1x{N}x4x{WIDE}>) -> {image}{WIDE}>',
            constant("k", np.full((N, 1, 1, 1), 127, np.int8), each),
            constant("kb", rng.integers(-(10**6), 10**6, N).astype(np.int32), f"tensor<{N}xi32>"),
            f'%d = "qi.conv2d"(%i, %k, %kb) {{strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, '
            f'dilation = array<i64: 1, 1>, groups = {N} : i64, form = "wide", multiplier = {array("i32", m)}, '
            f"shift = {array('i32', shift)}, {ends}, acc = array<i64: -5161409, 5161409>}} : "
            f"({image}{WIDE}>, {each}, tensor<{N}xi32>) -> {image}{BYTE}>",
            f'%e = "qi.reshape"(%d) : ({image}{BYTE}>) -> tensor<1x{N}x4x{BYTE}>',
            f'%c = "qi.transpose"(%e) {{permutation = array<i64: 0, 2, 1>}} : (tensor<1x{N}x4x{BYTE}>) -> {byte}',
        ]
    lines = [
        f'%q = "qi.quantize"(%x) : (tensor<1x4x{N}xf32>) -> tensor<1x4x{N}x!quant.uniform<u8:f32, 0.1:3>>',
        constant("g", gain, f"tensor<{N}xi32>"),
        constant("b", bias, f"tensor<{N}xi32>"),
        f'%n = "qi.layer_norm"(%q, %g, %b) {{epsilon = 9 : i64, shift = 12 : i64, low = -32768 : i64, '
        f"high = 32767 : i64, centered = true, acc = array<i64: -1000000000, 1000000000>}} : "
        f"(tensor<1x4x{N}x!quant.uniform<u8:f32, 0.1:3>>, tensor<{N}xi32>, tensor<{N}xi32>) -> {wide}",
        *made,
        constant("w", weight, weights),
        constant("s", start, f"tensor<{N}xi32>"),
        f'%l = "qi.linear_add"(%c, %w, %s, %n) {{multiplier = {array("i32", m)}, shift = {array("i32", shift - 2)}, '
        f"residual_multiplier = {array('i32', m >> 2)}, residual_shift = 2 : i64, low = -32768 : i64, "
        f"high = 32767 : i64, acc = array<i64: -2500000, 2500000>}} : "
        f"({byte}, {weights}, tensor<{N}xi32>, {wide}) -> {wide}",
        f'%r = "qi.dequantize"(%l) : ({wide}) -> tensor<1x4x{N}xf32>',
        f"return %r : tensor<1x4x{N}xf32>",
    ]
    return f"func.func @main(%x: tensor<1x4x{N}xf32>) -> tensor<1x4x{N}xf32> {{\n" + "\n".join(lines) + "\n}"


@pytest.mark.parametrize("copy", ["requant", "conv2d"])
def test_a_copy_has_the_reference_bits_without_a_step(copy: str, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(8, 6, (3, 4, N)).astype(np.float32)
    with new_context():
        module = ir.Module.parse(network(copy))
        steps = check(module, samples, tmp_path / "copied.dyq")
        assert steps == ["qi.layer_norm", "qi.linear_add"]
        with ArtifactFile(tmp_path / "copied.dyq") as file:
            kept = TARGET.unpack(file, module.context)
        assert str(kept) == str(ir.Module.parse(network(copy))), "weights without a step are in the artifact, too"


def test_a_copy_that_is_cut_off_keeps_its_step(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(8, 6, (3, 4, N)).astype(np.float32)
    with new_context():
        steps = check(ir.Module.parse(network("requant", low=100)), samples, tmp_path / "apart.dyq")
    assert steps == ["qi.layer_norm", "qi.requant", "qi.linear_add"]
