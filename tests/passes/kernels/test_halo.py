"""Rings of zero points: exactly the ring is written, whatever the strides."""

from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dyadic.passes.lower.cpu.kernels.copy import pack_fill_params
from dyadic.passes.lower.cpu.kernels.halo import HaloSpec


def ring(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    top, left, bottom, right = draw(st.tuples(*[st.integers(0, 3)] * 4), label="halo")
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    channels = draw(st.sampled_from([1, 2, 3, 4, 7, 8, 16, 24, 63, 64, 65, 130]))
    column = channels + draw(st.sampled_from([0, 0, 1, 16]))
    width, height = left + columns + right, top + rows + bottom
    row = width * column + draw(st.sampled_from([0, 0, 5]))
    images = draw(st.integers(1, 3))
    image = height * row + draw(st.sampled_from([0, 64]))
    spec = HaloSpec(rows, columns, channels, top, left, bottom, right, column, row, image)
    before = rng.integers(0, 256, images * image + 8, np.uint8)
    expected = before.copy()
    cells = kernels.view(expected, 0, (images, height, width, channels), (image, row, column, 1))
    inside = cells[:, top : top + rows, left : left + columns].copy()
    zero_point = draw(st.integers(0, 255))
    cells[:] = zero_point
    cells[:, top : top + rows, left : left + columns] = inside
    offset = top * row + left * column
    params = pack_fill_params(zero_point)
    return kernels.Case(spec, [], before, expected, offset, params=params, images=images)


@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.data())
def test_the_ring_and_nothing_else_holds_the_zero_point(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([ring(kernels, data.draw, rng) for _ in range(12)], rng)
