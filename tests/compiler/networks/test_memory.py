"""The arena of a network is close to what is alive at once."""

from typing import Any

from support.lifetimes import lower_bound

from dyadic.passes.lower.memory.plan_memory import Life


def test_a_network_takes_little_more_than_what_is_alive_at_once(compiled: Any) -> None:
    program = compiled.artifact.emitted.program
    sizes, steps = [buffer.size for buffer in program.buffers], program.steps
    # a buffer that no step writes holds an input and is alive from the start; what none reads is a result
    first, last = [-1] * len(sizes), [len(steps)] * len(sizes)
    for number, step in reversed(list(enumerate(steps))):
        first[step.out.buffer] = number
    for number, step in enumerate(steps):
        for at in step.inputs:
            if at.buffer >= 0:
                last[at.buffer] = number
    bound = lower_bound(sizes, [Life(a, b) for a, b in zip(first, last, strict=True)])
    assert bound <= program.arena_bytes <= 1.1 * bound
