"""Other widths than int8, on a small trained network: exact in every bit, and nearly as right as float."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from support.command_line import DIGITS
from support.stages import compiled as compile_all

import dyadic
from dyadic.compiler.artifact import Artifact
from dyadic.compiler.refine import TECHNIQUES
from dyadic.compiler.select import search
from dyadic.compiler.select.model import BOPS
from dyadic.compiler.targets.cpu import code_sweep
from dyadic.compiler.targets.cpu.integer_ir import restore
from dyadic.compiler.widths.decisions import Decisions
from dyadic.dialects import new_context
from dyadic.dialects.reference import IntegerReference
from dyadic.runtime.errors import BudgetError

MODEL, FIRST = DIGITS / "digits.onnx", "/stem/stem.0/Conv"
LEVEL = "x86-64"
FLOAT_ACCURACY = 0.985
TRAIN, TEST = np.load(DIGITS / "train.npz"), np.load(DIGITS / "test.npz")
CALIBRATION = {"image": TRAIN["image"][:64]}
Compile = Callable[..., Artifact]


@pytest.fixture(scope="module", autouse=True)
def short_fronts() -> Iterator[None]:
    """A search compares few plans."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FRONT_POINTS", 6)
        yield


@pytest.fixture(scope="module")
def compiled() -> Compile:
    """Each artifact once."""

    @cache
    def make(**options: Any) -> Artifact:
        return dyadic.compile(MODEL, CALIBRATION, isa=(LEVEL,), sensitivity="sqnr", measure=False, **options)

    return make


def answers(artifact: Artifact, images: np.ndarray = TEST["image"]) -> np.ndarray:
    with artifact.load(threads=1, max_batch=len(images)) as session:
        return session.run(None, {session.inputs[0].name: images})[0]


def accuracy(artifact: Artifact) -> float:
    return float((answers(artifact).argmax(1) == TEST["labels"]).mean())


def weight_bytes(artifact: Artifact) -> int:
    return len(artifact.emitted.sections["cpu/weights"])


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ({"precision": "w4a8"}, 0.55),
        ({"precision": "w8a16"}, 1.0),
        ({"precision": "w4a4"}, 0.55),
        ({"keep": ("*=w4g64a8",)}, 0.6),
        ({"max_size": "0.6x"}, 0.6),
        ({"max_bops": "0.4x"}, 1.0),
    ],
)
def test_artifacts_are_their_own_integer_reference_and_nearly_as_right_as_float(
    compiled: Compile, options: dict[str, Any], share: float
) -> None:
    artifact = compiled(**options)
    sections = artifact.emitted.sections
    reference = IntegerReference(
        restore(sections["qi"], np.frombuffer(sections["cpu/weights"], np.int8), new_context())
    )
    np.testing.assert_array_equal(answers(artifact)[:50], reference({"image": TEST["image"][:50]})["logits"])
    assert accuracy(artifact) >= FLOAT_ACCURACY - 0.015
    assert weight_bytes(artifact) <= share * weight_bytes(compiled())


def test_what_cannot_be_met_is_refused_with_the_nearest_plan(compiled: Compile) -> None:
    with pytest.raises(BudgetError) as caught:
        compiled(max_size="0.16x")
    said = str(caught.value)
    assert said.startswith('max_size="0.16x" cannot be met: ') and "the nearest plan has " in said
    weighted = {scheme for scheme in caught.value.plan.values() if scheme.startswith("w")}
    assert weighted == {"w2a8"}


def test_a_search_keeps_within_bit_operations_and_to_what_rules_pin() -> None:
    rule = f"{FIRST}=w8a16"
    selection = compile_all(
        MODEL, CALIBRATION, max_bops="0.4x", keep=rule, isa=(LEVEL,), sensitivity="sqnr", without=TECHNIQUES
    ).selection
    points, widths = selection.points, selection.decisions
    bits = {name: int(scheme[1:].partition("g")[0]) for name, scheme in widths.weights.items()}
    every = points.weights.values()
    total = sum(point.macs * bits[point.name] * widths.activations[point.reads[0]] for point in every)
    assert total <= 0.4 * sum(64 * point.macs for point in every)
    assert selection.applied[FIRST] == "w8a16" == selection.requested[FIRST] and selection.differences == []
    assert selection.why[FIRST] == f"--keep {rule}"
    assert {why for name, why in selection.why.items() if points.result_of[name] != points.result_of[FIRST]} == {
        "the least loss within --max-bops 0.4x"
    }
    assert selection.searched is not None and selection.searched.found.chosen.costs[BOPS] == total


def network() -> torch.nn.Module:
    """Two convolutions and a classifier, trained on the digits for a few seconds."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 12, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(12, 16, 3, stride=2, padding=1), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(256, 10),
    )  # fmt: skip
    images, labels = torch.from_numpy(TRAIN["image"]), torch.from_numpy(TRAIN["labels"])
    optimizer = torch.optim.Adam(model.parameters(), 0.005)
    for _ in range(12):
        for rows in torch.randperm(len(images)).split(60):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
    return model.eval()


def test_fewer_bits_are_never_more_right() -> None:
    model = network()
    example = (torch.from_numpy(TEST["image"][:1]),)
    with torch.no_grad():
        exact = model(torch.from_numpy(TEST["image"])).numpy()
    seen = []
    for scheme in ("w8", "w4", "w2"):
        artifact = dyadic.compile(
            model, TRAIN["image"][:64], example_inputs=example, isa=(LEVEL,), keep={"*": scheme}, measure=False
        )
        seen.append((accuracy(artifact), -float(np.square(answers(artifact) - exact).mean())))
    (w8, near), (w4, less), (w2, least) = seen
    assert near > less > least
    assert w8 >= w4 - 0.005 and w4 >= w2 - 0.005


def test_an_island_gains_what_two_bits_lose() -> None:
    """A layer of 2 bits without learned rounding, alone in an int8 network, against the same layer in float."""
    rules = {"without": ("search-weight-scales", "learn-rounding", "correct-biases"), "isa": (LEVEL,), "measure": False}
    keep = {"*": "a16", "conv2d": "f32", "linear": "f32"}
    exact = dyadic.compile(MODEL, CALIBRATION, isa=(LEVEL,), keep=keep, measure=False)
    narrow = dyadic.compile(MODEL, CALIBRATION, keep={FIRST: "w2a8"}, **rules)
    island = dyadic.compile(MODEL, CALIBRATION, exclude=(FIRST,), **rules)
    assert island.certificate.islands == (FIRST,) and not island.certificate.valid and narrow.certificate.valid
    best = answers(exact)
    errors = [float(np.square(answers(one) - best).mean()) for one in (island, narrow)]
    assert errors[0] < errors[1] / 20
    assert accuracy(island) >= FLOAT_ACCURACY - 0.005


def test_an_island_is_its_own_reference_where_it_stood_before_an_addition(compiled: Compile) -> None:
    """It is not taken in: it rounds, and an addition follows."""
    artifact = compiled(exclude=("/block1/conv2/conv2.0/Conv",), precision="w4a4")
    sections = artifact.emitted.sections
    module = restore(sections["qi"], np.frombuffer(sections["cpu/weights"], np.int8), new_context())
    kinds = [op.operation.name for op in module.body.operations[0].regions[0].blocks[0].operations]
    assert kinds.count("qi.float_conv2d") == 1 == kinds.count("qi.add") and kinds.count("qi.conv_add") == 1
    np.testing.assert_array_equal(
        answers(artifact)[:50], IntegerReference(module)({"image": TEST["image"][:50]})["logits"]
    )


def test_float_code_that_no_one_asked_for_is_no_artifact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program does not call a kernel an island, or no decision made one."""
    with monkeypatch.context() as patch:
        patch.setattr(code_sweep, "computes_in_float", lambda _: False)
        with pytest.raises(RuntimeError, match=f'code is NOT integer-only: .* instructions .*"{FIRST}": '):
            dyadic.compile(MODEL, CALIBRATION, isa=(LEVEL,), exclude=[FIRST])
    monkeypatch.setattr(Decisions, "islands", lambda *_: ())
    with pytest.raises(RuntimeError, match=re.escape(f"not those layers stayed float that were to: {FIRST}")):
        dyadic.compile(MODEL, CALIBRATION, isa=(LEVEL,), exclude=[FIRST])
