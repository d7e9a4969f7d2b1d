"""Pooling kernels give the bits of `qi.max_pool` and `qi.avg_pool`: clipped windows, dilation, ceil mode, padding."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.dialects.windows import taps, valid_cells
from dyadic.passes.lower.cpu.kernels.families import pool
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.runtime import fixedpoint

CHANNELS = [1, 3, 16, 24, 40, 64, 65, 100, 130]


class Windows:
    """A random window over a random image, and both in memory."""

    def __init__(self, kernels: Any, draw: Any, rng: np.random.Generator, dilations: list[int]) -> None:
        self.kernels, self.draw, self.rng = kernels, draw, rng
        self.kernel, self.strides, self.size, self.padding, self.dilation, self.out = [], [], [], [0] * 4, [], []
        for d in range(2):
            taps_, stride = draw(st.sampled_from([1, 2, 3, 3, 5, 7])), draw(st.integers(1, 3))
            dilation = draw(st.sampled_from(dilations))
            reach = (taps_ - 1) * dilation + 1
            before, after = draw(st.integers(0, (taps_ - 1) // 2)), draw(st.integers(0, (taps_ - 1) // 2))
            size = max(draw(st.integers(1, 12)), reach - before - after, (reach + 1) // 2)
            room = size + before + after - reach
            out = room // stride + 1
            if draw(st.booleans()) and room % stride and out * stride < size + before:  # ceil mode
                out += 1
            # a window must hold a real cell: with dilation a short image can fall between two taps
            while out > 1 and not self.touches(size, before, out - 1, stride, dilation, taps_):
                out -= 1
            if not self.touches(size, before, 0, stride, dilation, taps_):
                before = 0
            for list_, value in zip(
                (self.kernel, self.strides, self.size, self.dilation, self.out),
                (taps_, stride, size, dilation, out),
                strict=True,
            ):
                list_.append(value)
            self.padding[d], self.padding[d + 2] = before, after
        self.channels, self.images = draw(st.sampled_from(CHANNELS)), draw(st.integers(1, 3))
        pixel, out_column = self.channels + draw(st.sampled_from([0, 4])), self.channels + draw(st.sampled_from([0, 7]))
        row, out_row = self.size[1] * pixel + draw(st.sampled_from([0, 8])), self.out[1] * out_column
        image, out_image = self.size[0] * row + 3, self.out[0] * out_row + draw(st.sampled_from([0, 5]))
        self.source = rng.choice(rng.integers(0, 256, draw(st.sampled_from([2, 256]))), self.images * image).astype(
            np.uint8
        )
        self.x = kernels.view(self.source, 0, (self.images, *self.size, self.channels), (image, row, pixel, 1))
        self.out_strides = (out_image, out_row, out_column, 1)
        self.fields = {
            "rows": self.out[0],
            "columns": self.out[1],
            "channels": self.channels,
            "unit_rows": draw(st.integers(1, self.out[0])),
            "in_rows": self.size[0],
            "in_columns": self.size[1],
            "taps_y": self.kernel[0],
            "taps_x": self.kernel[1],
            "stride_y": self.strides[0],
            "stride_x": self.strides[1],
            "pad_top": self.padding[0],
            "pad_left": self.padding[1],
            "in_column": pixel,
            "in_row": row,
            "in_image": image,
            "out_column": out_column,
            "out_row": out_row,
            "out_image": out_image,
        }

    @staticmethod
    def touches(size: int, pad: int, index: int, stride: int, dilation: int, taps_: int) -> bool:
        return any(0 <= index * stride - pad + k * dilation < size for k in range(taps_))

    def case(self, spec: Any, values: Any, params: Any = None) -> Any:
        before = self.rng.integers(0, 256, self.images * self.out_strides[0] + 8, np.uint8)
        expected = before.copy()
        shape = (self.images, *self.out, self.channels)
        self.kernels.view(expected, 2, shape, self.out_strides)[:] = values
        extra = {} if params is None else {"params": params}
        memory = [(self.source, 0)]
        return self.kernels.Case(spec, memory, before, expected, 2, images=self.images, **extra)


def max_case(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    w = Windows(kernels, draw, rng, [1, 1, 2, 3])
    spec = pool.MaxPoolSpec(**w.fields, dilation_y=w.dilation[0], dilation_x=w.dilation[1])
    every = taps(w.x, w.kernel, w.strides, w.padding, w.dilation, w.out, 0)
    return w.case(spec, np.stack([cells for _, cells in every]).max(0))


def avg_case(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    w = Windows(kernels, draw, rng, [1])
    form, zero = draw(st.sampled_from([requantize.WIDE, requantize.SMALL_SHIFT])), draw(st.integers(0, 255))
    cells = valid_cells(w.size, w.kernel, w.strides, w.padding, w.out, draw(st.booleans()))
    counts, index = np.unique(cells, return_inverse=True)
    m = rng.integers(fixedpoint.WIDE_MIN, fixedpoint.WIDE_END, len(counts))
    s = rng.integers(*((32, 37) if form == requantize.WIDE else (2, 35)), len(counts))
    low, high = sorted(draw(st.tuples(st.integers(0, 255), st.integers(0, 255))))
    spec = pool.AvgPoolSpec(**w.fields, form=form, counts=len(counts))
    index = index.reshape(cells.shape)
    params = pool.pack_avg_params(spec, m, s, index, [9, low, high, zero])
    every = taps(w.x, w.kernel, w.strides, w.padding, [1, 1], w.out, zero)
    total = sum(cells.astype(np.int64) - zero for _, cells in every)
    values = fixedpoint.requant(total, m[index][..., None], s[index][..., None], 9, low, high)
    return w.case(spec, values, params)


def global_case(kernels: Any, rng: np.random.Generator, rows: int, columns: int, channels: int) -> Any:
    """All cells at their largest, so that 16 bits would not hold the sums."""
    row, image = columns * channels, rows * columns * channels
    spec = pool.AvgPoolSpec(
        1, 1, channels, 1, rows, columns, rows, columns, 1, 1, 0, 0, channels, row, image, channels, channels, channels,
        requantize.WIDE, 1,
    )  # fmt: skip
    source = np.full(2 * image, 255, np.uint8)
    source[image:] = rng.integers(0, 256, image, np.uint8)
    m, s = fixedpoint.wide_multiplier(fixedpoint.Fraction(1, rows * columns))
    params = pool.pack_avg_params(spec, np.array([m]), np.array([s]), np.zeros((1, 1), np.int64), [3, 0, 255, 3])
    total = source.reshape(2, rows * columns, channels).astype(np.int64).sum(1) - 3 * rows * columns
    expected = fixedpoint.requant(total, m, s, 3, 0, 255).astype(np.uint8).reshape(-1)
    return kernels.Case(spec, [(source, 0)], np.zeros(2 * channels, np.uint8), expected, params=params, images=2)


@examples(2)
@given(st.data())
def test_pooling_kernels_equal_their_ops(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    cases = [make(kernels, data.draw, rng) for make in [max_case, avg_case] * 6]
    kernels.check(cases, rng)


def test_global_average_of_the_largest_values(kernels: Any) -> None:
    rng = np.random.default_rng(7)
    shapes = [(7, 7, 100), (16, 16, 24), (18, 17, 64), (2, 300, 16), (40, 40, 3)]
    kernels.check([global_case(kernels, rng, *shape) for shape in shapes], rng)
