"""Add, multiply, compare, requantize and table give the bits of their `qi` ops for any strides and broadcasting."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.passes.lower.cpu.kernels.families import elementwise, extreme, table
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.memory.strided import Strided
from dyadic.runtime import fixedpoint

CHANNELS = [1, 2, 3, 8, 16, 24, 33, 63, 64, 65, 144, 200, 300]


class Grid:
    """A random result: sizes, clamp, and operands laid out over it."""

    def __init__(self, kernels: Any, draw: Any, rng: np.random.Generator) -> None:
        self.kernels, self.draw, self.rng = kernels, draw, rng
        self.images = draw(st.integers(1, 3))
        self.shape = (draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.sampled_from(CHANNELS)))
        self.unit_rows = draw(st.integers(1, self.shape[0]))
        self.dense = draw(st.booleans())
        self.low, self.high = sorted(draw(st.tuples(st.integers(0, 255), st.integers(0, 255))))
        self.zero_point = draw(st.integers(0, 255))
        self.header = [self.zero_point, self.low, self.high]

    def strides(self) -> tuple[int, int, int]:
        """Of a column, a row, an image."""
        rows, columns, channels = self.shape
        gap = st.just(0) if self.dense else st.sampled_from([0, 4, 5])
        column = channels + self.draw(gap)
        row = columns * column + self.draw(gap)
        return column, row, rows * row + self.draw(gap)

    def operand(self, strides: tuple[int, int, int], channel: int = 1) -> tuple[tuple[Any, int], Any]:
        """(buffer, offset) and its bytes as [image, row, column, channel]."""
        column, row, image = strides
        offset = self.draw(st.sampled_from([0, 9]))
        length = offset + self.images * max(image, row, column, self.shape[2]) + 4096
        extremes = np.array([0, 1, 127, 128, 254, 255], np.uint8)
        pick = extremes if self.draw(st.booleans()) else np.arange(256, dtype=np.uint8)
        buffer = self.rng.choice(pick, length)
        view = self.kernels.view(buffer, offset, (self.images, *self.shape), (image, row, column, channel))
        return (buffer, offset), view.astype(np.int64)

    def result(self, strides: tuple[int, int, int], values: Any) -> dict[str, Any]:
        column, row, image = strides
        before = self.rng.integers(0, 256, self.images * image + 16, np.uint8)
        expected = before.copy()
        self.kernels.view(expected, 3, (self.images, *self.shape), (image, row, column, 1))[:] = values
        return {"before": before, "expected": expected, "out_offset": 3, "images": self.images}

    def second_strides(self) -> tuple[tuple[int, int, int], int]:
        """Strides of a right operand that may be broadcast, and its channel stride."""
        kind = self.draw(st.sampled_from(["whole", "whole", "channels", "channels of each image", "pixels", "one"]))
        column, row, image = self.strides()
        if kind == "pixels":
            return (column, row, image), 0
        flat = {"channels": 0, "channels of each image": self.shape[2] + 1, "one": 0}
        return ((0, 0, flat[kind]), int(kind != "one")) if kind in flat else ((column, row, image), 1)

    def multiplier(self, form: str) -> tuple[int, int]:
        """(m, s) of a form."""
        m = self.draw(st.one_of(st.just(0), st.integers(fixedpoint.WIDE_MIN, fixedpoint.WIDE_END - 1)))
        ends = {requantize.HIGH: (33, 53), requantize.WIDE: (32, 62), requantize.SMALL_SHIFT: (2, 31)}[form]
        return m, self.draw(st.one_of(st.sampled_from(ends), st.integers(ends[0], min(ends[1], 45))))


def flat(grid: Grid) -> dict[str, Any]:
    rows, columns, channels = grid.shape
    return {"rows": rows, "columns": columns, "channels": channels, "unit_rows": grid.unit_rows}


def add_case(grid: Grid) -> Any:
    draw = grid.draw
    a, out, (b, channel) = grid.strides(), grid.strides(), grid.second_strides()
    (a_memory, x), (b_memory, y) = grid.operand(a), grid.operand(b, channel)
    factor = st.one_of(st.sampled_from([-32767, 32767, 0]), st.integers(-32767, 32767))
    ma, mb, za, zb = draw(factor), draw(factor), draw(st.integers(0, 255)), draw(st.integers(0, 255))
    shift = draw(st.one_of(st.integers(14, 18), st.integers(0, 62)))
    total = fixedpoint.round_shift((x - za) * ma + (y - zb) * mb, shift) + grid.zero_point
    spec = elementwise.AddSpec(**flat(grid), a=Strided(*a), b=Strided(*b, channel), out=Strided(*out))
    params = elementwise.pack_add_params(ma, za, mb, zb, shift, grid.header)
    made = grid.result(out, np.clip(total, grid.low, grid.high))
    return grid.kernels.Case(spec, [a_memory, b_memory], params=params, **made)


def mul_case(grid: Grid) -> Any:
    draw = grid.draw
    a, out, (b, channel) = grid.strides(), grid.strides(), grid.second_strides()
    (a_memory, x), (b_memory, y) = grid.operand(a), grid.operand(b, channel)
    form = draw(st.sampled_from([requantize.HIGH, requantize.WIDE, requantize.SMALL_SHIFT]))
    (m, s), za, zb = grid.multiplier(form), draw(st.integers(0, 255)), draw(st.integers(0, 255))
    a_b_out: dict[str, Any] = {"a": Strided(*a), "b": Strided(*b, channel), "out": Strided(*out)}
    spec = elementwise.MulSpec(**flat(grid) | a_b_out, form=form)
    params = elementwise.pack_mul_params(m, s, za, zb, form, grid.header)
    values = fixedpoint.requant((x - za) * (y - zb), m, s, grid.zero_point, grid.low, grid.high)
    return grid.kernels.Case(spec, [a_memory, b_memory], params=params, **grid.result(out, values))


def extreme_case(grid: Grid) -> Any:
    a, out, (b, channel) = grid.strides(), grid.strides(), grid.second_strides()
    (a_memory, x), (b_memory, y) = grid.operand(a), grid.operand(b, channel)
    largest = grid.draw(st.booleans())
    sides: dict[str, Any] = {"a": Strided(*a), "b": Strided(*b, channel), "out": Strided(*out)}
    spec = extreme.ExtremeSpec(**flat(grid), largest=largest, **sides)
    return grid.kernels.Case(spec, [a_memory, b_memory], **grid.result(out, np.where((x > y) == largest, x, y)))


def table_case(grid: Grid) -> Any:
    source, out = grid.strides(), grid.strides()
    memory, x = grid.operand(source)
    entries = grid.rng.integers(0, 256, 256, np.uint8)
    spec = table.TableSpec(**flat(grid), x=Strided(*source), out=Strided(*out))
    return grid.kernels.Case(spec, [memory], weights=table.pack_table(entries), **grid.result(out, entries[x]))


def outer_case(kernels: Any, rng: np.random.Generator) -> Any:
    """`a` is broadcast along the second of two outer dimensions and along columns, `b` along the first and rows."""
    sizes = tuple(int(n) for n in (2, *rng.integers(2, 4, 4), rng.choice(CHANNELS)))
    kept = {"a": (1, 1, 0, 1, 0, 1), "b": (1, 0, 1, 0, 1, 0), "out": (1,) * 6}
    buffers, values, strides = {}, {}, {}
    for name, keep in kept.items():
        own = [n if k else 1 for n, k in zip(sizes, keep, strict=True)]
        buffers[name] = rng.integers(0, 256, int(np.prod(own)) + 4096, np.uint8)
        dense = [int(np.prod(own[d + 1 :])) * k for d, k in enumerate(keep)]
        values[name] = kernels.view(buffers[name], 0, sizes, dense).astype(np.int64)
        image, first, second, row, column, channel = dense
        strides[name] = Strided(column, row, image, channel, outer=(first, second))
    _, first, second, rows, columns, channels = sizes
    spec = elementwise.AddSpec(
        rows, columns, channels, int(rng.integers(1, rows + 1)), **strides, outer=(first, second)
    )
    params = elementwise.pack_add_params(19_000, 7, -13_000, 200, 15, [50, 3, 250])
    total = fixedpoint.round_shift((values["a"] - 7) * 19_000 - (values["b"] - 200) * 13_000, 15) + 50
    before = buffers["out"]
    expected = before.copy()
    made = np.clip(total, 3, 250).astype(np.uint8).reshape(-1)
    expected[: made.size] = made
    memory = [(buffers["a"], 0), (buffers["b"], 0)]
    return kernels.Case(spec, memory, before=before, expected=expected, out_offset=0, params=params, images=sizes[0])


def test_dimensions_around_rows_have_any_strides(kernels: Any) -> None:
    rng = np.random.default_rng(21)
    kernels.check([outer_case(kernels, rng) for _ in range(4)], rng)


@examples(2)
@given(st.data())
def test_elementwise_kernels_equal_their_ops(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    makers = [add_case, mul_case, extreme_case, table_case] * 5
    kernels.check([make(Grid(kernels, data.draw, rng)) for make in makers], rng)


def test_a_shift_that_leaves_nothing_makes_the_zero_point() -> None:
    params = elementwise.pack_add_params(-32767, 255, 32767, 0, 62, [5, 0, 255])
    pair, constant, shift = params[3:6].tolist()
    assert (pair, constant >> shift) == (0, 0)
