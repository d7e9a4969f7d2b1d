"""A layer and the norm behind it are one launch, and every bit is that of both."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.effort import SEED, slow
from support.meaning import parse
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu

from dyadic.passes.lower.cuda.kernel_selection.product_tiles import norms_in_place

__all__ = ["gpu"]


def text(
    rows: int, channels: int, depth: int, *, seed: int, bits: int = 8, norm_bits: int = 8, residual: bool = False,
    centered: bool = True, read: bool = False,
) -> str:  # fmt: skip
    """linear, or linear_add, then a norm; read: something else reads the layer's result."""
    choose = np.random.default_rng(seed)
    kinds = {8: "!quant.uniform<u8:f32, 0.5:3>", 16: "!quant.uniform<i16:f32, 0.5>"}
    limits = {8: "low = 0 : i64, high = 255 : i64", 16: "low = -32768 : i64, high = 32767 : i64"}
    w = f"tensor<{channels}x{depth}x!quant.uniform<i8<-127:127>:f32:0, {{{','.join(['1.0'] * channels)}}}>>"

    def kind(last: int, bits: int) -> str:
        return f"tensor<1x{rows}x{last}x{kinds[bits]}>"

    def numbers(low: int, high: int, *dims: int) -> str:
        return f"dense<{choose.integers(low, high, dims).tolist()}> : tensor<{'x'.join(map(str, dims))}xi{{}}>"

    def each(value: int) -> str:
        return f"array<i32: {', '.join([str(value)] * channels)}>"

    def constant(name: str, low: int, high: int) -> str:
        return f'%{name} = "qi.constant"() {{value = {numbers(low, high, channels).format(32)}}} : () -> {c}'

    x, y, n = kind(depth, 8), kind(channels, bits), kind(channels, norm_bits)
    c, f = f"tensor<{channels}xi32>", f"tensor<1x{rows}x{channels}xf32>"
    shift = {8: 37, 16: 31}[bits]
    scaling = (
        f"multiplier = {each(1 << 30)}, shift = {each(shift)}, {limits[bits]}, acc = array<i64: -{1 << 30}, {1 << 30}>"
    )
    layer = f'"qi.linear"(%q, %w, %b) {{{scaling}, form = "wide"}} : ({x}, {w}, {c}) -> {y}'
    if residual:
        more = f"residual_multiplier = {each(1 << 20)}, residual_shift = 8 : i64"
        layer = f'"qi.linear_add"(%q, %w, %b, %r) {{{scaling}, {more}}} : ({x}, {w}, {c}, {y}) -> {y}'
    norm_shift = {8: 11, 16: 4}[norm_bits]
    norm = f"acc = array<i64: -{1 << 30}, {1 << 30}>, centered = {str(centered).lower()}, epsilon = 12 : i64"
    norm += f", {limits[norm_bits]}, shift = {norm_shift} : i64"
    lines = [
        f'%q = "qi.quantize"(%x) : (tensor<1x{rows}x{depth}xf32>) -> {x}',
        f'%w = "qi.constant"() {{value = {numbers(-127, 128, channels, depth).format(8)}}} : () -> {w}',
        constant("b", -3000, 9000),
        constant("g", -90, 90),
        constant("h", -3000, 90000),
        # what is added comes from the same input
        f'%z = "qi.constant"() {{value = {numbers(-9, 9, channels, depth).format(8)}}} : () -> {w}',
        f'%r = "qi.linear"(%q, %z, %b) {{{scaling}, form = "wide"}} : ({x}, {w}, {c}) -> {y}' if residual else "",
        f"%l = {layer}",
        f'%n = "qi.layer_norm"(%l, %g, %h) {{{norm}}} : ({y}, {c}, {c}) -> {n}',
        f'%o = "qi.dequantize"(%n) : ({n}) -> {f}',
    ]
    if read:
        lines += [f'%p = "qi.dequantize"(%l) : ({y}) -> {f}', f"return %o, %p : {f}, {f}"]
    else:
        lines += [f"return %o : {f}"]
    made = f"({f}, {f})" if read else f
    body = "\n".join(lines)
    return f"func.func @main(%x: tensor<1x{rows}x{depth}xf32>) -> {made} {{\n{body}\n}}"


CASES = {
    "stored, too": {"rows": 35, "channels": 192, "depth": 70, "read": True},
    "only the norm": {"rows": 7, "channels": 44, "depth": 40, "bits": 16, "residual": True},
    "16 bits": {"rows": 3, "channels": 30, "depth": 20, "bits": 16, "norm_bits": 16, "residual": True, "read": True},
    "not centered": {"rows": 9, "channels": 64, "depth": 33, "centered": False},
}


@pytest.mark.parametrize("name", ["stored, too", "16 bits", *slow(["only the norm", "not centered"])])
def test_it_is_both(gpu: Gpu, tmp_path: Path, name: str) -> None:
    check(gpu, tmp_path, seed=len(name), **CASES[name])


def check(gpu: Gpu, folder: Path, *, seed: int, **case: Any) -> None:
    module = parse(text(seed=seed, **case))
    x = np.random.default_rng(seed).uniform(-3, 120, (3, case["rows"], case["depth"])).astype(np.float32)
    with module.context:
        steps = check_on_gpu(gpu, module, x, folder / "m.dyq")
    assert steps == (["qi.linear", "qi.linear_add"] if case.get("residual") else ["qi.linear"])


def test_wide_rows_are_shared_by_blocks() -> None:
    assert norms_in_place(197, 192, 12) and norms_in_place(197, 192, 3)
    assert not norms_in_place(32, 384, 24) and not norms_in_place(128, 768, 12)


@pytest.mark.slow
def test_random_ones(gpu: Gpu, tmp_path: Path) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    for n in range(20):
        bits = choose.choice([8, 16])
        case = {
            "rows": choose.randrange(1, 80), "channels": choose.choice([32, 44, 64, 100, 129, 192, 256]),
            "depth": choose.randrange(4, 130), "bits": bits, "norm_bits": choose.choice([8, 16]),
            "residual": choose.random() < 0.5, "centered": choose.random() < 0.7, "read": choose.random() < 0.5,
        }  # fmt: skip
        print(f"seed {seed}, {n}: {case}")
        check(gpu, tmp_path, seed=n, **case)
