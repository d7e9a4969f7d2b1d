"""The layers that refine's passes work on, and what was decided and learned about their weights."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import constant_array
from dyadic.passes.refine.second_order import Objective
from dyadic.passes.refine.weight_grid import Grid, largest_step, plain_grid
from dyadic.passes.rewriting import defining

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WeightLayer:
    """A convolution or linear layer whose weights get fewer than 8 bits."""

    op: qd.Layer
    weight: Reals  # float weights, [O, I / groups, ...]
    bits: int
    group: int  # input channels that share a group scale; 0: none
    groups: int  # of a convolution

    @property
    def attributes(self) -> Any:
        """Of the op; reading one that is not there is a KeyError."""
        return self.op.operation.attributes

    @property
    def top(self) -> int:
        """The largest step."""
        return largest_step(self.bits)

    @property
    def target(self) -> Reals:
        """The real weights to come close to."""
        if qd.WEIGHT_TARGET not in self.attributes:
            return self.weight
        return np.array(self.attributes[qd.WEIGHT_TARGET], np.float64)

    @property
    def moments(self) -> Reals | None:
        """How the inputs vary, [groups, blocks, K, K]; None where no data went by."""
        if qd.INPUT_MOMENTS not in self.attributes:
            return None
        return np.array(self.attributes[qd.INPUT_MOMENTS], np.float64)

    def rows(self, array: npt.NDArray[Any], blocks: int, fill: float = 0.0) -> Reals:
        """What has the shape of the weights as [groups, blocks, rows, K]; `fill` follows the end of the last block."""
        flat = array.reshape(self.groups, len(array) // self.groups, -1).astype(np.float64)
        missing = -flat.shape[2] % blocks
        flat = np.pad(flat, ((0, 0), (0, 0), (0, missing)), constant_values=fill)
        return np.ascontiguousarray(flat.reshape(*flat.shape[:2], blocks, -1).swapaxes(1, 2))

    def unrows(self, rows: Reals) -> Reals:
        """`rows` back in the shape of the weights."""
        flat = rows.swapaxes(1, 2).reshape(*rows.shape[0:1], rows.shape[2], -1)
        return flat[:, :, : self.weight[0].size].reshape(self.weight.shape)

    def objective(self) -> Objective | None:
        """What a choice of steps costs; None where no data went by."""
        moments = self.moments
        return None if moments is None else Objective(moments, self.rows(self.target, moments.shape[1]), self.top)

    def grid(self) -> Grid:
        """What is written about the weights; steps that reach the largest one where nothing is."""
        if qd.WEIGHT_SCALE not in self.attributes or qd.WEIGHT_STEPS not in self.attributes:
            return plain_grid(self.target, self.bits, self.group)
        scale = np.array([float(v) for v in self.attributes[qd.WEIGHT_SCALE]])
        steps = np.array(self.attributes[qd.WEIGHT_STEPS])
        group_scales = np.array(self.attributes[qd.GROUP_SCALES]) if self.group else None
        return Grid(scale, steps, group_scales)

    def write(self, grid: Grid) -> None:
        """`qd.weight_scale`, `qd.weight_steps` and, with groups, `qd.group_scales`."""
        with self.op.operation.context:
            self.attributes[qd.WEIGHT_SCALE] = ir.DenseF64ArrayAttr.get(grid.scale.tolist())
            self.attributes[qd.WEIGHT_STEPS] = dense(grid.steps, np.int8)
            if grid.group_scales is not None:
                self.attributes[qd.GROUP_SCALES] = dense(grid.group_scales, np.int8)


def dense(array: npt.NDArray[Any], kind: type[np.generic]) -> ir.DenseElementsAttr:
    """An array as an attribute."""
    return ir.DenseElementsAttr.get(np.ascontiguousarray(array, kind))


def weight_layers(module: ir.Operation) -> Iterator[WeightLayer]:
    """Layers with constant weights of fewer than 8 bits."""
    for block in function_bodies(module):
        for op in [each.opview for each in block.operations]:
            if (layer := weight_layer(op)) is not None:
                yield layer


def weight_layer(op: Any) -> WeightLayer | None:
    """What is decided about the weights of `op`; None where there is nothing to refine."""
    attributes = op.operation.attributes
    if not isinstance(op, qd.Layer) or qd.WEIGHT_BITS not in attributes:
        return None
    bits, weight = attributes[qd.WEIGHT_BITS].value, constant_array(op.weight)
    if bits >= 8 or weight is None or qd.WEIGHT_STEPS in op.weight.owner.attributes:  # given by the model itself
        return None
    group = attributes[qd.WEIGHT_GROUP].value if qd.WEIGHT_GROUP in attributes else 0
    if group and behind_image(op):
        return None  # integerize takes its columns in another order, in which groups are others
    return WeightLayer(op, weight.astype(np.float64), bits, group, op.group_count)


def behind_image(op: Any) -> bool:
    """Whether a linear layer reads a flattened image of more than one pixel."""
    flattened = defining(op.x)
    return isinstance(op, qd.LinearOp) and isinstance(flattened, qd.ReshapeOp) and shape(flattened.x)[2:] != [1, 1]


def with_scale(grid: Grid, scale: Reals, steps: Reals) -> Grid:
    """Other scales, as float32 values, and other steps in the same groups."""
    rounded = scale.astype(np.float32).astype(np.float64)
    return replace(grid, scale=rounded, steps=np.asarray(steps, np.int8))
