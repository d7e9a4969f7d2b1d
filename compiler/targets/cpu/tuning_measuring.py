"""Hand candidates to the process that runs them. Code may crash or never end: then that layer keeps its choice."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dyadic.compiler.targets.cpu.link import Image
from dyadic.compiler.targets.timing import Timing
from dyadic.compiler.targets.timing_child import Ended, timed_by
from dyadic.runtime.cpu.processor import level_two_bytes

CASE_SECONDS = 120  # more is no kernel that anyone wants
RUNNER = "dyadic.compiler.targets.cpu.tuning_runner"


@dataclass(frozen=True)
class Case:
    """One launch's memory in bytes, and its candidates as (offset in the code, tiles); the static choice first.

    `out` and `inputs` are offsets in the arena, `fresh` is where what the layer before has written begins and ends.
    """

    out: int
    inputs: tuple[int, ...]
    fresh: tuple[int, int]
    weights: int
    params: int
    scratch: int
    candidates: tuple[tuple[int, int], ...]


def measure(
    image: Image, level: str, arena: int, cases: Sequence[Case], seconds: int = CASE_SECONDS
) -> Iterator[list[Timing] | str]:
    """Timings of each case's candidates, one case after the other; a sentence where there are none."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        code.write_bytes(image.code)
        job: dict[str, Any] = {"code": str(code), "level": level, "arena": arena, "seconds": seconds}
        job["level_two"] = level_two_bytes()
        left = list(cases)
        while left:  # each child measures at least one, or ends with it
            measured, end = 0, Ended(0, "")
            for line in timed_by(RUNNER, job | {"cases": [asdict(case) for case in left]}):
                if isinstance(line, Ended):
                    end = line
                else:
                    yield line if isinstance(line, str) else [Timing(*timing) for timing in line]
                    measured += 1
            left = left[measured:]
            for _ in left if end.code > 0 else left[:1]:  # an exception is no kernel's fault, a signal is
                yield str(end)
            left = [] if end.code > 0 else left[1:]
