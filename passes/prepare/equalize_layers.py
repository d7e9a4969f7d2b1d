"""Neighbouring layers share the burden of large weights.

    layer2(clamp(layer1(x), 0, inf))  -->  the same, channel i between them divided by s[i]

Channel i leaves layer1 through weights w1[i, ...] and enters layer2 through w2[:, i, ...]; with
s[i] = sqrt(max|w1[i]| / max|w2[:, i]|) both ranges become equal, as cross-layer equalization asks (DFQ, Nagel et al.
2019, arXiv:1906.04721). Chains are swept until they settle. What lies between must commute with a positive scale:
nothing, a Relu or a leaky Relu. A Relu6 does not, and DFQ's way of making it a Relu changes the network.

Truth: exact up to one float32 rounding of each weight and bias, computed in float64.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.passes.building import constant, constant_array, used_once
from dyadic.passes.channel_statistics import note_statistics, statistics_of
from dyadic.passes.rewriting import defining, module_pass

SWEEPS = 20
SETTLED = 1e-3  # no scale is further from 1
LARGEST_SCALE = 1e4

Reals = npt.NDArray[np.float64]


@dataclass
class Layer:
    """A layer's numbers on their way."""

    op: qd.Layer
    weight: Reals
    bias: Reals
    statistics: tuple[Reals, Reals] | None = None  # of what it makes

    @property
    def groups(self) -> int:
        return self.op.group_count

    def outgoing(self) -> Reals:
        """The largest weight that makes each output channel."""
        return np.abs(self.weight).reshape(len(self.weight), -1).max(1)

    def incoming(self) -> Reals:
        """The largest weight that reads each input channel."""
        outputs, inputs = self.weight.shape[:2]
        by_group = np.abs(self.weight).reshape(self.groups, outputs // self.groups, inputs, -1)
        return by_group.max((1, 3)).reshape(-1)

    def divide_outputs(self, scale: Reals) -> None:
        self.weight = self.weight / scale.reshape(-1, *(1,) * (self.weight.ndim - 1))
        self.bias = self.bias / scale
        if self.statistics is not None:
            self.statistics = self.statistics[0] / scale, self.statistics[1] / scale

    def multiply_inputs(self, scale: Reals) -> None:
        outputs = len(self.weight)
        by_output = np.repeat(scale.reshape(self.groups, -1), outputs // self.groups, 0)
        self.weight = self.weight * by_output.reshape(outputs, -1, *(1,) * (self.weight.ndim - 2))


@module_pass
def equalize_layers(module: ir.Operation) -> None:
    """Make the weights of neighbouring layers equally large: conv(relu(conv)) --> the same, its channels rescaled"""
    for block in function_bodies(module):
        layers: dict[ir.Operation, Layer] = {}
        pairs = [
            (layers.setdefault(a.operation, read(a)), layers.setdefault(b.operation, read(b)))
            for a, b in neighbours(block)
        ]
        for _ in range(SWEEPS if pairs else 0):
            if max(equalize(first, second) for first, second in pairs) < SETTLED:
                break
        for layer in layers.values():
            write(layer)


def neighbours(block: ir.Block) -> list[tuple[Any, Any]]:
    """Layers of which the second alone reads what the first makes."""
    found = []
    for each in block.operations:
        second = each.opview
        if not isinstance(second, qd.Layer):
            continue
        between = defining(second.x)
        value = between.x if commutes(between) and used_once(second.x) else second.x
        first = defining(value)
        if isinstance(first, qd.Layer) and used_once(value) and own_constants(first) and own_constants(second):
            found.append((first, second))
    return found


def commutes(op: Any) -> bool:
    """Whether f(s * x) is s * f(x) for every positive s."""
    return isinstance(op, qd.Elementwise) and op.homogeneous


def own_constants(layer: Any) -> bool:
    """Whether its weights and bias are constants that no other layer reads."""
    return all(constant_array(value) is not None and used_once(value) for value in (layer.weight, layer.bias))


def read(op: Any) -> Layer:
    weight, bias = constant_array(op.weight), constant_array(op.bias)
    assert weight is not None and bias is not None
    return Layer(op, weight.astype(np.float64), bias.astype(np.float64), statistics_of(op))


def equalize(first: Layer, second: Layer) -> float:
    """One pair; returns how far the scales were from 1. A channel without weights on a side keeps its scale."""
    out, into = first.outgoing(), second.incoming()
    alive = (out > 0) & (into > 0)
    ratio = np.where(alive, out, 1.0) / np.where(alive, into, 1.0)
    scale = np.clip(np.sqrt(ratio), 1 / LARGEST_SCALE, LARGEST_SCALE)
    first.divide_outputs(scale)
    second.multiply_inputs(scale)
    return float(np.abs(scale - 1).max(initial=0.0))


def write(layer: Layer) -> None:
    """New constants for the layer, where the old ones were."""
    if layer.statistics is not None:
        note_statistics(layer.op.out, *layer.statistics)
    for index, values in ((1, layer.weight), (2, layer.bias)):
        old = layer.op.operation.operands[index].owner
        with ir.InsertionPoint(old), old.location:
            layer.op.operation.operands[index] = constant(values)
        if not list(old.results[0].uses):
            old.erase()
