"""The Fisher information of the model's own answers along the rounding error, for all points at once.

Ben Zandonati, Adrian Alan Pol, Maurizio Pierini, Olya Sirkin, Tal Kopetz, "FIT: A Metric for Model Sensitivity", 2022,
arXiv:2210.08502, rank by the Fisher information's trace times the mean squared rounding error, of weights and of
activations. Here the whole form is taken, not its trace:

    1/2 (Q(W) - W)^T F (Q(W) - W) = 1/2 E_x E_y~softmax f(x) [ (dl(f(x), y)/dW . (Q(W) - W))^2 ]

It is to second order the KL divergence that rounding causes (`perturbation` without labels). For a layer the inner
product is `dl/dr . layer(x, Q(W) - W)` with r the layer's result, sample by sample, so that one gradient with respect
to results serves every width of every point. Up to 16 classes are enumerated, of more a few are drawn. Without classes
the loss is the squared error, and random signs of the outputs are drawn (`objective.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.perturb import run
from dyadic.compiler.sensitivity.spots import Spot, at_spots, change
from dyadic.compiler.sensitivity.work import Chunk, Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch

ENUMERATED, DRAWS = 16, 8


def measure(work: Work) -> None:
    chunks = work.chunks(8)
    work.start(len(chunks))
    for chunk in chunks:
        work.unit([chunk.index, len(chunks), work.keys()], lambda chunk=chunk: draw(work, chunk))


def draw(work: Work, chunk: Chunk) -> dict[Key, torch.Tensor]:
    import torch

    tensors: dict[int, torch.Tensor] = {}
    changes: list[tuple[Key, int, torch.Tensor]] = []

    def see(spot: Spot, step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            for choice in spot.choices:
                moved = change(work, spot, choice, step, values, result)
                changes.append(((spot.point, choice), spot.slot, moved))
        tensors[spot.slot] = result if result.requires_grad else result.detach().requires_grad_()
        return tensors[spot.slot]

    inject = at_spots(work, see)
    outputs = run(work.simulation, work.simulation.start(chunk.feeds, {}, {}), inject)
    answers = work.objective.answers(outputs, chunk.feeds)
    sums = {key: torch.zeros(len(answers), dtype=torch.float64, device=answers.device) for key in work.keys()}
    for toward, weight in directions(work, answers.detach(), chunk.index):
        gradients = torch.autograd.grad(answers, list(tensors.values()), toward, retain_graph=True, allow_unused=True)
        by_slot = dict(zip(tensors, gradients, strict=True))
        inner: dict[Key, torch.Tensor] = {}
        for key, slot, moved in changes:
            gradient = by_slot[slot]
            if gradient is not None:
                dot = (gradient * moved).flatten(1).sum(1, dtype=torch.float64)
                inner[key] = inner[key] + dot if key in inner else dot
        for key, dot in inner.items():
            sums[key] += weight * dot.square() / 2
    return sums


def directions(work: Work, answers: torch.Tensor, index: int) -> Iterator[tuple[torch.Tensor, torch.Tensor | float]]:
    """(the gradient of l at the answers, its weight for each sample), whose sum of outer products is A on average."""
    import torch

    generator = torch.Generator().manual_seed(work.seed * 1_000_003 + index)
    p = answers.softmax(1)
    if not work.objective.classes:
        for _ in range(DRAWS):
            signs = torch.randint(0, 2, answers.shape, generator=generator) * 2 - 1
            yield work.objective.root(answers, signs.to(answers)), 1 / DRAWS
    elif work.objective.classes <= ENUMERATED:
        for label in range(work.objective.classes):
            yield torch.eye(len(p[0]), device=p.device, dtype=p.dtype)[label] - p, p[:, label]
    else:
        drawn = torch.multinomial(p.cpu(), DRAWS, True, generator=generator).to(p.device)
        for labels in drawn.T:
            yield torch.nn.functional.one_hot(labels, len(p[0])) - p, 1 / DRAWS


METHOD = Method("fisher", measure, Work.estimates, cost=lambda candidates: 24.0, labels=False, most=256)
