"""What only a compiled plan can tell: its file's size, its time beside int8's, how near its answers are to float's.

Weights of any value take the same time and the same bytes, so they are not refined for the first two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from dyadic.compiler import cost
from dyadic.compiler.built import Build, Built
from dyadic.compiler.calibrate.data import first_batches
from dyadic.compiler.calibrated import Calibrated
from dyadic.compiler.cost import Times
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.machines.agent import Agent
from dyadic.compiler.quality.acceptance import Verdict
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.quality.evaluator import Evaluator, Questions, verdict
from dyadic.compiler.select.judge import Asked, Judge, batches_of
from dyadic.compiler.user_data import Evaluation
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.workers import Workers

LAYER_BYTES = 1200  # a layer, in the report and the certificate that go into the file
COMMANDS = 26  # in it: one a section, one a plan of the front
SAMPLES, SAMPLES_A_RUN = 32, 16
INT8, CHOSEN = "int8", "chosen"


@dataclass(frozen=True)
class Place:
    """Where times are taken: a level, threads, images at a time, and the agent of the machine; None for this one."""

    level: str
    threads: int
    batch: int
    agent: Agent | None = None


class Trials(Protocol):
    """What a search may ask of plans."""

    def file_bytes(self, decisions: Decisions) -> int:
        """Of the artifact with code for every level that was asked for, and with room for its report."""
        ...

    def share_of_int8_time(self, decisions: Decisions) -> float:
        """The time of a run over that of int8's beside it, the median."""
        ...

    def sqnr_db(self, plans: Sequence[Decisions]) -> list[float]:
        """Of each plan's outputs against float's on some calibration samples, refined as it would ship."""
        ...

    def verdicts(self, plans: Sequence[Decisions], limit: float) -> list[Verdict]:
        """What each plan loses on the evaluation data, against what is allowed."""
        ...

    def abreast(self, plans: int) -> int:
        """How many of so many plans are tried in the time that one takes."""
        ...


@dataclass(frozen=True, eq=False)
class CompiledTrials:
    """Of plans for one network; `int8` is the same network, all of 8 bits. `levels` are those that the artifact is to
    hold, `command` is as long as those in its report."""

    calibrated: Calibrated
    build: Build
    int8: Built
    place: Place
    levels: tuple[str, ...]
    cache: Cache
    command: str
    evaluation: Evaluation | None
    workers: Workers = field(default_factory=Workers)

    def file_bytes(self, decisions: Decisions) -> int:
        """Of the artifact with such a plan, with room for its report."""
        built = self.build(decisions, self.levels, refine=False)
        room = LAYER_BYTES * len(self.calibrated.points.result_of) + COMMANDS * len(self.command)
        return built.file_bytes() + room

    def share_of_int8_time(self, decisions: Decisions) -> float:
        """The time of an image as a share of int8's, both measured in turns."""
        tried = self.build(decisions, (self.place.level,), refine=False)
        return beside_int8(self.int8, tried, self.place, self.cache, lambda: None)[1].share

    def sqnr_db(self, plans: Sequence[Decisions]) -> list[float]:
        """Of the outputs of each plan on the first samples of calibration."""
        data = self.calibrated.data
        engine, tallies = data.engine(), [Tally() for _ in plans]
        batches = list(first_batches(data.calibration.first, SAMPLES_A_RUN, SAMPLES))
        questions = Questions(batches_of(batches), [engine.run(batch) for batch in batches], SAMPLES_A_RUN)
        answers = Judge(self.build, questions, self.workers).ask([Asked(plan) for plan in plans])
        for tally, pieces in zip(tallies, answers, strict=True):
            for piece in pieces:
                tally.plus(piece.tally)
        return [tally.sqnr_db for tally in tallies]

    def verdicts(self, plans: Sequence[Decisions], limit: float) -> list[Verdict]:
        """Whether each plan keeps the limit (a share) on evaluation data. Evaluation data are there."""
        evaluator = self.evaluator
        return [verdict(evaluator.judged(one), limit) for one in self.judge.ask([Asked(plan) for plan in plans])]

    def abreast(self, plans: int) -> int:
        return self.judge.abreast(plans)

    @property
    def evaluator(self) -> Evaluator:
        assert self.evaluation is not None, "a limit on a drop needs evaluation data: `Job` sees to that"
        return self.evaluation.evaluator

    @cached_property
    def judge(self) -> Judge:
        """Asks plans what the evaluation data hold."""
        return Judge(self.build, self.evaluator.questions, self.workers)


def beside_int8(
    int8: Built, other: Built, place: Place, cache: Cache, done: Callable[[], object]
) -> tuple[Times, Times]:
    """The times of int8 and of another plan of the network, in alternation."""
    both = {INT8: int8.emitted, CHOSEN: other.emitted}
    times = cost.measure(both, place.level, place.threads, place.batch, cache, done, place.agent)
    return times[INT8], times[CHOSEN]
