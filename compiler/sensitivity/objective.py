"""The loss that rounding is said to increase, as a function of what the network answers.

* A classifier (one output [N, classes]) with labels: cross entropy.
* Without labels: how far its answers move, KL(float's answers || answers). At the float network its gradient is 0, and
  its Hessian is J^T A J with A = diag(p) - p p^T and J the Jacobian of the logits: the Fisher information of the
  model's own answers, without any second derivative of the network.
* Anything else: the squared error of the outputs, each output's own mean, summed; A = 2.

Answers are one matrix [N, M], so that the rest need not know which of these it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dyadic.compiler.widths.simulate import Simulation
from dyadic.dialects.tensor_types import shape

if TYPE_CHECKING:
    import torch


class Objective:
    """`labelled`: labels are there, and the network has classes to compare them with."""

    def __init__(self, simulation: Simulation, labels: bool) -> None:
        self.simulation, results = simulation, list(simulation.plan.results.values())
        last = {step.output: step.op for step in simulation.plan.steps}.get(results[0])
        self.classes = 0
        if len(results) == 1 and last is not None and not last.bounded and len(shape(last.out)) == 2:
            self.classes = shape(last.out)[1] if shape(last.out)[1] > 1 else 0
        self.labelled = labels and bool(self.classes)

    @property
    def unit(self) -> str:
        if self.labelled:
            return "cross entropy of the labels, nats"
        if self.classes:
            return "KL divergence from float's answers, nats"
        return "mean squared error of the outputs"

    def answers(self, outputs: Mapping[str, torch.Tensor], feeds: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """[N, M] in float64: logits, or all outputs, so scaled that a sum of squares is the loss.

        feeds: what was asked; outputs of padded tokens do not count.
        """
        import torch

        if self.classes:
            return next(iter(outputs.values())).double()
        slots = self.simulation.plan.results
        counted = [self.simulation.without_padding(slots[name], value, feeds) for name, value in outputs.items()]
        flat = [value.reshape(len(value), -1).double() for value in counted]
        return torch.cat([value / value.shape[1] ** 0.5 for value in flat], 1)

    def losses(self, answers: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """One for each sample. target: labels [N], or float's answers [N, M]."""
        from torch.nn import functional

        if self.labelled:
            return functional.cross_entropy(answers, target, reduction="none")
        if self.classes:
            exact = target.log_softmax(1)
            return (exact.exp() * (exact - answers.log_softmax(1))).sum(1)
        return (answers - target).square().sum(1)

    def curvature(self, answers: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """a^T A b for each sample: the second derivative of the loss along two changes [..., N, M] of the answers."""
        if not self.classes:
            return 2 * (a * b).sum(-1)
        p = answers.softmax(1)
        return (p * a * b).sum(-1) - (p * a).sum(-1) * (p * b).sum(-1)

    def root(self, answers: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
        """R s with R R^T = A, for each sample."""
        if not self.classes:
            return 2**0.5 * signs
        p = answers.softmax(1)
        r = p.sqrt()
        return r * signs - p * (r * signs).sum(1, keepdim=True)
