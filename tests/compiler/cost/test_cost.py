"""Times that costs come from: of every layer, in alternation, asked for once. How long anything takes is not tested."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.command_line import DIGITS
from support.stages import compiled

from dyadic.compiler import cost
from dyadic.compiler.cost import Times, measure, question
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.widths.decisions import uniform
from dyadic.compiler.widths.scheme import parse
from dyadic.runtime import in_place
from dyadic.runtime.in_place import Rounds, alternate

LEVEL = "x86-64"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "ROUNDS", 3)
    monkeypatch.setattr(cost, "SECONDS", 0.0)


@pytest.fixture(scope="module")
def variants() -> dict[str, Any]:
    """The example network with weights of 8 and of 4 bits."""
    images = np.load(DIGITS / "train.npz")["image"][:32]
    done = compiled(DIGITS / "digits.onnx", images, isa=(LEVEL,))
    points = done.selection.points
    made = {scheme: uniform(points, parse(f"{scheme}a8")) for scheme in ("w8", "w4")}
    return {scheme: done.build(one, (LEVEL,), refine=False).emitted for scheme, one in made.items()}


class Fake:
    """A session whose steps take 10 and 20 and 5 ns an image, their boundaries 1 and 2; it writes down what is done."""

    def __init__(self, name: str, done: list[str]) -> None:
        self.name, self.done, self.inputs = name, done, ()
        self.program = SimpleNamespace(timed_steps=[SimpleNamespace(layer=layer) for layer in ("conv", "fc", "conv")])

    def run(self, outputs: None, feeds: Any) -> None:
        self.done.append(f"run {self.name}")

    def profile(self, feeds: Any, iterations: int, warmup: int) -> Iterator[Any]:
        assert (iterations, warmup) == (1, 0)
        self.done.append(f"profile {self.name}")
        return iter([SimpleNamespace(median_ns=2 * ns) for ns in (1, 10, 20, 5, 2)])


def test_sessions_take_turns_and_steps_of_a_layer_count_together() -> None:
    done: list[str] = []
    rounds: list[int] = []
    sessions: Any = {name: Fake(name, done) for name in "abc"}
    measured = alternate(sessions, 2, Rounds(20, 0.0, 300), lambda: rounds.append(len(done)))
    assert rounds == [9 * (i + 1) for i in range(20)]
    orders = [[done[start + 9 * i][-1] for start in (0, 3, 6)] for i in range(20)]
    assert {tuple(sorted(order)) for order in orders} == {("a", "b", "c")} and len({tuple(o) for o in orders}) > 2
    for start in range(0, len(done), 3):
        name = done[start][-1]
        assert done[start : start + 3] == [f"run {name}", f"run {name}", f"profile {name}"]
    for times in measured.values():
        assert times.layers == {"": (3.0,) * 3, "conv": (15.0,) * 3, "fc": (20.0,) * 3} and times.sum == 38.0
        assert 0 < times.low <= times.whole <= times.high


def test_a_whole_network_is_predicted_without_the_stamps() -> None:
    times = Times({"": (10.0, 9.0, 11.0), "conv": (90.0, 80.0, 99.0)}, 80.0, 79.0, 81.0)
    assert times.predicted(100.0) == 80.0 and times.predicted(50.0) == 40.0


def test_every_layer_is_measured_and_known_the_next_time(
    variants: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(*given: Any) -> dict[str, Times]:
        calls.append(1)
        return alternate(*given)

    monkeypatch.setattr(in_place, "alternate", counted)
    cache, rounds = Cache(tmp_path), iter(range(1000))
    first = measure(variants, LEVEL, 1, 1, cache, lambda: next(rounds))
    assert next(rounds) == 3 and list(first) == ["w8", "w4"]
    for name, times in first.items():
        assert set(times.layers) == {"", *(step.layer for step in variants[name].program.steps)}
        assert all(0 < low <= median <= high for median, low, high in times.layers.values())
        assert 0 < times.low <= times.whole <= times.high
    again = measure(variants, LEVEL, 1, 1, cache, lambda: pytest.fail("it is known"))
    assert json.dumps({n: asdict(t) for n, t in again.items()}) == json.dumps({n: asdict(t) for n, t in first.items()})
    assert first["w8"].share == 1.0 and first["w4"].share > 0
    assert {n: t.sum for n, t in again.items()} == {n: t.sum for n, t in first.items()} and len(calls) == 1
    measure(variants, LEVEL, 1, 2, cache, lambda: None)
    measure(dict(list(variants.items())[:1]), LEVEL, 1, 1, cache, lambda: None)
    assert len(calls) == 3


def test_the_question_is_another_one_with_other_code_or_another_program(variants: dict[str, Any]) -> None:
    asked = question(variants, LEVEL, 1, 1)
    assert asked == question(dict(variants), LEVEL, 1, 1)
    assert asked["variants"]["w8"] != asked["variants"]["w4"]  # pyright: ignore[reportIndexIssue]
    one = variants["w8"]
    image = one.images[LEVEL]
    code = replace(one, images={LEVEL: replace(image, code=image.code[:-1] + bytes([image.code[-1] ^ 1]))})
    program = replace(one, program=replace(one.program, steps=one.program.steps[:-1]))
    others = [
        question(variants | {"w8": code}, LEVEL, 1, 1),
        question(variants | {"w8": program}, LEVEL, 1, 1),
        question(variants, LEVEL, 2, 1),
        question(variants, LEVEL, 1, 2),
        question({"w8": one}, LEVEL, 1, 1),
    ]
    assert all(other != asked for other in others)
