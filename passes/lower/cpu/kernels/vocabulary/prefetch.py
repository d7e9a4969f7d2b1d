"""Asking for weights before their turn, so that they are in L2 by then.

Weights of a layer come from memory once a run. While a kernel multiplies by one block of them, it asks for the one
behind it in memory: the next block, or the next layer's first.
"""

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c

LINE = 64  # bytes of a cache line


class Prefetch:
    """User `number` of all `users` of a block at `weights` asks for its equal part of the next one, in equal steps.

    A user walks through `step_bytes` of its own block at a time. Nothing is asked for where weights are used once: they
    come no faster than memory gives them.
    """

    def __init__(self, weights: c.Value, block_bytes: int, step_bytes: int, number: c.Value, users: int) -> None:
        self.users = users
        self.first = c.at(weights, c.add(c.mul(number, block_bytes // users), block_bytes))
        self.share = -(-step_bytes // users) if users > 1 else 0

    def segment(self, number: c.Value, segment_bytes: int) -> c.Value:
        """Where to ask from, in a segment of so many bytes of the own block."""
        return c.at(self.first, c.mul(number, segment_bytes // self.users))

    def ask(self, place: c.Value, step: c.Value) -> None:
        """At one step of the segment whose `place` this is."""
        for start in range(0, self.share, LINE):
            c.prefetch(place, c.add(c.mul(step, self.share), start))
