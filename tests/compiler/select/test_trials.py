"""What compiled plans tell: how large the file is, how long a run takes, how near the answers are to float's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS

from dyadic.compiler import cost
from dyadic.compiler.driver import Flow
from dyadic.compiler.options import Options
from dyadic.compiler.select.trials import COMMANDS, Trials
from dyadic.compiler.widths.decisions import Decisions, uniform
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import parse

LEVEL = "x86-64"


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "ROUNDS", 3)
        patch.setattr(cost, "SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def trials() -> Trials:
    images = np.load(DIGITS / "train.npz")["image"][:48]
    flow = Flow(str(DIGITS / "digits.onnx"), images, None, None, Options(isa=(LEVEL,))).run("select")
    points = Points(flow.undecided)
    int8 = flow.branch(points, uniform(points, parse("w8a8")), (LEVEL,))
    return Trials(flow, points, int8, LEVEL, 1)


def plan(trials: Trials, scheme: str) -> Decisions:
    return uniform(trials.points, parse(scheme))


def test_the_size_is_that_of_the_file_and_room_for_the_report(trials: Trials, tmp_path: Path) -> None:
    few, many = (trials.file_bytes(plan(trials, scheme)) for scheme in ("w2a8", "w8a8"))
    trials.int8.artifact.save(tmp_path / "int8.dyq")
    room = many - (tmp_path / "int8.dyq").stat().st_size
    assert 0 < room <= 900 * len(trials.points.result_of) + COMMANDS * len(trials.flow.again())
    assert few != many


def test_a_plan_takes_as_long_as_itself_and_wide_activations_longer(trials: Trials) -> None:
    same, wide = (trials.share_of_int8_time(plan(trials, scheme)) for scheme in ("w8a8", "w8a16"))
    assert 0.3 < same < 3 and wide > same / 2  # nothing closer holds on a busy machine


def test_finer_steps_are_nearer_to_float(trials: Trials) -> None:
    fine, coarse = trials.sqnr_db([plan(trials, "w8a16"), plan(trials, "w2a8")])
    (int8,) = trials.sqnr_db([plan(trials, "w8a8")])
    assert fine > int8 + 3 > coarse + 6
