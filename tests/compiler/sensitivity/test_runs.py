"""A run of a method: which samples it sees, what an interruption leaves, what a deadline does, what is said."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from support import tiny_networks as tiny

from dyadic.compiler import sensitivity
from dyadic.compiler.calibrate.data import Input, Samples
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Events
from dyadic.compiler.sensitivity import METHODS, Candidates, Sensitivities, default_budget, measure
from dyadic.compiler.sensitivity.estimates import Moments
from dyadic.compiler.sensitivity.work import Work, choose
from dyadic.runtime.errors import UsageError

SMALL = 10_000  # bytes: a few images a chunk


class Interrupted(Exception):
    pass


def interrupt_after(units: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done, unit = 0, Work.unit

    def counted(self, *given, **named) -> None:
        nonlocal done
        if done == units:
            raise Interrupted
        done += 1
        unit(self, *given, **named)

    monkeypatch.setattr(Work, "unit", counted)


def same(a: Sensitivities, b: Sensitivities) -> bool:
    return a.weights == b.weights and a.activations == b.activations and a.pairs == b.pairs


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation, feeds = tiny.network(), [{"x": tiny.images(16)}]
    whole = measure(method, simulation, feeds, tiny.labels(16), budget=16, memory=SMALL)
    cache = Cache(tmp_path)
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(Interrupted):
            measure(method, simulation, feeds, tiny.labels(16), budget=16, memory=SMALL, cache=cache)
    resumed = measure(method, simulation, feeds, tiny.labels(16), budget=16, memory=SMALL, cache=cache)
    assert same(resumed, whole)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_known_is_not_computed_again(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation, feeds, cache = tiny.network(), [{"x": tiny.images(16)}], Cache(tmp_path)
    first = measure(method, simulation, feeds, budget=16, cache=cache)
    again = measure(method, simulation, feeds, budget=16, cache=cache, deadline=time.monotonic() - 1)
    assert same(first, again) and not again.substituted  # nothing new was begun: the deadline has passed
    other = measure(method, simulation, [{"x": tiny.images(16, seed=5)}], budget=16, cache=cache)
    assert not same(first, other)


def test_chunks_make_no_difference_but_to_memory() -> None:
    simulation, feeds = tiny.network(), [{"x": tiny.images(16)}]
    for method in ("sqnr", "kl", "fisher", "perturbation", "augmented"):
        big = measure(method, simulation, feeds, budget=16)
        small = measure(method, simulation, feeds, budget=16, memory=SMALL)
        for point in big.weights:
            estimate = big.weights[point]["w4"]
            assert small.weights[point]["w4"].value == pytest.approx(estimate.value, rel=1e-4, abs=1e-9)
            assert small.weights[point]["w4"].high == pytest.approx(estimate.high, rel=1e-4, abs=1e-9)


def test_past_the_deadline_sqnr_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation, feeds = tiny.network(), [{"x": tiny.images(8)}]
    whole = measure("kl", simulation, feeds, budget=8)
    unit, done = Work.unit, 0

    def late(self: Work, *given, **named) -> None:
        nonlocal done
        done += 1
        if done > 3 and self.deadline is not None:
            self.deadline = time.monotonic() - 1
        unit(self, *given, **named)

    monkeypatch.setattr(Work, "unit", late)
    found = measure("kl", simulation, feeds, budget=8, deadline=time.monotonic() + 1000)
    assert {point for point, _ in found.substituted} == {"conv2", "act2", "fc"}
    assert found.weights["conv1"] == whole.weights["conv1"] and ("fc", "w4") in found.substituted
    local = measure("sqnr", simulation, feeds, budget=8)
    ratios = found.weights["fc"]["w4"].value / local.weights["fc"]["w4"].value
    assert ratios == pytest.approx(found.weights["fc"]["w2"].value / local.weights["fc"]["w2"].value)
    assert ratios != pytest.approx(1.0) and found.unit == whole.unit
    assert "time was up before" in found.notes[0] and "sqnr stands in" in found.notes[0]


def test_without_any_time_all_is_sqnr() -> None:
    simulation, feeds = tiny.network(), [{"x": tiny.images(8)}]
    found = measure("hessian-trace", simulation, feeds, budget=8, deadline=time.monotonic() - 1)
    local = measure("sqnr", simulation, feeds, budget=8)
    assert found.weights == local.weights and found.unit == local.unit


def test_samples_are_spread_over_what_there_is() -> None:
    x = np.arange(10, dtype=np.float32).reshape(10, 1)
    samples = Samples({"x": x, "labels": np.arange(10)}, [Input("x", (1,))], labels=True)
    data = choose(samples, None, 5, ["x"])
    assert data.feeds["x"].flatten().tolist() == [0, 2, 4, 6, 8]
    assert data.labels is not None and data.labels.tolist() == [0, 2, 4, 6, 8]
    pieces = [{"x": x[i : i + 3]} for i in range(0, 10, 3)]
    data = choose(pieces, list(range(10)), 5, ["x"])  # how many there are is not known
    assert data.labels is not None and data.labels.tolist() == data.feeds["x"].flatten().tolist() == [0, 1, 2, 3, 4]
    assert choose(pieces, None, 50, ["x"]).count == 10


def test_labels_come_from_the_batches_too() -> None:
    simulation, labels = tiny.network(tiny.SILU), tiny.labels()
    given = measure("loss", simulation, [{"x": tiny.images()}], labels, budget=6)
    held = measure("loss", simulation, [{"x": tiny.images(), "labels": labels}], budget=6)
    assert same(given, held) and given.unit == "cross entropy of the labels, nats"
    assert "float's own" in measure("loss", simulation, [{"x": tiny.images()}], budget=6).unit


def test_what_was_found_survives_json() -> None:
    found = measure("augmented", tiny.network(), [{"x": tiny.images()}], budget=6)
    assert found.pairs
    assert Sensitivities.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_progress_ends_at_its_total(capsys: pytest.CaptureFixture[str]) -> None:
    for method in METHODS:
        measure(method, tiny.network(), [{"x": tiny.images(16)}], None, None, Events(), budget=16)
        last = json.loads(capsys.readouterr().err.splitlines()[-1])
        assert last["event"] == "end" and last["stage"] == method and last["done"] == last["total"] > 0


def test_the_default_budget_follows_from_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = tiny.network()
    every = Candidates.every(simulation.points)
    assert {default_budget(name, simulation, every) for name in METHODS} == {one.most for one in METHODS.values()}
    monkeypatch.setattr(sensitivity, "WORK", 1.0)
    assert {default_budget(name, simulation, every) for name in METHODS} == {one.least for one in METHODS.values()}
    monkeypatch.setattr(sensitivity, "MEMORY", 3 * 4 * tiny.images(1)[0].size)
    assert {default_budget(name, simulation, every) for name in METHODS} == {3}, "so many samples fit into memory"


def test_only_candidates_are_measured() -> None:
    simulation = tiny.network()
    candidates = Candidates({"conv2": ("w4",)}, {"act1": (8,)})
    for method in METHODS:
        found = measure(method, simulation, [{"x": tiny.images(16)}], None, candidates, budget=16)
        assert {p: list(s) for p, s in found.weights.items()} == {"conv2": ["w4"]}, method
        assert {p: list(s) for p, s in found.activations.items()} == {"act1": [8]}, method


def test_methods_that_there_are_not_are_refused() -> None:
    with pytest.raises(UsageError, match="'hessian' is no sensitivity method; there are hessian-top-eigenvalue, "):
        measure("hessian", tiny.network(), [{"x": tiny.images()}])


def test_moments_merge_to_those_of_all() -> None:
    import torch

    draws = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 3
    merged = Moments.of(draws[:7]).merged(Moments.of(draws[7:]))
    assert merged.count == 50 and merged.mean == pytest.approx(float(draws.mean()))
    assert merged.squares == pytest.approx(float((draws - draws.mean()).square().sum()))
    assert merged.half_width() == pytest.approx(2.0096 * float(draws.std()) / 50**0.5, rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_stay_float_cost_nothing(method: str) -> None:
    """And what is said of the others is as if they were not there."""
    simulation, feeds = tiny.network(), [{"x": tiny.images(16)}]
    every = Candidates.every(simulation.points)
    first, *others = every.weights
    schemes = {name: every.weights[name] for name in others}
    found = measure(
        method, simulation, feeds, tiny.labels(16), Candidates({first: ("f32",), **schemes}, every.activations)
    )
    (estimate,) = found.weights[first].values()
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)
    left = measure(method, simulation, feeds, tiny.labels(16), Candidates(schemes, every.activations))
    assert {name: found.weights[name] for name in others} == left.weights and found.activations == left.activations
