"""The simulation rounds where integers round: float where nothing is named, and as far from it as the integers are."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from support.command_line import DIGITS
from support.random_graphs import graph_with_ranges
from support.stages import calibrated
from torch_mlir import ir

from dyadic.compiler.sensitivity import Roundings
from dyadic.compiler.widths.decisions import Decisions, uniform, write
from dyadic.compiler.widths.scheme import parse
from dyadic.compiler.widths.simulate import Simulation, real_weights, steps_of
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import IntegerReference, make_plan, run_qd
from dyadic.passes import PIPELINE
from dyadic.passes.integerize.quantization import activation_from_range
from dyadic.passes.refine.weight_grid import plain_grid, weight_grid
from dyadic.passes.refine.weight_layers import weight_layers

Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def digits() -> tuple[ir.Module, Array]:
    """The example network, calibrated, and images that it was not calibrated with.

    Without means of inputs: integerize corrects biases by them, the simulation does not.
    """
    images = np.load(DIGITS / "train.npz")["image"]
    module = calibrated(DIGITS / "digits.onnx", {"image": images[:64]}).module
    for step in make_plan(module).steps:
        if qd.INPUT_MEAN in step.op.operation.attributes:
            del step.op.operation.attributes[qd.INPUT_MEAN]
    return module, images[64:192]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_rounded_is_float_in_every_bit(seed: int) -> None:
    with new_context() as context, context, torch.no_grad():
        module, samples = graph_with_ranges(seed, 9)
        wanted, got = run_qd(module, {"arg0": samples}), Simulation(module)({"arg0": samples})
    assert list(got) == list(wanted)
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def integers(module: ir.Module, decisions: Decisions, images: Array) -> Array:
    """The answers of the integer reference, weights rounded as `Roundings` rounds them."""
    simulation = Simulation(module)
    with module.context:
        other = module.operation.clone()
        write(other, simulation.points, decisions, dict.fromkeys(simulation.points.result_of, ""))
        take_ranges_of_widths(other)
        for layer in weight_layers(other):
            layer.write(weight_grid(layer.weight, layer.bits, layer.group))
        for one in PIPELINE["integerize"]:
            one.run(other)
        return IntegerReference(other)({"image": images})["logits"]


def simulated(module: ir.Module, decisions: Decisions, images: Array) -> Array:
    simulation = Simulation(module)
    roundings = Roundings(simulation)
    with torch.no_grad():
        weights = {name: roundings.weight(name, scheme) for name, scheme in decisions.weights.items()}
        return simulation({"image": torch.from_numpy(images)}, decisions.activations, weights)["logits"].numpy()


def sqnr_db(exact: Array, seen: Array) -> float:
    return 10 * float(np.log10(np.square(exact).sum() / np.square(exact - seen).sum()))


@pytest.mark.parametrize("scheme", ["w8a8", "w4a8", "w4g32a8", "w4g64a8", "w2a8", "w8a16", "w8a4", "w4a4", "mixed"])
def test_it_is_as_far_from_float_as_integers_are(digits: tuple[ir.Module, Array], scheme: str) -> None:
    """Both differ from each other, too, but by less: by how sums and biases are rounded."""
    module, images = digits
    points, random = Simulation(module).points, np.random.default_rng(0)
    if scheme == "mixed":
        weights = {n: p.with_kernel(str(random.choice(["w8", "w4", "w4g32"]))) for n, p in points.weights.items()}
        widths = {n: min(int(random.choice([4, 8, 16])), p.most) for n, p in points.activations.items()}
        decisions = Decisions(weights, widths)
    else:
        decisions = uniform(points, parse(scheme))
    with torch.no_grad():
        exact = run_qd(module, {"image": torch.from_numpy(images)})["logits"].numpy()
    whole, some = integers(module, decisions, images), simulated(module, decisions, images)
    assert abs(sqnr_db(exact, whole) - sqnr_db(exact, some)) < 1.0
    assert sqnr_db(whole, some) > sqnr_db(exact, whole) + 1.0


@pytest.mark.parametrize(
    ("low", "high", "bits", "zero_point"), [(-0.5, 14.5, 4, 1), (-2.5, 252.5, 8, 3), (-13.0, 17.0, 4, 7)]
)
def test_halves_of_a_step_are_rounded_as_integerize_rounds_them(
    low: float, high: float, bits: int, zero_point: int
) -> None:
    assert steps_of(low, high, bits)[1] == zero_point


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_steps_of_an_activation_are_those_of_integerize(bits: int) -> None:
    """On ranges whose zero lies in the middle of two steps, too, and on ranges that are hardly any."""
    random = np.random.default_rng(bits)
    top = (1 << bits) - 1
    halves = [(-low - 0.5, top - low - 0.5) for low in random.integers(0, top, 200).tolist()]
    tiny = [(-1e-31, 1e-30), (0.0, 1e-38), (-3e-20, 0.0)]
    normal = np.sort(random.normal(0, 9, (200, 2))).tolist()
    for low, high in [(0.0, 0.0), (-3.0, 0.0), (0.5, 2.0), *tiny, *halves, *normal]:
        kind = activation_from_range(low, high, bits)
        scale, *rest = steps_of(low, high, bits)
        assert (scale, *rest) == (kind.scale, kind.zero_point, kind.low, kind.high), (low, high)


def test_real_weights_are_scale_times_group_scale_times_step() -> None:
    steps, scale = np.array([[7, -3, 2], [1, 0, -7]], np.int8), np.array([0.5, 2.0])
    assert real_weights(steps, scale, None, 0).tolist() == [[3.5, -1.5, 1.0], [2.0, 0.0, -14.0]]
    groups = np.array([[3, 1], [2, 18]], np.int8)
    assert real_weights(steps, scale, groups, 2).tolist() == [[10.5, -4.5, 1.0], [4.0, 0.0, -252.0]]
    grid = plain_grid(np.random.default_rng(0).standard_normal((3, 40, 2, 2)), 4, 32)
    assert np.array_equal(
        real_weights(grid.steps, grid.scale, grid.group_scales, 32), (grid.steps * grid.sizes(32)).astype(np.float32)
    )
