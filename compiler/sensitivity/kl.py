"""How far the network's answers move where one point alone is rounded: KL(softmax f(x) || softmax f_rounded(x)).

Yaohui Cai, Zhewei Yao, Zhen Dong, Amir Gholami, Michael W. Mahoney, Kurt Keutzer, "ZeroQ: A Novel Zero Shot
Quantization Framework", 2020, arXiv:2001.00281, measure the sensitivity of a layer and width so, and add up those of
all layers for a Pareto front. It needs no labels. Without classes it is the squared distance from float's outputs. Only
the part of the network behind the point is run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyadic.compiler.sensitivity.method import Method
from dyadic.compiler.sensitivity.suffix import Cut, visit
from dyadic.compiler.sensitivity.work import Key, Work

if TYPE_CHECKING:
    import torch


def measure(work: Work) -> None:
    visit(work, work.chunks(1), draw)


def draw(cut: Cut) -> dict[Key, torch.Tensor]:
    import torch

    losses = cut.work.objective.losses
    with torch.no_grad():
        return {(cut.point, choice): losses(cut.rounded(choice), cut.exact) for choice in cut.choices}


METHOD = Method("kl", measure, Work.estimates, cost=lambda candidates: candidates.count / 2, labels=False)
