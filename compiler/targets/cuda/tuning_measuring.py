"""Hand candidates to the process that launches them. A kernel that faults or never ends takes the device's context with
it: then its product keeps the model's choice."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dyadic.compiler.targets.cuda.tuning_runner import LOST_DEVICE
from dyadic.compiler.targets.timing import Timing
from dyadic.compiler.targets.timing_child import Ended, timed_by

CASE_SECONDS = 120  # more is no kernel that anyone wants
RUNNER = "dyadic.compiler.targets.cuda.tuning_runner"


def measure(
    path: Path, level: str, batch: int, counts: Sequence[int], seconds: int = CASE_SECONDS
) -> Iterator[list[Timing] | str]:
    """Timings of the steps of an artifact, so many of each case, one case after the other; a sentence where there are
    none. Each child measures at least one, or ends with it."""
    done = 0
    while done < len(counts):
        job = {"path": str(path), "level": level, "batch": batch, "counts": list(counts), "done": done}
        end = Ended(0, "")
        for line in timed_by(RUNNER, job | {"seconds": seconds}):
            if isinstance(line, Ended):
                end = line
            else:
                yield line if isinstance(line, str) else [Timing(*timing) for timing in line]
                done += 1
        ours = end.code > 0 and end.code != LOST_DEVICE  # an exception is no kernel's fault, a signal is
        for _ in counts[done:] if ours else counts[done : done + 1]:
            yield str(end)
            done += 1
