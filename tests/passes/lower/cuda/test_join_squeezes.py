"""A squeeze-and-excite block is two launches, and every bit is that of its operators."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.effort import SEED
from support.meaning import parse
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu

__all__ = ["gpu"]

ZERO_POINTS = {"x": 7, "average": 3, "inner": 0, "gate": 11, "out": 5}


def tensor(dims: list[int], zero_point: int) -> str:
    return f"tensor<{'x'.join(map(str, dims))}x!quant.uniform<u8:f32, 0.5:{zero_point}>>"


def text(
    rows: int, columns: int, channels: int, inner: int, *, seed: int, form: str = "wide", tables: str = "both",
    apart: int = 0, swapped: bool = False, spread: int = 0,
) -> str:  # fmt: skip
    """avg_pool, two layers of one pixel, a product. tables: "both", "inner", "gate" or "". apart: channels in front of
    the image, of which it is a slice, and in front of the result, which it is joined with. spread: how far layers'
    shifts may lie below 31."""
    choose = np.random.default_rng(seed)
    whole, one = [1, channels, rows, columns], [1, channels, 1, 1]
    kinds = {name: tensor(whole if name in ("x", "out") else one, zero) for name, zero in ZERO_POINTS.items()}
    kinds["inner"] = tensor([1, inner, 1, 1], ZERO_POINTS["inner"])
    limits = "low = 0 : i64, high = 255 : i64"
    more = tensor([1, channels + apart, rows, columns], ZERO_POINTS["x"])
    floats = more[: more.index("!")] + "f32>"
    count = rows * columns
    shift = 29 + count.bit_length()
    pool = (
        f"kernel = array<i64: {rows}, {columns}>, strides = array<i64: {rows}, {columns}>,"
        f" padding = array<i64: 0, 0, 0, 0>, counts = array<i64: {count}>, {limits},"
        f" multiplier = array<i32: {3 * (1 << shift) // (2 * count)}>, shift = array<i32: {shift}>,"
        " count_include_pad = false"
    )

    def layer(name: str, x: str, reads: str, makes: str, outputs: int, depth: int) -> list[str]:
        w = choose.integers(-127, 128, (outputs, depth))
        usual = 4000 * int(depth**0.5)
        b = choose.integers(-usual, usual, outputs) - 60 * w.sum(1)
        s = choose.integers(31 - spread, 42, outputs) if form == "wide" else choose.integers(10, 13, outputs)
        m = [min((1 << 31) - 1, int(120 * 2.0 ** float(k) / (3 * usual))) for k in s]
        dims, attribute = f"{outputs}x1x1x{depth}", "dense<" + w.reshape(outputs, 1, 1, depth).tolist().__repr__() + ">"
        each = ",".join(["1.0"] * outputs)
        kind = f"tensor<{dims}x!quant.uniform<i8<-127:127>:f32:0, {{{each}}}>>"
        c = f"tensor<{outputs}xi32>"
        scaling = ", ".join(
            f"{key} = array<i32: {', '.join(map(str, values))}>" for key, values in (("multiplier", m), ("shift", s))
        )
        return [
            f'%w{name} = "qi.constant"() {{value = {attribute} : tensor<{dims}xi8>}} : () -> {kind}',
            f'%b{name} = "qi.constant"() {{value = dense<{b.tolist()}> : {c}}} : () -> {c}',
            f'%{name} = "qi.conv2d"({x}, %w{name}, %b{name}) {{strides = array<i64: 1, 1>,'
            f" padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, {scaling}, {limits},"
            f' form = "{form}", acc = array<i64: -{1 << 20}, {1 << 20}>}} : ({reads}, {kind}, {c}) -> {makes}',
        ]

    def table(name: str, x: str, kind: str) -> str:
        entries = choose.integers(0, 256, 256).astype(np.uint8).view(np.int8).tolist()
        return f'%{name} = "qi.table"({x}) {{table = dense<{entries}> : tensor<256xi8>}} : ({kind}) -> {kind}'

    lines = [f'%q = "qi.quantize"(%f) : ({floats}) -> {more}']
    x, result = "%q", "%o"
    if apart:
        lines.append(
            f'%x = "qi.slice"(%q) {{starts = array<i64: 0, {apart}, 0, 0>, steps = array<i64: 1, 1, 1, 1>}} :'
            f" ({more}) -> {kinds['x']}"
        )
        x = "%x"
    lines.append(f'%a = "qi.avg_pool"({x}) {{{pool}}} : ({kinds["x"]}) -> {kinds["average"]}')
    lines += layer("i", "%a", kinds["average"], kinds["inner"], inner, channels)
    inside, gate = "%i", "%g"
    if tables in ("both", "inner"):
        lines.append(table("j", "%i", kinds["inner"]))
        inside = "%j"
    lines += layer("g", inside, kinds["inner"], kinds["gate"], channels, inner)
    if tables in ("both", "gate"):
        lines.append(table("h", "%g", kinds["gate"]))
        gate = "%h"
    sides = [(x, kinds["x"]), (gate, kinds["gate"])][:: -1 if swapped else 1]
    lines.append(
        f'%o = "qi.mul"({sides[0][0]}, {sides[1][0]}) {{multiplier = 1500000000 : i64, shift = 37 : i64, {limits}}} :'
        f" ({sides[0][1]}, {sides[1][1]}) -> {kinds['out']}"
    )
    made = kinds["out"]
    if apart:
        front = tensor([1, apart, rows, columns], ZERO_POINTS["out"])
        made = tensor([1, channels + apart, rows, columns], ZERO_POINTS["out"])
        lines += [
            f'%y = "qi.slice"(%q) {{starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>}} : ({more}) ->'
            f" {front.replace(':5>', ':7>')}",
            f'%z = "qi.requant"(%y) {{multiplier = 1073741824 : i64, shift = 30 : i64, {limits}}} :'
            f" ({front.replace(':5>', ':7>')}) -> {front}",
            f'%p = "qi.concat"(%z, %o) {{axis = 1 : i64}} : ({front}, {kinds["out"]}) -> {made}',
        ]
        result = "%p"
    lines += [f'%d = "qi.dequantize"({result}) : ({made}) -> {floats}', f"return %d : {floats}"]
    body = "\n".join(lines)
    return f"func.func @main(%f: {floats}) -> {floats} {{\n{body}\n}}"


LARGE = 1 << 14  # numbers of an image from which on fewer of them are tried
CASES: dict[str, dict[str, Any]] = {
    "ragged": {"rows": 5, "columns": 9, "channels": 33, "inner": 10},
    "a pixel": {"rows": 1, "columns": 1, "channels": 10, "inner": 24, "swapped": True},
    "functions": {"rows": 7, "columns": 7, "channels": 24, "inner": 3, "tables": "gate", "form": "short"},
    "no functions": {"rows": 3, "columns": 2, "channels": 70, "inner": 17, "tables": "", "spread": 12},
    "between others": {"rows": 5, "columns": 9, "channels": 33, "inner": 8, "apart": 5, "tables": "inner"},
    "many pixels": {"rows": 40, "columns": 33, "channels": 40, "inner": 12, "apart": 8},
    "many channels": {"rows": 7, "columns": 7, "channels": 1152, "inner": 48},
    "many inside": {"rows": 4, "columns": 4, "channels": 288, "inner": 300},
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_all_of_them(gpu: Gpu, tmp_path: Path, name: str) -> None:
    check(gpu, tmp_path, seed=len(name), **CASES[name])


def check(gpu: Gpu, folder: Path, *, seed: int, **case: Any) -> None:
    module = parse(text(seed=seed, **case))
    few = case["rows"] * case["columns"] * case["channels"] > LARGE
    dims = (8, case["channels"] + case.get("apart", 0), case["rows"], case["columns"])
    x = np.random.default_rng(seed).uniform(-3, 124, dims).astype(np.float32)
    with module.context:
        steps = check_on_gpu(gpu, module, x, folder / "m.dyq", (3, 1) if few else (8, 3, 1))
    assert [step for step in steps if step != "qi.requant"] == ["qi.avg_pool", "qi.conv2d"]


@pytest.mark.slow
def test_random_ones(gpu: Gpu, tmp_path: Path) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    for n in range(20):
        case = {
            "rows": choose.randrange(1, 30), "columns": choose.randrange(1, 30),
            "channels": choose.choice([1, 8, 10, 24, 33, 96, 130, 288]), "inner": choose.choice([1, 4, 10, 16, 33, 70]),
            "tables": choose.choice(["both", "inner", "gate", ""]), "form": choose.choice(["wide", "short"]),
            "apart": choose.choice([0, 0, 1, 4, 6, 16]), "swapped": choose.random() < 0.5,
            "spread": choose.choice([0, 12]),
        }  # fmt: skip
        print(f"seed {seed}, {n}: {case}")
        check(gpu, tmp_path, seed=n, **case)
