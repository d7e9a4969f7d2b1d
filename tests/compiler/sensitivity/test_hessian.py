"""Methods that go by the Hessian, against whole Hessians of tiny networks."""

import numpy as np
import pytest
import torch
from support import tiny_networks as tiny

from dyadic.compiler.sensitivity import hessian_top_eigenvalue, hessian_trace, measure
from dyadic.compiler.sensitivity.candidates import Roundings
from dyadic.compiler.sensitivity.estimates import Moments

CASES = [
    pytest.param(tiny.RELU, True, False, id="relu"),
    pytest.param(tiny.RELU, True, True, id="relu-labels"),
    pytest.param(tiny.SILU, True, False, id="silu"),
    pytest.param(tiny.SILU, True, True, id="silu-labels"),
    pytest.param(tiny.SILU, False, False, id="no-classes"),
]
POINTS = ("conv1", "conv2")


@pytest.mark.parametrize(("activation", "classes", "labelled"), CASES)
def test_perturbation_is_the_quadratic_form(activation: str, classes: bool, labelled: bool) -> None:
    simulation, given = tiny.network(activation, classes), tiny.labels() if labelled else None
    found = measure("perturbation", simulation, [{"x": tiny.images()}], given, budget=tiny.IMAGES)
    roundings = Roundings(simulation)
    for point in simulation.points.weights:
        hessian = tiny.hessian(simulation, point, given)
        for scheme, estimate in found.weights[point].items():
            change = roundings.change(point, scheme).double().flatten()
            exact = float(change @ hessian @ change / 2)
            assert estimate.value == pytest.approx(max(0.0, exact), rel=1e-4, abs=1e-9), (point, scheme)


@pytest.mark.parametrize(("activation", "labelled"), [(tiny.RELU, False), (tiny.SILU, True)], ids=["relu", "silu"])
def test_perturbation_of_a_tensor_is_the_quadratic_form(activation: str, labelled: bool) -> None:
    simulation, given = tiny.network(activation), tiny.labels() if labelled else None
    found = measure("perturbation", simulation, [{"x": tiny.images()}], given, budget=tiny.IMAGES)
    exact = []
    for i in range(tiny.IMAGES):
        image = torch.from_numpy(tiny.images()[i : i + 1])
        target = simulation({"x": image})["y"].detach().softmax(1)[0] if given is None else torch.eye(3)[given[i]]

        def loss(x: torch.Tensor, target: torch.Tensor = target) -> torch.Tensor:
            return -(target * simulation({"x": x})["y"].log_softmax(1)).sum()

        hessian = torch.as_tensor(torch.autograd.functional.hessian(loss, image)).reshape(32, 32)
        change = (simulation.rounded(0, image, {"x": 4}) - image).flatten()
        exact.append(float(change @ hessian @ change / 2))
    assert found.activations["x"][4].value == pytest.approx(max(0.0, np.mean(exact)), rel=1e-3)
    half = 2.571 * np.std(exact, ddof=1) / tiny.IMAGES**0.5  # Student's t with 5 degrees of freedom
    assert found.activations["x"][4].high == pytest.approx(np.mean(exact) + half, rel=1e-3)


@pytest.mark.parametrize(("activation", "classes", "labelled"), CASES)
def test_traces_lie_in_their_intervals(activation: str, classes: bool, labelled: bool) -> None:
    """All images in every draw, so that there is one Hessian: about 95 % of the intervals hold its trace."""
    simulation, given = tiny.network(activation, classes), tiny.labels() if labelled else None
    work = tiny.work_of(simulation, given)
    (chunk,) = work.chunks(1)
    draws = [hessian_trace.draw(work, chunk, i) for i in range(400)]
    for point in POINTS:
        exact = float(tiny.hessian(simulation, point, given).trace())
        every = torch.stack([draw[point, "trace", "w"] for draw in draws]).split(8)
        held = [abs(m.mean - exact) <= m.half_width() for m in map(Moments.of, every)]
        assert np.mean(held) >= 0.86, f"{point}: {np.mean(held):.2f} of the intervals hold the trace"
        spread = 2.365 * float(torch.cat(every).std()) / 8**0.5  # Student's t with 7 degrees of freedom
        assert np.mean([m.half_width() for m in map(Moments.of, every)]) == pytest.approx(spread, rel=0.2)


def test_traces_of_tensors_lie_in_their_intervals() -> None:
    simulation = tiny.network(tiny.SILU)
    work = tiny.work_of(simulation, tiny.labels())
    (chunk,) = work.chunks(1)
    x = torch.from_numpy(tiny.images())

    def loss(images: torch.Tensor) -> torch.Tensor:
        answers = simulation({"x": images})["y"].log_softmax(1)
        return -answers[torch.arange(len(images)), torch.from_numpy(tiny.labels())].sum()

    hessian = torch.as_tensor(torch.autograd.functional.hessian(loss, x)).reshape(x.numel(), x.numel())
    every = torch.stack([hessian_trace.draw(work, chunk, i)["x", "trace", "a"] for i in range(400)]).split(8)
    exact = float(hessian.trace()) / tiny.IMAGES
    held = np.mean([abs(m.mean - exact) <= m.half_width() for m in map(Moments.of, every)])
    assert held >= 0.86, f"{held:.2f} of the intervals hold the trace"


def test_the_value_is_the_mean_eigenvalue_times_half_the_squared_error() -> None:
    simulation = tiny.network()
    images = tiny.images(64)
    found = measure("hessian-trace", simulation, [{"x": images}], budget=64)
    whole = tiny.hessian(simulation, "conv2", None, images)
    error = Roundings(simulation).change("conv2", "w2").double().square().sum()
    exact = float(whole.trace() / 81 * error / 2)
    estimate = found.weights["conv2"]["w2"]
    assert estimate.low <= exact <= estimate.high and estimate.value == pytest.approx(exact, rel=0.3)
    ratio = found.weights["conv2"]["w2"].value / found.weights["conv2"]["w8"].value
    assert ratio == pytest.approx(float(error / Roundings(simulation).change("conv2", "w8").double().square().sum()))


def test_drawing_stops_where_traces_are_known() -> None:
    """The same image again and again, and one probe direction: nothing varies but signs."""
    work = tiny.work_of(tiny.network(), None)
    work.moments = {("conv1", "trace", "w"): Moments(8, 1.0, 0.01), ("fc", "trace", "w"): Moments(8, 1e-4, 1.0)}
    assert hessian_trace.enough(work)  # fc does not matter: less than a thousandth
    work.moments["conv2", "trace", "w"] = Moments(8, 0.5, 0.1)
    assert not hessian_trace.enough(work)


@pytest.mark.parametrize(("activation", "classes", "labelled"), CASES)
def test_the_top_eigenvalue_is_the_largest(activation: str, classes: bool, labelled: bool) -> None:
    simulation, given = tiny.network(activation, classes), tiny.labels() if labelled else None
    found = measure("hessian-top-eigenvalue", simulation, [{"x": tiny.images()}], given, budget=tiny.IMAGES)
    for point in simulation.points.weights:
        largest = float(torch.linalg.eigvalsh(tiny.hessian(simulation, point, given))[-1])
        error = float(Roundings(simulation).change(point, "w4").double().square().sum())
        assert found.weights[point]["w4"].value == pytest.approx(largest * error / 2, rel=0.02), point


def test_the_top_eigenvalue_of_a_tensor_is_each_samples_own() -> None:
    simulation = tiny.network(tiny.SILU)
    found = measure("hessian-top-eigenvalue", simulation, [{"x": tiny.images()}], tiny.labels(), budget=tiny.IMAGES)
    largest, errors = [], []
    for i, label in enumerate(tiny.labels()):
        image = torch.from_numpy(tiny.images()[i : i + 1])

        def loss(x: torch.Tensor, label: int = label) -> torch.Tensor:
            return -simulation({"x": x})["y"].log_softmax(1)[0, label]

        hessian = torch.as_tensor(torch.autograd.functional.hessian(loss, image)).reshape(32, 32)
        largest.append(float(torch.linalg.eigvalsh(hessian)[-1]))
        errors.append(float((simulation.rounded(0, image, {"x": 4}) - image).square().sum()))
    exact = np.mean(largest) * np.mean(errors) / 2
    assert found.activations["x"][4].value == pytest.approx(exact, rel=0.02)


def test_power_iteration_finds_the_largest_of_an_indefinite_matrix() -> None:
    matrix = torch.diag(torch.tensor([-9.0, 4.0, 1.0, 0.0]))
    start = [torch.ones(4)]
    value = hessian_top_eigenvalue.top(lambda v: [matrix @ v[0]], lambda a, b: (a[0] * b[0]).sum(), start)
    assert float(value) == pytest.approx(4.0, rel=1e-2)
    below = hessian_top_eigenvalue.top(lambda v: [matrix @ v[0] - 10 * v[0]], lambda a, b: (a[0] * b[0]).sum(), start)
    assert float(below) == pytest.approx(-6.0, rel=1e-2)


@pytest.mark.parametrize(("activation", "classes", "labelled"), CASES)
def test_augmented_is_the_whole_quadratic_form(activation: str, classes: bool, labelled: bool) -> None:
    """Of all weights at once: the value of each, and what each two of them cost together."""
    simulation, given = tiny.network(activation, classes), tiny.labels() if labelled else None
    found = measure("augmented", simulation, [{"x": tiny.images()}], given, budget=tiny.IMAGES)
    points, roundings, loss = simulation.points.weights, Roundings(simulation), tiny.loss_of(simulation, given)
    changes = {p: roundings.change(p, "w4") for p in points}

    def along(t: torch.Tensor) -> torch.Tensor:
        moved = zip(points.items(), t, strict=True)
        return loss({p: simulation.weight(point) + each * changes[p] for (p, point), each in moved}).mean()

    hessian = torch.as_tensor(torch.autograd.functional.hessian(along, torch.zeros(len(points)))).double()
    pairs = {(a, b): value for a, s, b, t, value in found.pairs if (s, t) == ("w4", "w4")}
    names = list(points)
    for i, p in enumerate(names):
        assert found.weights[p]["w4"].value == pytest.approx(max(0.0, float(hessian[i, i] / 2)), rel=1e-3, abs=1e-8)
        for j in range(i):
            assert pairs[names[j], p] == pytest.approx(float(hessian[j, i]), rel=1e-3, abs=1e-6)
    ones, both = torch.ones(len(names), dtype=torch.float64), dict.fromkeys(names, "w4")
    below = sum(min(0.0, float(hessian[i, i] / 2)) for i in range(len(names)))
    assert found.predicted(both, {}) + below == pytest.approx(float(ones @ hessian @ ones / 2), rel=1e-2, abs=1e-6)


def test_augmented_pairs_weights_with_activations_but_no_point_with_itself() -> None:
    found = measure("augmented", tiny.network(), [{"x": tiny.images()}], budget=tiny.IMAGES)
    pairs = {(a, s[0], b, t[0]) for a, s, b, t, _ in found.pairs}
    assert ("conv1", "w", "act1", "a") in pairs
    assert ("fc", "w", "fc", "a") in pairs  # a layer's weights, and its result
    assert not any((a, s) == (b, t) for a, s, b, t in pairs)
