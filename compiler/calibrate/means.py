"""What each layer's inputs are on average, channel by channel: integerize corrects biases by it.

Rounding the weights of a layer moves its results by `(rounded - real) * input`. On average that is a shift of each
output channel, which costs a network of depthwise convolutions most of its 8-bit accuracy; the bias takes it back for
free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import Plan

if TYPE_CHECKING:
    import torch


class InputMeans:
    """Running means of every tensor that a layer with weights reads."""

    def __init__(self, plan: Plan) -> None:
        names = {slot: name for name, slot in plan.arguments.items()} | {step.output: step.name for step in plan.steps}
        self._readers: list[tuple[Any, str, int]] = []  # (layer, name of what it reads, channel axis)
        for step in plan.steps:
            if step.inputs and step.inputs[0] in names and (axis := step.op.channel_axis) is not None:
                self._readers.append((step.op, names[step.inputs[0]], axis))
        self._wanted = {(name, axis) for _, name, axis in self._readers}
        self._axes: dict[str, list[int]] = {}
        for name, axis in sorted(self._wanted):
            self._axes.setdefault(name, []).append(axis)
        self._sums: dict[tuple[str, int], npt.NDArray[np.float64]] = {}
        self._images: dict[str, int] = {}

    def see(self, name: str, values: torch.Tensor) -> None:
        """Add a batch of the tensor `name`."""
        for axis in self._axes.get(name, ()):
            others = [d for d in range(values.ndim) if d != axis]
            total = values.mean(others).double().numpy() * len(values)
            self._sums[name, axis] = self._sums.get((name, axis), 0.0) + total
        if name in self._axes:
            self._images[name] = self._images.get(name, 0) + len(values)

    def means(self) -> dict[str, list[float]]:
        """Of every tensor that was seen, along every axis that a reader wants; keys are for `write`."""
        return {place(name, axis): (total / self._images[name]).tolist() for (name, axis), total in self._sums.items()}

    def write(self, means: Mapping[str, list[float]]) -> None:
        """`qd.input_mean` onto every layer whose input was seen."""
        for op, name, axis in self._readers:
            if (mean := means.get(place(name, axis))) is not None:
                op.operation.attributes[qd.INPUT_MEAN] = ir.DenseF64ArrayAttr.get(mean)


def place(name: str, axis: int) -> str:
    return f"{axis} {name}"
