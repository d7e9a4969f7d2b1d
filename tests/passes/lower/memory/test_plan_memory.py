"""Buffers that are alive together never overlap, and simple lives need no more than they force.

Whole networks are in `tests/compiler/networks/test_memory.py`.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.lifetimes import lower_bound

from dyadic.passes.lower.memory.plan_memory import Life, place

SIZES = st.integers(1, 50).map(lambda n: 64 * n)
LIVES = st.tuples(st.integers(0, 20), st.integers(0, 6)).map(lambda pair: Life(pair[0], pair[0] + pair[1]))


@settings(max_examples=200, derandomize=True)
@given(st.lists(st.tuples(SIZES, LIVES), min_size=1, max_size=25))
def test_buffers_alive_together_do_not_overlap(buffers: list[tuple[int, Life]]) -> None:
    sizes, life = [b[0] for b in buffers], [b[1] for b in buffers]
    offsets, total = place(sizes, life)
    for i in range(len(sizes)):
        assert 0 <= offsets[i] and offsets[i] + sizes[i] <= total
        for j in range(i):
            if life[i].meets(life[j]):
                assert offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]
    assert total >= lower_bound(sizes, life)


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    sizes = [64, 128, 256, 64, 192]
    life = [Life(i, i + 1) for i in range(5)]
    _, total = place(sizes, life)
    assert total == lower_bound(sizes, life) == 128 + 256


def test_touching_lives_meet() -> None:
    assert Life(0, 3).meets(Life(3, 5))
    assert not Life(0, 2).meets(Life(3, 5))
