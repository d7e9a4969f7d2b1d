"""The largest eigenvalue of each block of the Hessian, by power iteration, times the squared rounding error.

Zhen Dong, Zhewei Yao, Amir Gholami, Michael W. Mahoney, Kurt Keutzer, "HAWQ: Hessian AWare Quantization of Neural
Networks with Mixed-Precision", 2019, arXiv:1905.03696, order layers by the top eigenvalue lambda of the loss's Hessian
with respect to their weights (over the number of weights, for widths), and by lambda * |Q(W) - W|^2 which layer to tune
first. Half of that is what the loss grows by at most, to second order:

    1/2 lambda(H_WW) |Q(W) - W|^2        1/2 E lambda(H_aa) * E |Q(a) - a|^2

Hessian-vector products are second derivatives of the part of the network behind the point. For activations, which the
paper leaves out, each sample has a block and an eigenvalue of its own. Over several chunks of samples eigenvalues are
averaged, which is never less than the eigenvalue of the average.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.errors import measure_errors, scaled
from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.perturb import Inject, run
from dyadic.compiler.sensitivity.suffix import Cut, visit
from dyadic.compiler.sensitivity.work import Estimates, Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch

ITERATIONS, TOLERANCE = 100, 1e-3
EIGENVALUE = "eigenvalue"
Blocks = list["torch.Tensor"]


def measure(work: Work) -> None:
    visit(work, work.chunks(6), draw)
    measure_errors(work)


def draw(cut: Cut) -> dict[Key, torch.Tensor]:
    """One eigenvalue for weights, one a sample for activations."""
    import torch

    work, simulation, values = cut.work, cut.work.simulation, cut.values
    inject: dict[int, Inject] = {}
    if cut.kind == "w":
        point = simulation.points.weights[cut.point]
        blocks = [simulation.weight(point).clone().requires_grad_()]
        values[point.slot] = blocks[0]
    else:
        blocks = []

        def add(_step: Step | None, _values: Values, result: torch.Tensor) -> torch.Tensor:
            blocks.append(torch.zeros_like(result).requires_grad_())
            return result + blocks[-1]

        inject = dict.fromkeys(work.places.sources[cut.point], add)
    answers = work.objective.answers(run(simulation, values, inject, cut.steps), cut.chunk.feeds)
    losses = work.objective.losses(answers, cut.target)
    loss = losses.mean() if cut.kind == "w" else losses.sum()
    gradients = torch.autograd.grad(loss, blocks, create_graph=True)

    def product(v: Blocks) -> Blocks:
        return list(torch.autograd.grad(gradients, blocks, v, retain_graph=True))

    def dot(a: Blocks, b: Blocks) -> torch.Tensor:
        if cut.kind == "w":
            return torch.stack([(x * y).sum() for x, y in zip(a, b, strict=True)]).sum()
        return torch.stack([(x * y).flatten(1).sum(1) for x, y in zip(a, b, strict=True)]).sum(0)

    generator = torch.Generator().manual_seed(work.seed)
    start = [torch.randn(block.shape, generator=generator).to(block) for block in blocks]
    return {(cut.point, EIGENVALUE, cut.kind): top(product, dot, start)}


def top(
    product: Callable[[Blocks], Blocks], dot: Callable[[Blocks, Blocks], torch.Tensor], start: Blocks
) -> torch.Tensor:
    """The largest eigenvalue. Power iteration finds the farthest from 0; a negative one is what H is moved up by."""
    import torch

    farthest = power(product, dot, start)
    if bool((farthest >= 0).all()):
        return farthest
    below = farthest.clamp(max=0)

    def moved(v: Blocks) -> Blocks:
        return [h - wide(below, x) * x for h, x in zip(product(v), v, strict=True)]

    return torch.where(farthest >= 0, farthest, power(moved, dot, start) + below)


def power(
    product: Callable[[Blocks], Blocks], dot: Callable[[Blocks, Blocks], torch.Tensor], start: Blocks
) -> torch.Tensor:
    norm = dot(start, start).sqrt()
    v = [x / wide(norm, x) for x in start]
    value = norm * 0
    for _ in range(ITERATIONS):
        h = product(v)
        before, value, norm = value, dot(v, h), dot(h, h).sqrt()
        if bool(((value - before).abs() <= TOLERANCE * value.abs()).all()):
            break
        v = [x / wide(norm.clamp(min=1e-30), x) for x in h]
    return value


def wide(number: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A number, or one a sample, to be multiplied with a tensor."""
    return number.reshape(*number.shape, *(1,) * (like.dim() - number.dim()))


def estimates(work: Work) -> Estimates:
    found = {(key[0], key[2]): m.estimate() for key, m in work.moments.items() if key[1] == EIGENVALUE}
    return scaled(work, found)


METHOD = Method(
    "hessian-top-eigenvalue", measure, estimates, cost=lambda candidates: 50.0 * len(candidates.weights), most=64
)
