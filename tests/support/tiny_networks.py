"""Networks so small that whole Hessians fit: what the methods' tests compute everything from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch_mlir import ir

from dyadic.compiler.calibrate import calibrate
from dyadic.compiler.progress import Progress
from dyadic.compiler.sensitivity.candidates import Candidates, Roundings
from dyadic.compiler.sensitivity.objective import Objective
from dyadic.compiler.sensitivity.work import Work, choose
from dyadic.compiler.widths.simulate import Simulation
from dyadic.dialects import new_context

IMAGES = 6
RELU = '%3 = "qd.clamp"(%2) {low = 0.0 : f32, high = 0x7F800000 : f32} : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>'
SILU = '%3 = "qd.silu"(%2) : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>'


def constant(name: str, shape: tuple[int, ...], generator: np.random.Generator, size: float) -> str:
    values = (generator.standard_normal(shape) * size).astype(np.float32)
    kind = f"tensor<{'x'.join(map(str, shape))}xf32>"
    return f'%{name} = "qd.constant"() {{value = dense<"0x{values.tobytes().hex()}"> : {kind}}} : () -> {kind}'


def network(activation: str = RELU, classes: bool = True, seed: int = 0) -> Simulation:
    return simulated(text(activation, classes, seed), seed)


def simulated(text: str, seed: int = 0) -> Simulation:
    module = ir.Module.parse(text, new_context())
    with module.context:
        calibrate(module, images(32, seed), "min-max", Progress())
        return Simulation(module)


def text(activation: str = RELU, classes: bool = True, seed: int = 0) -> str:
    """conv1, activation, conv2 with a residual, linear to 3 classes; or, without classes, the images themselves."""
    g = np.random.default_rng(seed)
    end = f"""
  %8 = "qd.reshape"(%7) : (tensor<1x3x4x4xf32>) -> tensor<1x48xf32> loc("flatten")
  {constant("w3", (3, 48), g, 0.3)}
  {constant("b3", (3,), g, 0.1)}
  %9 = "qd.linear"(%8, %w3, %b3) : (tensor<1x48xf32>, tensor<3x48xf32>, tensor<3xf32>) -> tensor<1x3xf32> loc("fc")
  return %9 : tensor<1x3xf32>"""
    kind = "tensor<1x3xf32>" if classes else "tensor<1x3x4x4xf32>"
    image, weight = "tensor<1x3x4x4xf32>", "tensor<3x{}x3x3xf32>, tensor<3xf32>"
    window = (
        "{strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64}"
    )
    return f"""
func.func @main(%x: tensor<1x2x4x4xf32> {{qd.name = "x"}}) -> ({kind} {{qd.name = "y"}}) {{
  {constant("w1", (3, 2, 3, 3), g, 0.4)}
  {constant("b1", (3,), g, 0.1)}
  %2 = "qd.conv2d"(%x, %w1, %b1) {window}
    : (tensor<1x2x4x4xf32>, {weight.format(2)}) -> {image} loc("conv1")
  {activation} loc("act1")
  {constant("w2", (3, 3, 3, 3), g, 0.4)}
  {constant("b2", (3,), g, 0.1)}
  %5 = "qd.conv2d"(%3, %w2, %b2) {window} : ({image}, {weight.format(3)}) -> {image} loc("conv2")
  %6 = "qd.add"(%5, %3) : ({image}, {image}) -> {image} loc("add")
  {activation.replace("%3 =", "%7 =").replace("(%2)", "(%6)")} loc("act2")
  {end if classes else "return %7 : tensor<1x3x4x4xf32>"}
}}"""


def images(count: int = IMAGES, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + 1).standard_normal((count, 2, 4, 4)).astype(np.float32)


def labels(count: int = IMAGES, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + 2).integers(0, 3, count)


def work_of(simulation: Simulation, given: np.ndarray | None, seed: int = 0, **settings: Any) -> Work:
    """What `measure` gives to a method, all images in one chunk."""
    data = choose([{"x": images()}], None if given is None else list(given), IMAGES, ["x"])
    objective, every = Objective(simulation, given is not None), Candidates.every(simulation.points)
    return Work(simulation, objective, every, Roundings(simulation), data, seed, 1 << 30, {}, **settings)


def loss_of(
    simulation: Simulation, given: np.ndarray | None, shown: np.ndarray | None = None
) -> Callable[..., torch.Tensor]:
    """The loss of every image, as a function of what is put in the place of weights, written out once more."""
    x = torch.from_numpy(images() if shown is None else shown)
    objective = Objective(simulation, given is not None)
    exact = objective.answers(simulation({"x": x}), {"x": x}).detach()
    target = exact if given is None else torch.from_numpy(given)

    def loss(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        answers = objective.answers(simulation({"x": x}, weights=weights), {"x": x})
        if objective.labelled:
            return -answers.log_softmax(1)[torch.arange(len(x)), target]
        if objective.classes:
            p = exact.softmax(1)
            return (p * (exact.log_softmax(1) - answers.log_softmax(1))).sum(1)
        return (answers - exact).square().sum(1)

    return loss


def hessian(
    simulation: Simulation, point: str, given: np.ndarray | None, shown: np.ndarray | None = None
) -> torch.Tensor:
    """Of the mean loss with respect to one point's weights, [n, n]."""
    loss, weight = loss_of(simulation, given, shown), simulation.weight(simulation.points.weights[point])
    whole = torch.autograd.functional.hessian(lambda w: loss({point: w}).mean(), weight)
    return torch.as_tensor(whole).reshape(weight.numel(), weight.numel()).double()
