"""The second-order growth of the loss along the rounding error itself.

Zhewei Yao, Zhen Dong, Zhangcheng Zheng, Amir Gholami, Jiali Yu, Eric Tan, Leyuan Wang, Qijing Huang, Yida Wang, Michael
W. Mahoney, Kurt Keutzer, "HAWQ-V3: Dyadic Neural Network Quantization", 2021, arXiv:2011.10680, gives each layer and
width a perturbation Omega and minimizes the sum. There it is HAWQ-V2's tr(H) / n * |Q(W) - W|^2 (see `hessian_trace`),
which takes the rounding error for a random direction. Here it is what that approximates,

    1/2 (Q(W) - W)^T H_WW (Q(W) - W)        1/2 E (Q(a) - a)^T H_aa (Q(a) - a)

H the Hessian of the loss, for each sample the second derivative along one line, by automatic differentiation of the
part of the network behind the point. Without labels, or where the network is piecewise linear, it is 1/2 dz^T A dz with
dz = J (Q(W) - W), which forward mode gives at the price of one more run (`objective.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.hessian_trace import curved
from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.perturb import run, spread
from dyadic.compiler.sensitivity.spots import Spot, at_spots, change
from dyadic.compiler.sensitivity.suffix import Cut, visit
from dyadic.compiler.sensitivity.work import Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch


def measure(work: Work) -> None:
    visit(work, work.chunks(4 if curved(work) else 1), draw)


def draw(cut: Cut) -> dict[Key, torch.Tensor]:
    along = line if curved(cut.work) else tangent
    return {(cut.point, choice): along(cut, choice) for choice in cut.choices}


def line(cut: Cut, choice: str) -> torch.Tensor:
    """1/2 d^2 loss / dt^2 at t = 0 of every sample, on the line from exact to rounded."""
    import torch

    work, t = cut.work, torch.zeros(len(cut.exact), device=cut.exact.device, requires_grad=True)

    def move(spot: Spot, step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
        if (spot.point, spot.kind) != (cut.point, cut.kind):
            return result
        return result + spread(t, result) * change(work, spot, choice, step, values, result)

    outputs = run(work.simulation, cut.values, at_spots(work, move), cut.steps)
    answers = work.objective.answers(outputs, cut.chunk.feeds)
    losses = work.objective.losses(answers, cut.target)
    (first,) = torch.autograd.grad(losses.sum(), t, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), t)
    return second / 2


def tangent(cut: Cut, choice: str) -> torch.Tensor:
    """The same where answers are straight lines, or the loss has no gradient."""
    dz = answers_along(cut, choice)
    return cut.work.objective.curvature(cut.exact, dz, dz) / 2


def answers_along(cut: Cut, choice: str) -> torch.Tensor:
    """d answers / dt at t = 0."""
    import torch
    from torch.autograd import forward_ad

    def move(spot: Spot, step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
        if (spot.point, spot.kind) != (cut.point, cut.kind):
            return result
        exact, rate = forward_ad.unpack_dual(result)
        plain = {slot: forward_ad.unpack_dual(values[slot]).primal for slot in step.inputs} if step else values
        more = change(cut.work, spot, choice, step, plain, exact)
        return forward_ad.make_dual(exact, more if rate is None else rate + more)

    with torch.no_grad(), forward_ad.dual_level():
        outputs = run(cut.work.simulation, cut.values, at_spots(cut.work, move), cut.steps)
        rate = forward_ad.unpack_dual(cut.work.objective.answers(outputs, cut.chunk.feeds)).tangent
        return torch.zeros_like(cut.exact) if rate is None else rate


METHOD = Method("perturbation", measure, Work.estimates, cost=lambda candidates: candidates.count, most=256)
