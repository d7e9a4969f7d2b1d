"""Copies and fills between any strides move exactly the bytes they name."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.passes.lower.cpu.kernels.families.copy import CopySpec, FillSpec, pack_fill_params

SIZES = [1, 2, 3, 5, 8, 16, 24, 31, 64, 65, 100, 200]


def placed(draw: Any, sizes: list[int], order: list[int], *, gaps: bool) -> tuple[list[int], int]:
    """Strides that lay `sizes` out in `order` (outermost first), and the bytes they span."""
    strides, step = [0] * len(sizes), 1
    for d in reversed(order):
        strides[d] = step
        step = step * sizes[d] + (draw(st.sampled_from([0, 0, 3])) if gaps else 0)
    return strides, step


def copy_case(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    rank = draw(st.sampled_from([4, 4, 4, 6, 7]))
    sizes = [draw(st.integers(1, 5 if rank == 4 else 3)) for _ in range(rank - 1)] + [draw(st.sampled_from(SIZES))]
    identity = list(range(rank))
    order = draw(st.one_of(st.just(identity), st.permutations(identity)))
    in_strides, in_image = placed(draw, sizes, list(order), gaps=True)
    out_strides, out_image = placed(draw, sizes, identity, gaps=draw(st.booleans()))
    images = draw(st.integers(1, 3))
    start = draw(st.sampled_from([0, 7]))
    if draw(st.booleans()) and sizes[1] > 1:  # walk one dimension backwards
        start += (sizes[1] - 1) * in_strides[1]
        in_strides[1] = -in_strides[1]
    unit_rows = draw(st.integers(1, sizes[0]))
    spec = CopySpec(tuple(sizes), tuple(in_strides), tuple(out_strides), in_image, out_image, unit_rows)
    source = rng.integers(0, 256, images * in_image + 16, np.uint8)
    before = rng.integers(0, 256, images * out_image + 8, np.uint8)
    expected = before.copy()
    read = kernels.view(source, start, (images, *sizes), (in_image, *in_strides))
    kernels.view(expected, 3, (images, *sizes), (out_image, *out_strides))[:] = read
    return kernels.Case(spec, [(source, start)], before, expected, 3, images=images)


def fill_case(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    channels = draw(st.sampled_from(SIZES))
    (row, column, _), image = placed(draw, [rows, columns, channels], [0, 1, 2], gaps=draw(st.booleans()))
    images, value = draw(st.integers(1, 3)), draw(st.integers(0, 255))
    spec = FillSpec(rows, columns, channels, draw(st.integers(1, rows)), column, row, image)
    before = rng.integers(0, 256, images * image + 8, np.uint8)
    expected = before.copy()
    kernels.view(expected, 5, (images, rows, columns, channels), (image, row, column, 1))[:] = value
    return kernels.Case(spec, [], before, expected, 5, params=pack_fill_params(value), images=images)


@examples(2)
@given(st.data())
def test_bytes_are_moved_and_nothing_else(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    cases = [copy_case(kernels, data.draw, rng) for _ in range(12)]
    kernels.check(cases + [fill_case(kernels, data.draw, rng) for _ in range(8)], rng)
