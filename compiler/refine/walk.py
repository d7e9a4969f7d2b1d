"""Round a network layer by layer: what each layer learns from is what the rounded layers before it really make.

Two copies of every value go through the network side by side, in float and rounded (as the plan says); both are dropped
where nothing reads them any more. Padded tokens go along, but no layer learns from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dyadic.compiler.calibrate import of_valid_tokens
from dyadic.compiler.refine.moments import moments
from dyadic.compiler.refine.one_layer import OneLayer
from dyadic.compiler.report_schema import Gain
from dyadic.compiler.widths.simulate import Simulation, Values
from dyadic.dialects import qd
from dyadic.dialects.reference import Step
from dyadic.passes.refine.correct_biases import correct_biases
from dyadic.passes.refine.weight_grid import Grid
from dyadic.passes.refine.weight_layers import weight_layer
from dyadic.passes.rewriting import Pass

if TYPE_CHECKING:
    import torch

PROBE = 16  # images on which the gain of each technique is measured
PIECE = 64  # images that a layer computes at a time


@dataclass(frozen=True)
class Rounded:
    """What was chosen for one layer, and what it gained."""

    layer: str
    grid: Grid
    bias_shift: npt.NDArray[np.float64] | None
    gains: tuple[Gain, ...]


class Walk:
    """`for rounded in Walk(...)`: each layer below 8 bits in order. Layers of 8 bits stay float."""

    def __init__(
        self,
        simulation: Simulation,
        feeds: Mapping[str, torch.Tensor],
        activations: Mapping[str, int],
        passes: Sequence[Pass],
    ) -> None:
        self.simulation, self.activations, self.passes = simulation, activations, passes
        self.real: Values = simulation.start(feeds, {}, {})
        self.rounded: Values = simulation.start(feeds, activations, {})
        self.grids: dict[int, Grid] = {}  # by the slot of the weights, which layers may share
        self.tokens = simulation.tokens
        self.valid_tokens = None if self.tokens is None else feeds[self.tokens.mask] != 0  # [N, tokens]

    def __iter__(self) -> Iterator[Rounded]:
        for step in self.simulation.plan.steps:
            if weight_layer(step.op) is not None:
                yield self._layer(step)
            else:
                self.real[step.output] = self._run(step, self.real, {})
                self.rounded[step.output] = self._run(step, self.rounded, self.activations)
            for slot in step.dead:
                self.real.pop(slot, None)
                self.rounded.pop(slot, None)

    def _layer(self, step: Step) -> Rounded:
        name, slot = self.simulation.points.names[step.output], step.inputs[1]
        weight = self.real[slot].numpy()
        one = OneLayer(step.op, name, weight)
        real, rounded = (self.valid(values, step.inputs[0]) for values in (self.real, self.rounded))
        if slot in self.grids:
            one.take(self.grids[slot])
        else:
            one.learn_from(moments(step.op, real, rounded, step.output))
        self.real[step.output] = self._run(step, self.real, {})
        watch = Watch(self, step)
        gains, before = [], watch.quality(one)
        for technique in self.passes:
            if technique is correct_biases:
                one.error(watch.mean_error(one).tolist())
            one.run(technique)
            after = watch.quality(one)
            gains.append(Gain(name, technique.name, before, after))
            before = after
        self.grids[slot] = one.grid
        values = dict(self.rounded) | {slot: watch.weight(one), step.inputs[2]: watch.bias(one)}
        self.rounded[step.output] = self._run(step, values, self.activations)
        return Rounded(name, one.grid, one.bias_shift(), tuple(gains))

    def valid(self, values: Values, slot: int, images: int | None = None) -> torch.Tensor:
        """What valid tokens hold of the first images; everything where nothing counts tokens."""
        value = values[slot][:images]
        axis = None if self.tokens is None else self.tokens.axes.get(slot)
        if axis is None or self.valid_tokens is None:
            return value
        return of_valid_tokens(value, axis, self.valid_tokens[:images])

    def _run(self, step: Step, values: Values, activations: Mapping[str, int]) -> torch.Tensor:
        return run(self.simulation, step, values, activations)


class Watch:
    """One layer's results with the weights and the bias that are chosen so far."""

    def __init__(self, walk: Walk, step: Step) -> None:
        self.walk, self.step = walk, step
        self.x, self.w, self.b = step.inputs
        self.wanted = walk.valid(walk.real, step.output, PROBE)
        inputs = (walk.valid(values, self.x) for values in (walk.real, walk.rounded))
        self.mean_real, self.mean_rounded = (x.mean(0, keepdim=True) for x in inputs)

    def weight(self, one: OneLayer) -> torch.Tensor:
        """The real weights that the steps stand for."""
        import torch

        grid, layer = one.grid, one.layer
        return torch.from_numpy((grid.steps * grid.sizes(layer.group)).astype(np.float32))

    def bias(self, one: OneLayer) -> torch.Tensor:
        """The bias as integerize will correct it."""
        import torch

        given, shift = self.walk.real[self.b], one.bias_shift()
        if shift is not None:
            return given + torch.from_numpy(shift).float()
        if qd.INPUT_MEAN not in self.step.op.operation.attributes:
            return given
        return given - self._mean(self.mean_real, self.weight(one)) + self._mean(self.mean_real, self.walk.real[self.w])

    def mean_error(self, one: OneLayer) -> torch.Tensor:
        """How far results are off on average where the bias stays as it is, by channel."""
        return self._mean(self.mean_rounded, self.weight(one)) - self._mean(self.mean_real, self.walk.real[self.w])

    def quality(self, one: OneLayer) -> float:
        """Signal to noise ratio in dB."""
        values: Values = {
            self.x: self.walk.valid(self.walk.rounded, self.x, PROBE), self.w: self.weight(one), self.b: self.bias(one)
        }  # fmt: skip
        got = run(self.walk.simulation, self.step, values, {})
        noise, signal = float((got - self.wanted).square().sum()), float(self.wanted.square().sum())
        return 10 * float(np.log10(max(signal, 1e-30) / max(noise, 1e-30)))

    def _mean(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The mean of each output channel: a layer is linear, so that the mean image says it, borders included."""
        zero = self.walk.real[self.b] * 0
        result = run(self.walk.simulation, self.step, {self.x: x, self.w: weight, self.b: zero}, {})
        return result.mean([d for d in range(result.ndim) if d != self.step.op.channel_axis])


def run(simulation: Simulation, step: Step, values: Values, activations: Mapping[str, int]) -> torch.Tensor:
    """`Simulation.step` over a few images at a time."""
    import torch

    moving = [slot for slot in step.inputs if slot not in simulation.plan.constants]
    pieces = []
    with torch.no_grad():
        for start in range(0, len(values[moving[0]]), PIECE):
            piece = {slot: values[slot] for slot in step.inputs}
            piece |= {slot: values[slot][start : start + PIECE] for slot in moving}
            pieces.append(simulation.step(step, piece, activations))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
