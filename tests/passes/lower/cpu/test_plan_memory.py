"""Buffers that are alive together never overlap, and the arena is close to what lifetimes force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stages import network_after

from benchmarks.networks import NETWORKS
from dyadic.dialects.fields import ints
from dyadic.dialects.launch import LaunchOp
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.cpu.memory.views import ARENA, BUFFERS
from dyadic.passes.lower.cpu.plan_memory import Life, place

SIZES = st.integers(1, 50).map(lambda n: 64 * n)
LIVES = st.tuples(st.integers(0, 20), st.integers(0, 6)).map(lambda pair: Life(pair[0], pair[0] + pair[1]))


def lower_bound(sizes: list[int], life: list[Life]) -> int:
    """The most bytes that are alive at once."""
    return max(
        sum(s for s, one in zip(sizes, life, strict=True) if one.first <= t <= one.last)
        for t in range(min(one.first for one in life), max(one.last for one in life) + 1)
    )


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


@pytest.mark.parametrize("name", ["densenet121", "inception_v3", "mobilenet_v2"])
def test_a_network_takes_little_more_than_what_is_alive_at_once(name: str) -> None:
    images = np.random.default_rng(0).standard_normal((1, 3, 96, 96)).astype(np.float32)
    example = (torch.from_numpy(images),)
    network = network_after("lower", NETWORKS[name].make(), images, example_inputs=example, observer="min-max")
    function = main_function(network)
    sizes, arena = ints(function.attributes[BUFFERS]), ints(function.attributes[ARENA])[-1]
    launches = [op.opview for op in function.regions[0].blocks[0].operations if isinstance(op.opview, LaunchOp)]
    # a buffer that no launch writes holds an input and is alive from the start; what none reads is a result
    first, last = [-1] * len(sizes), [len(launches)] * len(sizes)
    for step, launch in reversed(list(enumerate(launches))):
        first[ints(launch.out)[0]] = step
    for step, launch in enumerate(launches):
        for buffer in ints(launch.inputs)[::2]:
            if buffer >= 0:
                last[buffer] = step
    bound = lower_bound(sizes, [Life(a, b) for a, b in zip(first, last, strict=True)])
    assert bound <= arena <= 1.1 * bound
