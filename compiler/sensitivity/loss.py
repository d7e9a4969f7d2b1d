"""How much the loss really grows where one point alone is rounded.

The empirical sensitivity that other methods approximate: Itay Hubara, Yury Nahshan, Yair Hanani, Ron Banner, Daniel
Soudry, "Improving Post Training Neural Quantization: Layer-wise Calibration and Integer Programming", 2020,
arXiv:2006.10518, chooses widths by an integer program over the loss that each layer and width alone adds.

    E [ l(f_rounded(x), y) - l(f(x), y) ]

l is the cross entropy, y the labels, or else the class that float chooses; without classes, l is the squared distance
from float's outputs. Only the part of the network behind the point is run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.objective import Objective
from dyadic.compiler.sensitivity.suffix import Cut, visit
from dyadic.compiler.sensitivity.work import Key, Work

if TYPE_CHECKING:
    import torch


def measure(work: Work) -> None:
    visit(work, work.chunks(1), draw)


def draw(cut: Cut) -> dict[Key, torch.Tensor]:
    import torch
    from torch.nn import functional

    objective = cut.work.objective
    chosen = cut.target if objective.labelled else cut.exact.argmax(1)

    def losses(answers: torch.Tensor) -> torch.Tensor:
        if not objective.classes:
            return objective.losses(answers, cut.exact)
        return functional.cross_entropy(answers, chosen, reduction="none")

    with torch.no_grad():
        return {(cut.point, choice): losses(cut.rounded(choice)) - losses(cut.exact) for choice in cut.choices}


def unit(objective: Objective) -> str:
    if objective.classes and not objective.labelled:
        return "cross entropy of float's own classes, nats"
    return objective.unit


METHOD = Method("loss", measure, Work.estimates, cost=lambda candidates: candidates.count / 2, unit=unit)
