"""Runs that put a change into the network: where it enters, and what the answers make of it.

A change of weights by D changes the result of each layer that reads them by `layer(x, D)`, a change of an activation
point changes the tensors in which the point is rounded first; what moves and concats make of those is rounded already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from dyadic.compiler.widths.simulate import Simulation, Values
from dyadic.dialects import qd
from dyadic.dialects.reference import Step

if TYPE_CHECKING:
    import torch

# The result of a step (or an argument), before it is used: what to use instead.
Inject = Callable[["Step | None", Values, "torch.Tensor"], "torch.Tensor"]


class Places:
    """Where points enter the plan: `first` is the index of the first step that a change of a point changes."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        steps, points = simulation.plan.steps, simulation.points
        index = {step.output: i for i, step in enumerate(steps)}
        self.straight = straight(simulation)
        self.layers: dict[str, tuple[Step, ...]] = {
            p.name: tuple(s for s in steps if isinstance(s.op, qd.Layer) and s.inputs[1] == p.slot)
            for p in points.weights.values()
        }
        self.sources: dict[str, tuple[int, ...]] = {
            p.name: tuple(s for s in p.slots if s not in index or not set(steps[index[s]].inputs) & set(p.slots))
            for p in points.activations.values()
        }
        self.first_weights = {p: min(index[step.output] for step in s) for p, s in self.layers.items()}
        self.first_activations = {p: min(index.get(s, 0) for s in slots) for p, slots in self.sources.items()}

    def layer(self, step: Step, values: Values, weight: torch.Tensor) -> torch.Tensor:
        """What a layer would answer with these weights and no bias."""
        x, _, bias = (values[slot] for slot in step.inputs)
        return self.simulation.reference.functions[step.output](x, weight, bias.new_zeros(bias.shape))

    def error(self, slot: int, value: torch.Tensor, point: str, bits: int) -> torch.Tensor:
        """Rounded minus exact."""
        return self.simulation.rounded(slot, value, {point: bits}) - value


def straight(simulation: Simulation) -> bool:
    """Whether answers are piecewise linear in the weights of any one layer, and in any one tensor.

    Then the diagonal blocks of the loss's Hessian are J^T A J with labels, too: the second derivative of the answers,
    which labels would weigh, is 0.
    """
    shared = any(len(point.layers) > 1 for point in simulation.points.weights.values())
    constants = simulation.plan.constants
    products = [s for s in simulation.plan.steps if isinstance(s.op, qd.MulOp) and not set(s.inputs) & set(constants)]
    return not shared and not products and all(s.op.piecewise_linear for s in simulation.plan.steps)


def run(
    simulation: Simulation, values: Values, inject: Mapping[int, Inject], steps: Iterable[Step] | None = None
) -> dict[str, torch.Tensor]:
    """Outputs by name; `values`, in place, hold whatever the first of `steps` reads. `inject` is by slot."""
    for slot in simulation.plan.arguments.values():
        if slot in inject and slot in values:
            values[slot] = inject[slot](None, values, values[slot])
    for step in simulation.plan.steps if steps is None else steps:
        result = simulation.step(step, values, {})
        if step.output in inject:
            result = inject[step.output](step, values, result)
        values[step.output] = result
        for slot in step.dead:
            values.pop(slot, None)
    return {name: values[slot] for name, slot in simulation.plan.results.items()}


def spread(t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """One number a sample, to be multiplied with a tensor of samples."""
    return t.reshape(-1, *(1,) * (like.dim() - 1))
