"""What emit decides: from which step on a batch stays together."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dyadic.compiler.targets.cpu.emit import first_together
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu.program import Step


def chain(weights: list[int], sizes: list[int]) -> int:
    """Steps that each read the buffer before theirs, with so many bytes of weights and so large buffers."""
    launches: list[Any] = [SimpleNamespace(data=lambda name, n=n: np.zeros(n, np.int8)) for n in weights]
    steps = [
        Step(f"/{i}", "conv2d", "k", Reference(i + 1, 0), (Reference(i, 0), Reference(-1, 0)), 1)
        for i in range(len(weights))
    ]
    return first_together(launches, steps, sizes)


@pytest.mark.parametrize(
    ("weights", "sizes", "cut"),
    [
        ([1, 2, 300, 400], [900, 800, 100, 50, 50], 2),  # activations shrink, weights grow
        ([1, 1, 1], [50, 50, 50, 50], 3),  # nothing to gain from sharing weights
        ([500, 500, 500], [50, 50, 50, 50], 0),  # nothing to gain from staying in the cache
        ([1, 500, 1, 500], [300, 50, 50, 300, 50], 1),  # one cut, where the sum is smallest
        ([], [50], 0),
    ],
)
def test_the_cut_is_where_least_is_read(weights: list[int], sizes: list[int], cut: int) -> None:
    assert chain(weights, sizes) == cut
