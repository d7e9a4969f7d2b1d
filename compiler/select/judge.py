"""Plans of one network, compiled and asked the same questions: each is a task, whoever computes it.

Where fewer plans are asked for than workers are there, each answers a part of the questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dyadic.compiler.built import Build
from dyadic.compiler.quality.evaluator import Piece, Questions
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.workers.workers import Shared, Workers

LEAST_BATCHES = 8  # of a part: a plan is compiled for each


@dataclass(frozen=True)
class Asked:
    """A plan, whether its weights are refined, and which part of the questions it is to answer."""

    plan: Decisions
    refine: bool = True
    part: int = 0
    parts: int = 1


def ask(build: Build, questions: Questions, asked: Asked) -> list[Piece]:
    """The task: a plan's answers to its part of the questions."""
    built = build(asked.plan, (build.level,), refine=asked.refine)
    with built.load(build.threads, questions.rows, build.level) as session:
        return questions.put_to(session, asked.part, asked.parts)


class Judge:
    """Asks plans the same questions. `seconds` is how long the last plan took, 0 before the first."""

    def __init__(self, build: Build, questions: Questions, workers: Workers) -> None:
        self.build, self.questions, self.workers = build, questions, workers
        self.seconds = 0.0

    @cached_property
    def shared(self) -> tuple[Shared[Any], ...]:
        """What every task reads."""
        return self.build.shared, Shared(self.questions, lambda: sent(self.questions), arrived)

    def abreast(self, plans: int) -> int:
        """How many of so many plans would be asked at the same time."""
        return self.workers.abreast(plans, self.seconds)

    def ask(self, asked: Sequence[Asked], done: Callable[[], object] = lambda: None) -> list[list[Piece]]:
        """The answers of each, in order; `done` is called after each plan or part of one."""
        if not asked:
            return []
        most = len(self.questions.expected) // LEAST_BATCHES
        parts = max(1, min(most, self.abreast(len(asked)) // len(asked)))
        tasks = [replace(one, part=part, parts=parts) for one in asked for part in range(parts)]
        start = time.monotonic()
        answers = self.workers.run(ask, self.shared, tasks, lambda _: done())
        rounds = -(-len(tasks) // max(1, self.abreast(len(asked))))
        self.seconds = (time.monotonic() - start) / rounds
        return [[piece for part in answers[i : i + parts] for piece in part] for i in range(0, len(tasks), parts)]


def sent(questions: Questions) -> Iterator[object]:
    """As they go to another process: what float answers, and a batch at a time."""
    yield replace(questions, batches=())
    yield from questions.batches


def arrived(items: list[Any]) -> Questions:
    first, *batches = items
    return replace(first, batches=batches)


def batches_of(feeds: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], None]]:
    """Without labels."""
    return [(each, None) for each in feeds]
