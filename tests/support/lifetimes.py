"""What lifetimes of buffers force."""

from collections.abc import Sequence

from dyadic.passes.lower.memory.plan_memory import Life


def lower_bound(sizes: Sequence[int], life: Sequence[Life]) -> int:
    """The most bytes that are alive at once."""
    return max(
        sum(s for s, one in zip(sizes, life, strict=True) if one.first <= t <= one.last)
        for t in range(min(one.first for one in life), max(one.last for one in life) + 1)
    )
