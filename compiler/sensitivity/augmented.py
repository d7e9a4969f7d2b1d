"""The second-order growth of the loss along rounding errors, with what two points cost together.

Clemens JS Schaefer, Navid Lambert-Shirzad, Xiaofan Zhang, Chiachen Chou, Tom Jablin, Jian Li, Elfie Guo, Caitlin
Stanton, Siddharth Joshi, Yu Emma Wang, "Augmenting Hessians with Inter-Layer Dependencies for Mixed-Precision
Post-Training Quantization", 2023, arXiv:2306.04879, add to layer-wise Hessians what layers do to each other; Zihao
Deng, Sayeh Sharify, Xin Wang, Michael Orshansky, "Mixed-Precision Quantization with Cross-Layer Dependencies" (CLADO),
2023, arXiv:2307.05657, write the loss of a whole plan as a quadratic form over all (layer, width):

    value_i = 1/2 d_i^T H_ii d_i        pair_ij = d_i^T H_ij d_j        d_i = Q(W_i) - W_i, or Q(a_i) - a_i

Those papers estimate the second from runs of the network; here both are exact second derivatives. With a factor t_i to
each d_i the matrix is the Hessian with respect to t: a Hessian-vector product for each (point, width) with labels; and
without labels dz_i^T A dz_j, for which each dz_i = J d_i is one run in forward mode (`perturbation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.estimates import Pair
from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.perturb import run, spread
from dyadic.compiler.sensitivity.perturbation import answers_along
from dyadic.compiler.sensitivity.spots import Spot, at_spots, change
from dyadic.compiler.sensitivity.suffix import cuts
from dyadic.compiler.sensitivity.work import Chunk, Key, Work
from dyadic.compiler.widths.simulate import Values
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch


def measure(work: Work) -> None:
    chunks = work.chunks(16 if work.objective.labelled else 1, most=16)
    work.start(len(chunks))
    for chunk in chunks:
        work.unit([chunk.index, len(chunks), work.keys()], lambda chunk=chunk: draw(work, chunk))


def draw(work: Work, chunk: Chunk) -> dict[Key, torch.Tensor]:
    keys = work.keys()
    draws: dict[Key, torch.Tensor] = {}
    for i, row in enumerate(rows(work, chunk)):  # [K, N]: every d_i^T H d_j of each sample
        draws[keys[i]] = row[i] / 2
        for j in range(i):
            if keys[j][0] != keys[i][0] or keys[j][1][0] != keys[i][1][0]:
                draws[*keys[j], *keys[i]] = row[j]
    return draws


def rows(work: Work, chunk: Chunk) -> Iterator[torch.Tensor]:
    return products(work, chunk) if work.objective.labelled else tangents(work, chunk)


def tangents(work: Work, chunk: Chunk) -> Iterator[torch.Tensor]:
    import torch

    along: dict[Key, torch.Tensor] = {}
    exact = torch.zeros(0)
    for cut in cuts(work, chunk):
        exact = cut.exact
        along |= {(cut.point, choice): answers_along(cut, choice) for choice in cut.choices}
    every = torch.stack([along[key] for key in work.keys()])
    for one in every:
        yield work.objective.curvature(exact, every, one)


def products(work: Work, chunk: Chunk) -> Iterator[torch.Tensor]:
    import torch

    keys = {key: i for i, key in enumerate(work.keys())}
    samples = len(next(iter(chunk.feeds.values())))
    t = torch.zeros(len(keys), samples, device=work.simulation.device, requires_grad=True)

    def move(spot: Spot, step: Step | None, values: Values, result: torch.Tensor) -> torch.Tensor:
        moved = result
        for choice in spot.choices:
            more = change(work, spot, choice, step, values, result)
            moved = moved + spread(t[keys[spot.point, choice]], result) * more
        return moved

    outputs = run(work.simulation, work.simulation.start(chunk.feeds, {}, {}), at_spots(work, move))
    answers = work.objective.answers(outputs, chunk.feeds)
    losses = work.objective.losses(answers, work.target(chunk, answers))
    (first,) = torch.autograd.grad(losses.sum(), t, create_graph=True)
    for i in range(len(keys)):
        (row,) = torch.autograd.grad(first[i].sum(), t, retain_graph=True)
        yield row


def pairs(work: Work) -> tuple[Pair, ...]:
    return tuple((*key, moments.mean) for key, moments in work.moments.items() if len(key) == 4)


METHOD = Method(
    "augmented", measure, Work.estimates, cost=lambda candidates: candidates.count * 3.0, pairs=pairs, most=64
)
