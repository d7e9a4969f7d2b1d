"""What compiled plans tell: how large the file is, how long a run takes, how near the answers are to float's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS
from support.stages import compiled

from dyadic.compiler import cost
from dyadic.compiler.compiled import Compiled
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.quality.evaluator import Questions
from dyadic.compiler.select.judge import Asked, Judge
from dyadic.compiler.select.trials import COMMANDS, LAYER_BYTES, CompiledTrials, Place
from dyadic.compiler.widths.decisions import Decisions, uniform
from dyadic.compiler.widths.scheme import parse
from dyadic.compiler.workers import Workers, parcel

LEVEL = "x86-64"


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "ROUNDS", 3)
        patch.setattr(cost, "SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def done() -> Compiled:
    images = np.load(DIGITS / "train.npz")["image"][:48]
    return compiled(DIGITS / "digits.onnx", images, isa=(LEVEL,))


@pytest.fixture(scope="module")
def trials(done: Compiled) -> CompiledTrials:
    place, command = Place(LEVEL, 1, 1), done.job.again()
    return CompiledTrials(done.calibrated, done.build, done.built, place, (LEVEL,), Cache(None), command, None)


def plan(trials: CompiledTrials, scheme: str) -> Decisions:
    return uniform(trials.calibrated.points, parse(scheme))


def test_the_size_is_that_of_the_file_and_room_for_the_report(
    trials: CompiledTrials, done: Compiled, tmp_path: Path
) -> None:
    few, many = (trials.file_bytes(plan(trials, scheme)) for scheme in ("w2a8", "w8a8"))
    room = many - done.artifact.save(tmp_path / "int8.dyq")
    assert 0 < room <= LAYER_BYTES * len(trials.calibrated.points.result_of) + COMMANDS * len(trials.command)
    assert few != many


def test_a_plan_takes_as_long_as_itself_and_wide_activations_longer(trials: CompiledTrials) -> None:
    same, wide = (trials.share_of_int8_time(plan(trials, scheme)) for scheme in ("w8a8", "w8a16"))
    assert 0.3 < same < 3 and wide > same / 2  # nothing closer holds on a busy machine


def test_finer_steps_are_nearer_to_float(trials: CompiledTrials) -> None:
    fine, coarse = trials.sqnr_db([plan(trials, "w8a16"), plan(trials, "w2a8")])
    (int8,) = trials.sqnr_db([plan(trials, "w8a8")])
    assert fine > int8 + 3 > coarse + 6


def test_a_trial_says_nothing_and_hashes_and_proves_nothing(done: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dyadic.compiler.driver.certified", "dyadic.compiler.driver.account", "dyadic.compiler.driver.made"):
        monkeypatch.setattr(name, lambda *_: pytest.fail("a trial is no artifact"))
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("a trial is of the same model"))
    tried = done.build(done.selection.decisions, (LEVEL,))
    assert not {"report", "certificate"} & tried.emitted.sections.keys()
    assert tried.emitted.sections["cpu/weights"] == done.built.emitted.sections["cpu/weights"]


def test_a_network_that_was_sent_is_compiled_to_the_same_bits(done: Compiled, tmp_path: Path) -> None:
    parcel.write(tmp_path / "network", done.build.shared.items())
    there = done.build.shared.open(parcel.read(tmp_path / "network"))
    few = uniform(done.calibrated.points, parse("w4a8"))
    here, sent = (build(few, (LEVEL,)).emitted.sections for build in (done.build, there))
    assert here.keys() == sent.keys()
    assert all(here[name] == sent[name] for name in here if name != "qi")  # which says where its weights came from


def test_parts_of_the_questions_are_all_of_them(done: Compiled, trials: CompiledTrials) -> None:
    images = [{"image": np.load(DIGITS / "train.npz")["image"][i : i + 2]} for i in range(0, 48, 2)]
    engine = done.calibrated.data.engine()
    questions = Questions([(one, None) for one in images], [engine.run(one) for one in images], 2)
    with done.built.load(1, 2) as session:
        whole = questions.put_to(session)
        parts = [piece for part in range(5) for piece in questions.put_to(session, part, 5)]
    assert [vars(one.tally) for one in parts] == [vars(one.tally) for one in whole] and len(whole) == 24
    asked = [Asked(plan(trials, "w2a8")), Asked(plan(trials, "w8a8"))]
    judge = Judge(done.build, questions, Hands(8))
    seen = judge.ask(asked)
    assert [len(one) for one in seen] == [24, 24] and judge.seconds > 0
    assert seen[1][0].tally.noise < seen[0][0].tally.noise


class Hands(Workers):
    """This process, which says it were many."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def abreast(self, tasks: int, seconds: float) -> int:
        return self.count
