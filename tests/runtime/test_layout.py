"""The boundary puts every element where its strides say, whatever the rank and the order in memory."""

import itertools
from math import prod
from typing import Any

import numpy as np
import pytest

import dyadic
from dyadic.runtime.cpu.program import CpuProgram
from dyadic.runtime.layout import Layout, rows_of
from dyadic.runtime.program import Buffer, Input, Output

SHAPES = [(), (7,), (3, 5), (4, 3, 6), (2, 3, 4, 5), (2, 1, 3, 2, 4), (2, 3, 2, 2, 3, 2)]


def strided(sizes: tuple[int, ...], order: tuple[int, ...], pad: int) -> tuple[int, ...]:
    """Strides of a tensor whose dimensions lie in `order` in memory, `pad` bytes behind those of the last."""
    strides, step = [0] * len(sizes), 1
    for place, d in enumerate(reversed(order)):
        strides[d] = step
        step = step * sizes[d] + (pad if place == 0 else 0)
    return tuple(strides)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_in_and_out_in_any_order(write, sizes, wide) -> None:
    """Every order of up to four dimensions, a few of more; what the runtime cannot walk is refused."""
    random, walked, refused = np.random.default_rng(len(sizes)), 0, 0
    orders = list(itertools.permutations(range(len(sizes))))
    some = [orders[i] for i in random.choice(len(orders), min(len(orders), 12), replace=False)]
    x = random.integers(-99, 99, (2, *sizes)).astype(np.float32)
    for order in {orders[0], *some}:
        inside = strided(sizes, order, pad=int(random.integers(0, 3)))
        size = -(-(sum((n - 1) * s for n, s in zip(sizes, inside, strict=True)) + 8) // 64) * 64
        layout = Layout(0, 0, inside, size * (1 + wide), (), size if wide else 0)
        try:
            rows_of(sizes, layout)
        except ValueError:
            refused += 1
            continue
        walked += 1
        bounds: dict[str, Any] = {"zero_point": 0, "lo": -999, "hi": 999} if wide else {"zero_point": 128}
        source = Input("x", ("N", *sizes), "float32", layout, 1.0, **bounds)
        target = Output("y", ("N", *sizes), layout, 1.0, **bounds)
        program = CpuProgram((Buffer(0, layout.image),), layout.image, 0, (source,), (target,), ())
        with dyadic.load(write(program), threads=2, max_batch=2) as session:
            np.testing.assert_array_equal(session(x), x, f"{sizes} in {order}, strides {inside}")
    assert walked and (len(sizes) > 2 or not refused)


def test_channels_last_of_every_image_can_be_walked() -> None:
    for c, h, w in itertools.product((1, 3, 8), repeat=3):
        rows = rows_of((c, h, w), Layout(0, 0, (1, w * 8, 8), 0))
        assert rows.height * rows.width * rows.channels == prod((c, h, w))
