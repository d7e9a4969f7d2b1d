"""Entries of one dimension, wherever it lies, come from the places of a table."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.passes.lower.cpu.kernels.families.take import TakeSpec, pack_take_params

SIZES = [1, 2, 3, 8, 16, 31, 64, 65, 200]


def case(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    rank = draw(st.integers(2, 5))
    before = [draw(st.integers(1, 5)) for _ in range(rank - 1)] + [draw(st.sampled_from(SIZES))]
    axis, images = draw(st.integers(0, rank - 1)), draw(st.integers(1, 3))
    places = [draw(st.integers(0, before[axis] - 1)) for _ in range(draw(st.integers(1, 7)))]
    after = [*before[:axis], len(places), *before[axis + 1 :]]
    ins, outs = (strides(sizes, draw(st.sampled_from([0, 3]))) for sizes in (before, after))
    spec = TakeSpec(
        sizes=tuple(after),
        in_strides=tuple(0 if d == axis else n for d, n in enumerate(ins[1:])),
        out_strides=tuple(outs[1:]),
        axis=axis,
        in_image=ins[0],
        out_image=outs[0],
        unit_rows=draw(st.integers(1, after[0])),
    )
    source = rng.integers(0, 256, images * ins[0] + 16, np.uint8)
    memory = rng.integers(0, 256, images * outs[0] + 8, np.uint8)
    expected = memory.copy()
    x = kernels.view(source, 5, (images, *before), ins)
    kernels.view(expected, 3, (images, *after), outs)[:] = np.take(x, places, axis + 1)
    params = pack_take_params(places, ins[axis + 1])
    return kernels.Case(spec, [(source, 5)], memory, expected, 3, params=params, images=images)


def strides(sizes: list[int], gap: int) -> list[int]:
    """Of the image and of each dimension, with a gap behind every row of the last."""
    found = [1]
    for size in reversed(sizes):
        found.insert(0, found[0] * size + (gap if len(found) == 1 else 0))
    return found


@examples(2)
@given(st.data())
def test_entries_are_taken_and_nothing_else_is_written(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([case(kernels, data.draw, rng) for _ in range(16)], rng)
