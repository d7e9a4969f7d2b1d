"""A pool and the layer behind it are one launch, and every bit is that of both."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.effort import SEED, slow
from support.meaning import parse
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu

from dyadic.passes.lower.cuda.kernel_selection import matrix
from dyadic.passes.lower.cuda.kernel_selection.product_tiles import tiles_for

__all__ = ["gpu"]


@dataclass(frozen=True)
class Squeezed:
    """A pool of an image [height, width], which may be joined of two, and a 1 x 1 convolution."""

    inputs: int
    outputs: int
    height: int
    width: int
    window: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (2, 2)
    dilation: tuple[int, int] = (1, 1)
    more: int = 0  # channels of a second image that are joined with the first one's

    def text(self, seed: int) -> str:
        choose = np.random.default_rng(seed)
        rows, columns = (
            (size - dilation * (taps - 1) - 1) // stride + 1
            for size, taps, stride, dilation in zip(
                (self.height, self.width), self.window, self.strides, self.dilation, strict=True
            )
        )
        q, depth = "!quant.uniform<u8:f32, 0.5:3>", self.inputs + self.more

        def image(channels: int, kind: str = q) -> str:
            return f"tensor<1x{channels}x{self.height}x{self.width}x{kind}>"

        def result(channels: int, kind: str = q) -> str:
            return f"tensor<1x{channels}x{rows}x{columns}x{kind}>"

        def numbers(least: int, most: int, *sizes: int) -> str:
            return f"dense<{choose.integers(least, most, sizes).tolist()}>"

        def pair(numbers: tuple[int, int]) -> str:
            return f"array<i64: {numbers[0]}, {numbers[1]}>"

        def channels(value: int) -> str:
            return f"array<i32: {', '.join([str(value)] * self.outputs)}>"

        each, dims = ",".join(["1.0"] * self.outputs), f"{self.outputs}x1x1x{depth}"
        w, b = f"tensor<{dims}x!quant.uniform<i8<-127:127>:f32:0, {{{each}}}>>", f"tensor<{self.outputs}xi32>"
        scale = "{multiplier = 1431655765 : i64, shift = 31 : i64, low = 0 : i64, high = 255 : i64}"
        start = [f'%q = "qi.quantize"(%x) : ({image(self.inputs, "f32")}) -> {image(self.inputs)}']
        if self.more:
            twice = f"({image(self.inputs)}, {image(self.inputs)}) -> {image(depth)}"
            start += [
                f'%s = "qi.requant"(%q) {scale} : ({image(self.inputs)}) -> {image(self.inputs)}',
                f'%i = "qi.concat"(%q, %s) {{axis = 1 : i64}} : {twice}',
            ]
        else:
            start += [f'%i = "qi.requant"(%q) {scale} : ({image(self.inputs)}) -> {image(self.inputs)}']
        lines = [
            *start,
            f'%w = "qi.constant"() {{value = {numbers(-127, 128, self.outputs, 1, 1, depth)} : tensor<{dims}xi8>}} '
            f": () -> {w}",
            f'%b = "qi.constant"() {{value = {numbers(-9000, 9000, self.outputs)} : {b}}} : () -> {b}',
            f'%p = "qi.max_pool"(%i) {{kernel = {pair(self.window)}, strides = {pair(self.strides)}, '
            f"padding = array<i64: 0, 0, 0, 0>, dilation = {pair(self.dilation)}}} : "
            f"({image(depth)}) -> {result(depth)}",
            '%c = "qi.conv2d"(%p, %w, %b) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, '
            f"dilation = array<i64: 1, 1>, groups = 1 : i64, multiplier = {channels(1 << 30)}, "
            f"shift = {channels(39)}, low = 0 : i64, high = 255 : i64, acc = array<i64: -{1 << 30}, {1 << 30}>, "
            f'form = "wide"}} : '
            f"({result(depth)}, {w}, {b}) -> {result(self.outputs)}",
            f'%o = "qi.dequantize"(%c) : ({result(self.outputs)}) -> {result(self.outputs, "f32")}',
            f"return %o : {result(self.outputs, 'f32')}",
        ]
        body = "\n".join(lines)
        return f"func.func @main(%x: {image(self.inputs, 'f32')}) -> {result(self.outputs, 'f32')} {{\n{body}\n}}"


CASES = {
    "3 x 3": Squeezed(70, 20, 11, 9),
    "2 x 2": Squeezed(16, 64, 8, 6, (2, 2)),
    "few channels": Squeezed(5, 17, 7, 8, (2, 3), (1, 2)),
    "dilated": Squeezed(24, 33, 9, 9, (3, 2), (1, 3), (2, 3)),
    "joined": Squeezed(24, 40, 7, 7, more=24),
}


@pytest.mark.parametrize("name", ["3 x 3", "joined", *slow(["2 x 2", "few channels", "dilated"])])
def test_it_is_both(gpu: Gpu, tmp_path: Path, name: str) -> None:
    check(gpu, tmp_path, CASES[name], seed=len(name))


def check(gpu: Gpu, folder: Path, case: Squeezed, *, seed: int) -> None:
    module = parse(case.text(seed))
    sizes = 3, case.inputs, case.height, case.width
    x = np.random.default_rng(seed).uniform(-3, 120, sizes).astype(np.float32)
    with module.context:
        steps = check_on_gpu(gpu, module, x, folder / "m.dyq")
    assert "qi.max_pool" not in steps and steps[-1] == "qi.conv2d"


@pytest.mark.slow
def test_random_ones(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In any tile: layers as small as these would all have the same one."""
    seed = int(SEED or 0)
    choose = random.Random(seed)

    def any_tile(pixels: int, channels: int, groups: int, steps: int, **kind: Any) -> dict[str, Any]:
        return choose.choice(tiles_for(channels, steps, **kind)).fields(steps)

    monkeypatch.setattr(matrix, "tile", any_tile)
    for n in range(20):
        case = Squeezed(
            choose.randrange(1, 150), choose.randrange(1, 65), choose.randrange(5, 14), choose.randrange(5, 14),
            choose.choice([(3, 3), (2, 2), (1, 3), (3, 2)]), choose.choice([(2, 2), (1, 1), (3, 2)]),
            choose.choice([(1, 1), (1, 1), (2, 1)]),
        )  # fmt: skip
        print(f"seed {seed}, {n}: {case}")
        check(gpu, tmp_path, case, seed=n)
