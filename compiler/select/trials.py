"""What only a compiled plan can tell: its file's size, its time beside int8's, how near its answers are to float's.

Weights of any value take the same time and the same bytes, so they are not refined for the first two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dyadic.compiler import cost
from dyadic.compiler.calibrate.data import first_batches
from dyadic.compiler.cost import Times
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.measure.variants import CHOSEN, INT8
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.widths.decisions import Decisions

if TYPE_CHECKING:
    from dyadic.compiler.select.compiling import Compiling
    from dyadic.compiler.widths.points import Points

REPORT_BYTES = 900  # a layer, in the report that goes into the file
COMMANDS = 26  # in it: one a section, one a plan of the front
SAMPLES, SAMPLES_A_RUN = 32, 16


class Trials:
    """Of plans for one network at one level; `int8` is the same network, all of 8 bits."""

    def __init__(self, flow: Compiling, points: Points, int8: Compiling, level: str, threads: int) -> None:
        self.flow, self.points, self.int8 = flow, points, int8
        self.level, self.threads = level, threads

    def file_bytes(self, decisions: Decisions) -> int:
        """Of the artifact with code for every level that was asked for, and with room for its report."""
        flow = self.flow.branch(self.points, decisions, self.flow.options.levels, refine=False)
        with flow.artifact.load(1):
            room = REPORT_BYTES * len(self.points.result_of) + COMMANDS * len(self.flow.again())
            return (flow.artifact.bytes or 0) + room

    def share_of_int8_time(self, decisions: Decisions) -> float:
        """The time of a run over that of int8's beside it, the median."""
        tried = self.flow.branch(self.points, decisions, (self.level,), refine=False).artifact.emitted
        return self.beside_int8(tried, self.flow.cache, lambda: None)[1].share

    def beside_int8(self, emitted: Emitted, cache: Cache, done: Callable[[], object]) -> tuple[Times, Times]:
        """The times of int8 and of another artifact of the network, in alternation."""
        both = {INT8: self.int8.artifact.emitted, CHOSEN: emitted}
        times = cost.measure(both, self.level, self.threads, self.flow.options.batch, cache, done)
        return times[INT8], times[CHOSEN]

    def sqnr_db(self, plans: Sequence[Decisions]) -> list[float]:
        """Of each plan's outputs against float's on some calibration samples, refined as it would ship."""
        engine, tallies = self.flow.engine(), [Tally() for _ in plans]
        batches = list(first_batches(self.flow.samples.first, SAMPLES_A_RUN, SAMPLES))
        expected = [engine.run(batch) for batch in batches]
        for plan, tally in zip(plans, tallies, strict=True):
            tried = self.flow.branch(self.points, plan, (self.level,)).artifact
            with tried.load(self.threads, SAMPLES_A_RUN, self.level) as session:
                for batch, answers in zip(batches, expected, strict=True):
                    tally.add(answers, session.run(None, batch), None)
        return [tally.sqnr_db for tally in tallies]
