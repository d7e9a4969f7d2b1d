"""One layer as a module of its own, for refine's passes to work on.

In a context of its own: attributes live as long as their context, and the moments of a whole network are too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.compiler.refine.moments import Seen
from dyadic.compiler.trace import Trace, run_passes
from dyadic.dialects import new_context, qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.refine.weight_grid import Grid
from dyadic.passes.refine.weight_layers import WeightLayer, dense, weight_layers
from dyadic.passes.rewriting import Pass

Array = npt.NDArray[np.float32]


class OneLayer:
    """A copy of the layer `op` and of its width; what else it knows is written onto it here."""

    def __init__(self, op: Any, name: str, weight: Array) -> None:
        bits = op.operation.attributes[qd.WEIGHT_BITS].value
        group = op.operation.attributes[qd.WEIGHT_GROUP].value if qd.WEIGHT_GROUP in op.operation.attributes else 0
        with new_context(), ir.Location.name(name):
            self.module = ir.Module.create()
            kind = [building.tensor_type(shape(op.x))], [building.tensor_type(shape(op.out))]
            with ir.InsertionPoint(self.module.body):
                function = func.FuncOp("main", kind)
            with ir.InsertionPoint(function.add_entry_block()):
                x = function.arguments[0]
                constants = building.constant(weight), building.constant(np.zeros(len(weight), np.float32))
                func.ReturnOp([building.layer_like(op, x, *constants)])
            (self.op,) = (o for o in function.entry_block.operations if isinstance(o.opview, qd.Layer))
            self.attributes = self.op.operation.attributes
            self.attributes[qd.WEIGHT_BITS] = building.i64(bits)
            if group:
                self.attributes[qd.WEIGHT_GROUP] = building.i64(group)

    @property
    def layer(self) -> WeightLayer:
        (layer,) = weight_layers(self.module.operation)
        return layer

    @property
    def grid(self) -> Grid:
        """What is written about the weights now, or would be the plain choice."""
        return self.layer.grid()

    def learn_from(self, seen: Seen) -> None:
        """Write the data that passes learn from."""
        layer, own = self.layer, seen.both.shrunk()
        target = layer.unrows(seen.target(layer.rows(layer.weight, own.shape[1])))
        with self.module.context:
            self.attributes[qd.INPUT_MOMENTS] = dense(own, np.float32)
            self.attributes[qd.WEIGHT_TARGET] = dense(target, np.float32)

    def take(self, grid: Grid) -> None:
        """Start from `grid` instead of the plain choice."""
        self.layer.write(grid)

    def error(self, means: Sequence[float]) -> None:
        """Write how far the results are off on average."""
        self.attributes[qd.OUTPUT_ERROR] = ir.DenseF64ArrayAttr.get([float(v) for v in means], self.module.context)

    def run(self, one: Pass) -> None:
        with self.module.context:
            run_passes(self.module.operation, [one], "refine", Trace())

    def bias_shift(self) -> npt.NDArray[np.float64] | None:
        if qd.BIAS_SHIFT not in self.attributes:
            return None
        return np.array([float(v) for v in self.attributes[qd.BIAS_SHIFT]])
