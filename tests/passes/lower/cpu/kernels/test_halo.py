"""Rings of zero points: exactly the ring is written, whatever the strides."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.passes.lower.cpu.kernels.families.copy import pack_fill_params
from dyadic.passes.lower.cpu.kernels.families.halo import HaloSpec


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


@examples(2)
@given(st.data())
def test_the_ring_and_nothing_else_holds_the_zero_point(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([ring(kernels, data.draw, rng) for _ in range(12)], rng)


@pytest.mark.parametrize(("top", "left", "bottom", "right"), [(1, 1, 1, 1), (0, 2, 3, 0), (2, 0, 0, 1), (1, 0, 2, 0)])
@pytest.mark.parametrize("rows", [1, 4])
def test_a_unit_writes_what_lies_around_its_row(
    kernels: Any, rows: int, top: int, left: int, bottom: int, right: int
) -> None:
    """The first row's has what is above it, the last one's what is below."""
    images, columns, channels = 2, 3, 5
    width, height = left + columns + right, top + rows + bottom
    row, image = width * channels, height * width * channels
    spec = HaloSpec(rows, columns, channels, top, left, bottom, right, channels, row, image)
    bytes_ = np.arange(images * image).reshape(images, height, width, channels)
    expected = []
    for one in bytes_:
        for y in range(top, top + rows):
            mine = slice(0 if y == top else y, height if y == top + rows - 1 else y + 1)
            inside = one[y, left : left + columns]
            expected.append(set(one[mine].ravel().tolist()) - set(inside.ravel().tolist()))
    before = np.zeros(images * image + 8, np.uint8)
    case = kernels.Case(
        spec, [], before, before, top * row + left * channels, params=pack_fill_params(7), images=images
    )
    assert kernels.writes(case) == expected
