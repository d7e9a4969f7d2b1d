"""A layer and the pool behind it are one launch, and every bit is that of both."""

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

from dyadic.compiler.targets.cuda import verify
from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cuda.kernel_selection import matrix, warpgroups
from dyadic.passes.lower.cuda.kernel_selection.product_tiles import tiles_for
from dyadic.passes.lower.memory.plan_memory import lives
from dyadic.passes.lower.memory.views import BUFFERS, layout_of
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cuda.program import CudaProgram

__all__ = ["gpu"]


@dataclass(frozen=True)
class Pooled:
    """conv2d or conv_add of an image [height, width], perhaps a table, then a pool whose windows touch."""

    inputs: int
    outputs: int
    height: int
    width: int
    window: tuple[int, int] = (2, 2)
    kernel: int = 3
    bits: int = 8
    groups: int = 1
    residual: bool = False
    looked_up: bool = False
    read: bool = False  # something else reads what is pooled

    def text(self, seed: int) -> str:
        choose = np.random.default_rng(seed)
        q, y = "!quant.uniform<u8:f32, 0.5:3>", "!quant.uniform<u8:f32, 0.5:3>"
        low, high, shift = 0, 255, 40
        if self.bits == 16:
            y, low, high, shift = "!quant.uniform<i16:f32, 0.5>", -32768, 32767, 33
        pad, (rows, columns) = self.kernel // 2, self.window
        dims = f"{self.outputs}x{self.kernel}x{self.kernel}x{self.inputs // self.groups}"
        each = ",".join(["1.0"] * self.outputs)
        w, b = f"tensor<{dims}x!quant.uniform<i8<-127:127>:f32:0, {{{each}}}>>", f"tensor<{self.outputs}xi32>"
        x = f"tensor<1x{self.inputs}x{self.height}x{self.width}x{{}}>"
        made = f"tensor<1x{self.outputs}x{self.height}x{self.width}x{{}}>"
        pooled = f"tensor<1x{self.outputs}x{self.height // rows}x{self.width // columns}x{{}}>"

        def numbers(least: int, most: int, *sizes: int) -> str:
            return str(choose.integers(least, most, sizes).tolist())

        def channels(value: int) -> str:
            return f"array<i32: {', '.join([str(value)] * self.outputs)}>"

        def layer(name: str, weight: str, residual: str = "") -> str:
            fields = f"strides = array<i64: 1, 1>, padding = array<i64: {', '.join([str(pad)] * 4)}>, "
            fields += f"dilation = array<i64: 1, 1>, groups = {self.groups} : i64, multiplier = {channels(1 << 30)}, "
            fields += f"shift = {channels(shift)}, low = {low} : i64, high = {high} : i64, "
            fields += f"acc = array<i64: -{1 << 30}, {1 << 30}>"
            kinds = f"{x.format(q)}, {w}, {b}"
            if residual:
                fields += f", residual_multiplier = {channels(1 << 20)}, residual_shift = 8 : i64"
                return (
                    f'%{name} = "qi.conv_add"(%q, %{weight}, %b, %{residual}) {{{fields}}} : '
                    f"({kinds}, {made.format(y)}) -> {made.format(y)}"
                )
            return (
                f'%{name} = "qi.conv2d"(%q, %{weight}, %b) {{{fields}, form = "wide"}} : ({kinds}) -> {made.format(y)}'
            )

        def weight(name: str, most: int) -> str:
            sizes = self.outputs, self.kernel, self.kernel, self.inputs // self.groups
            return (
                f'%{name} = "qi.constant"() {{value = dense<{numbers(-most, most + 1, *sizes)}> : tensor<{dims}xi8>}} '
                f": () -> {w}"
            )

        lines = [
            f'%q = "qi.quantize"(%x) : ({x.format("f32")}) -> {x.format(q)}',
            weight("w", 127),
            f'%b = "qi.constant"() {{value = dense<{numbers(-9000, 9000, self.outputs)}> : {b}}} : () -> {b}',
        ]
        if self.residual:
            lines += [weight("v", 9), layer("r", "v")]
        lines.append(layer("c", "w", "r" if self.residual else ""))
        last = "c"
        if self.looked_up:
            table = np.random.default_rng(seed).integers(-128, 128, 256).tolist()
            lines.append(
                f'%t = "qi.table"(%c) {{table = dense<{table}> : tensor<256xi8>}} : '
                f"({made.format(y)}) -> {made.format(y)}"
            )
            last = "t"
        window = f"array<i64: {rows}, {columns}>"
        lines += [
            f'%p = "qi.max_pool"(%{last}) {{kernel = {window}, strides = {window}, padding = array<i64: 0, 0, 0, 0>, '
            f"dilation = array<i64: 1, 1>}} : ({made.format(y)}) -> {pooled.format(y)}",
            f'%o = "qi.dequantize"(%p) : ({pooled.format(y)}) -> {pooled.format("f32")}',
        ]
        results, kinds = ["%o"], [pooled.format("f32")]
        if self.read:
            lines.append(f'%s = "qi.dequantize"(%{last}) : ({made.format(y)}) -> {made.format("f32")}')
            results, kinds = [*results, "%s"], [*kinds, made.format("f32")]
        lines.append(f"return {', '.join(results)} : {', '.join(kinds)}")
        body = "\n".join(lines)
        return f"func.func @main(%x: {x.format('f32')}) -> ({', '.join(kinds)}) {{\n{body}\n}}"


CASES = {
    "2 x 2": Pooled(20, 40, 10, 6),
    "stored, too": Pooled(24, 33, 8, 12, read=True, residual=True),
    "pixels in no window": Pooled(16, 70, 7, 11, looked_up=True),
    "1 x 4 of a signal": Pooled(3, 24, 1, 37, (1, 4), kernel=1),
    "4 x 2": Pooled(16, 10, 9, 5, (4, 2), kernel=1, residual=True),
    "4 x 4": Pooled(5, 36, 12, 8, (4, 4), read=True, looked_up=True),
    "16 bits": Pooled(16, 20, 6, 6, bits=16, read=True),
    "groups": Pooled(32, 48, 6, 7, (2, 1), groups=2),
}


OFTEN = ["stored, too", "pixels in no window", "1 x 4 of a signal"]


@pytest.mark.parametrize("name", [*OFTEN, *slow([name for name in CASES if name not in OFTEN])])
def test_it_is_both(gpu: Gpu, tmp_path: Path, name: str) -> None:
    check(gpu, tmp_path, CASES[name], seed=len(name))


def check(gpu: Gpu, folder: Path, case: Pooled, *, seed: int, level: str = "ptx") -> None:
    module = parse(case.text(seed))
    sizes = 3, case.inputs, case.height, case.width
    x = np.random.default_rng(seed).uniform(-3, 120, sizes).astype(np.float32)
    with module.context:
        steps = check_on_gpu(gpu, module, x, folder / "m.dyq", levels=(level,))
    assert steps == (["qi.conv2d", "qi.conv_add"] if case.residual else ["qi.conv2d"])


def test_groups_of_four_warps_make_pools(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    by_four_warps(monkeypatch)
    monkeypatch.setattr(verify, "reprove", lambda *_: "")  # no certificate was written
    case = Pooled(24, 40, 16, 6, read=True)
    check(gpu, tmp_path, case, seed=1, level="sm_90a")
    with open_artifact(tmp_path / "m.dyq") as file:
        program = file.program
        assert isinstance(program, CudaProgram)
        assert set(program.code["sm_90a"].launches) == {program.steps[0].kernel}
        assert list(verify.network(file, [program], {}))[-1].startswith("the weights and parameters of 1 steps")


def by_four_warps(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that can be, in tiles as small as the layers."""
    monkeypatch.setattr(warpgroups, "SHAPES", ((64, 32),))
    monkeypatch.setattr(warpgroups, "STAGES", 4)
    monkeypatch.setattr(warpgroups, "LEAST_GAIN", 0)


def test_only_what_is_read_is_in_memory() -> None:
    """The result of a layer, what is looked up of it, and their pool, which is there from the layer on."""
    module = parse(CASES["pixels in no window"].text(0))
    for one in PIPELINE["lower/cuda"][:-1]:
        one.run(module.operation)
    function = main_function(module)
    block = function.regions[0].blocks[0]
    sizes = ints(function.operation.attributes[BUFFERS])
    (layer,), (table,), (pool,) = (
        [op.opview for op in block.operations if isinstance(op.opview, kind)]
        for kind in (qi.Conv2dOp, qi.TableOp, qi.MaxPoolOp)
    )
    layer_at, table_at, pool_at = (layout_of(op.out).buffer for op in (layer, table, pool))
    assert sizes[layer_at] == sizes[table_at] == 0 < sizes[pool_at]
    assert lives(block, len(sizes))[pool_at].first == list(block.operations).index(layer.operation)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["ptx", "sm_90a"])
def test_random_ones(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, level: str) -> None:
    """In any tile: layers as small as these would all have the same one."""
    seed = int(SEED or 0)
    choose = random.Random(seed)

    def any_tile(pixels: int, channels: int, groups: int, steps: int, **kind: Any) -> dict[str, Any]:
        return choose.choice(tiles_for(channels, steps, **kind)).fields(steps)

    monkeypatch.setattr(matrix, "tile", any_tile)
    if level == "sm_90a":
        by_four_warps(monkeypatch)
    for n in range(20):
        window = choose.choice([(2, 2), (1, 2), (2, 1), (1, 4), (4, 4), (2, 4), (1, 16)])
        rows, columns = (size * choose.randrange(1, 6) for size in window)
        read, bits = choose.random() < 0.4, choose.choice([8, 8, 16])
        if not read:
            rows, columns = rows + choose.randrange(window[0]), columns + choose.randrange(window[1])
        case = Pooled(
            2 * choose.randrange(1, 40), 2 * choose.randrange(1, 70), rows, columns, window, choose.choice([1, 3]),
            bits, choose.choice([1, 1, 2]), choose.random() < 0.4, bits == 8 and choose.random() < 0.4, read,
        )  # fmt: skip
        print(f"seed {seed}, {n}: {case}")
        check(gpu, tmp_path, case, seed=n, level=level)
