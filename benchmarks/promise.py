"""Does `--max-drop` keep its promise on images that it never saw? `python -m benchmarks.promise MODEL.onnx ...`

Every plan of the front is compiled once and classifies all labelled images. Then the search is repeated on many random
parts of them: each time it accepts a plan as `dyadic compile` would, and the rest of the images says what that plan
loses there. All images together say whether the plan's drop really is within the limit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from dyadic.compiler.budget import parse_limit
from dyadic.compiler.driver import calibrated_network, trials_of
from dyadic.compiler.job import Job
from dyadic.compiler.quality.acceptance import by_accuracy
from dyadic.compiler.select.model import BYTES, decisions_of
from dyadic.compiler.select.search import FRONT_POINTS, SOLVER_SECONDS
from dyadic.compiler.select.stage import select
from dyadic.compiler.solvers.bisection import bisect
from dyadic.compiler.solvers.pareto import pareto
from dyadic.compiler.tools import Tools

Rights = npt.NDArray[np.bool_]
BATCH = 64


def rights_of(model: str, calibration: str, evaluation: str) -> tuple[Rights, Rights, list[float]]:
    """(whether float is right on each image, the same of every plan, weights of the plans as shares of int8's)."""
    job = Job(model, calibration, evaluate=evaluation, max_size="1x")
    tools = Tools.of(job)
    calibrated = calibrated_network(job, tools)
    build = trials_of(calibrated, job, tools)
    with tools.context:
        searched = select(calibrated, job, build, tools).searched
    assert searched is not None and calibrated.data.evaluation is not None
    evaluator, place, found = calibrated.data.evaluation.evaluator, searched.place, searched.found
    with np.load(evaluation) as file:
        labels = file["labels"]
        feeds = {one.name: file[one.name] for one in calibrated.data.calibration.inputs}
    right = [np.concatenate([answer[0].argmax(1) for answer in evaluator.float_answers]) == labels]
    front = pareto(found.problem, BYTES, FRONT_POINTS, SOLVER_SECONDS)
    for plan in track(front, "compiling the front"):
        with build(decisions_of(plan), (place.level,)).load(place.threads, BATCH) as session:
            starts = range(0, len(labels), BATCH)
            batches = ({name: value[i : i + BATCH] for name, value in feeds.items()} for i in starts)
            right.append(np.concatenate([session.run(None, batch)[0].argmax(1) for batch in batches]) == labels)
    return right[0], np.array(right[1:]), [plan.costs[BYTES] / found.task.of_int8(BYTES) for plan in front]


def searched(floating: Rights, plans: Rights, limit: float) -> int | None:
    """The place of the plan that the search accepts on these images."""

    def accept(place: int) -> bool:
        gained, lost = int((plans[place] & ~floating).sum()), int((floating & ~plans[place]).sum())
        return by_accuracy(gained, lost, len(floating), limit).accepted

    return bisect(range(len(plans)), accept).best


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promise", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("model", metavar="MODEL.onnx")
    parser.add_argument("--calibration", required=True, metavar="DATA.npz")
    parser.add_argument("--evaluate", required=True, metavar="DATA.npz", help="with `labels`")
    parser.add_argument("--max-drop", default="0.5%,1%", metavar="A,B")
    parser.add_argument("--share", type=float, default=0.8, help="of the images that each search sees (default: 0.8)")
    parser.add_argument("--searches", type=int, default=500, metavar="N")
    given = parser.parse_args(words)
    floating, plans, sizes = rights_of(given.model, given.calibration, given.evaluate)
    random, console, count = np.random.default_rng(0), Console(width=150), len(floating)
    for asked in given.max_drop.split(","):
        limit = parse_limit("drop", asked).value
        unseen, broken, chosen = [], 0, []
        for _ in range(given.searches):
            order = random.permutation(count)
            seen, rest = np.split(order, [int(given.share * count)])
            place = searched(floating[seen], plans[:, seen], limit)
            if place is None:
                continue
            chosen.append(sizes[place])
            unseen.append(floating[rest].mean() - plans[place, rest].mean())
            broken += floating.mean() - plans[place].mean() > limit
        if not chosen:
            console.print(f"--max-drop {asked}: no plan was ever accepted")
            continue
        console.print(
            f"--max-drop {asked}: {len(chosen)} of {given.searches} searches accepted a plan, of {min(chosen):.2f}x to "
            f"{max(chosen):.2f}x; on unseen images it loses {100 * np.mean(unseen):.2f} points on average; "
            f"{broken / len(chosen):.1%} of them lose more than the limit on all {count} images"
        )


if __name__ == "__main__":
    main()
