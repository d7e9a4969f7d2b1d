"""The network in float with some of its tensors rounded where integerize would round them.

What sensitivities, learned rounding and the choice of widths try on; never what a figure of accuracy comes from: that
is the compiled artifact's. Weights and activations that are not named stay float, so that each can be looked at alone.
Everything is torch and differentiable but for the rounding itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.widths.points import Points, WeightPoint
from dyadic.dialects.reference import FloatReference, Step
from dyadic.dialects.tokens import tokens_of
from dyadic.passes.integerize.quantization import activation_from_range

if TYPE_CHECKING:
    import torch

Values = dict[int, "torch.Tensor"]
Watch = Callable[[Step, Values], None]


class Simulation:
    """A calibrated `qd` module, ready to run with any of its points rounded.

    Calling it does not switch gradients off.
    """

    def __init__(self, module: ir.Module, device: str = "cpu") -> None:
        self.module = module  # as it was given; the points have a copy, with other ranges
        self.points = Points(module)
        self.reference = FloatReference(self.points.module)
        self.plan = self.reference.plan
        self.tokens = tokens_of(self.points.module, self.plan)
        self.device = device
        for slot, value in self.reference.constants.items():
            self.reference.constants[slot] = value.to(device)
        self._point_at = {slot: p.name for p in self.points.activations.values() for slot in p.slots}

    def weight(self, point: WeightPoint) -> torch.Tensor:
        """The float weights."""
        return self.reference.constants[point.slot]

    def start(
        self, feeds: Mapping[str, torch.Tensor], activations: Mapping[str, int], weights: Mapping[str, torch.Tensor]
    ) -> Values:
        """The values before the first step: constants, with `weights` in the place of their points', and inputs."""
        values: Values = dict(self.reference.constants)
        for name, value in weights.items():
            values[self.points.weights[name].slot] = value
        for name, slot in self.plan.arguments.items():
            values[slot] = self.rounded(slot, feeds[name].to(self.device), activations)
        return values

    def steps(
        self,
        values: Values,
        activations: Mapping[str, int],
        steps: Iterable[Step] | None = None,
        watch: Watch | None = None,
        keep: bool = False,
    ) -> Values:
        """Run steps (all of them by default) on `values`, in place. `watch` sees the values before each step.

        Values that no later step reads are dropped, unless `keep`.
        """
        for step in self.plan.steps if steps is None else steps:
            if watch is not None:
                watch(step, values)
            values[step.output] = self.step(step, values, activations)
            if not keep:
                for slot in step.dead:
                    values.pop(slot, None)
        return values

    def step(self, step: Step, values: Values, activations: Mapping[str, int]) -> torch.Tensor:
        """The result of one step, rounded if its point is in `activations`."""
        result = self.reference.functions[step.output](*[values[slot] for slot in step.inputs])
        return self.rounded(step.output, result, activations)

    def __call__(
        self,
        feeds: Mapping[str, torch.Tensor],
        activations: Mapping[str, int] | None = None,
        weights: Mapping[str, torch.Tensor] | None = None,
        watch: Watch | None = None,
    ) -> dict[str, torch.Tensor]:
        """Outputs by name. activations: bits by point; weights: what to use instead of the float ones, by point."""
        widths = activations or {}
        values = self.steps(self.start(feeds, widths, weights or {}), widths, watch=watch)
        return {name: values[slot] for name, slot in self.plan.results.items()}

    def without_padding(self, slot: int, value: torch.Tensor, feeds: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """`value`, but 0 for what padded tokens hold, which nobody wants to know."""
        axis = None if self.tokens is None else self.tokens.axes.get(slot)
        if self.tokens is None or axis is None:
            return value
        valid = (feeds[self.tokens.mask] != 0).to(value)
        return value * valid.reshape([len(valid), *(valid.shape[1] if d == axis else 1 for d in range(1, value.ndim))])

    def rounded(self, slot: int, value: torch.Tensor, activations: Mapping[str, int]) -> torch.Tensor:
        """`value` in the steps that the point of `slot` has at its width; itself where the point stays float."""
        point = self._point_at.get(slot)
        if point is None or point not in activations:
            return value
        bits = activations[point]
        scale, zero_point, low, high = steps_of(*self.points.ranges_at(bits)[slot], bits)
        return ((value / scale).round() + zero_point).clamp(low, high).sub(zero_point).mul(scale)


def steps_of(low: float, high: float, bits: int) -> tuple[float, int, int, int]:
    """(scale, zero point, lowest, highest step) of an activation that integerize gives this range and width.

    >>> steps_of(0.0, 15.0, 4), steps_of(-64.0, 63.5, 8), steps_of(-0.5, 14.5, 4)
    ((1.0, 0, 0, 15), (0.5, 128, 0, 255), (1.0, 1, 0, 15))
    """
    kind = activation_from_range(low, high, bits)
    return kind.scale, kind.zero_point, kind.low, kind.high


def real_weights(steps: Any, scale: Any, group_scales: Any, group: int) -> Any:
    """`scale[o] * group_scale * step` in float32: NumPy arrays as `qd.weight_steps` and its companions hold them."""
    effective = np.asarray(steps, np.float64)
    if group:
        repeated = np.repeat(np.asarray(group_scales, np.float64), group, axis=1)[:, : effective.shape[1]]
        effective = effective * repeated
    places = (-1,) + (1,) * (effective.ndim - 1)
    return (effective * np.asarray(scale, np.float64).reshape(places)).astype(np.float32)
