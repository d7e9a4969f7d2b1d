"""How far each channel of a normalized tensor reaches, and of what attention reads and makes.

`balance_norms` and `balance_attention` give channels one size by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import Plan
from dyadic.passes.prepare.balance_attention import made_by, read_by

if TYPE_CHECKING:
    import torch


class ChannelRanges:
    """The smallest and the largest value of every channel, whatever the observer says of ranges."""

    def __init__(self, plan: Plan) -> None:
        names = {step.op.out: step.name for step in plan.steps}
        self._ops: dict[str, Any] = {step.name: step.op for step in plan.steps if isinstance(step.op, qd.Norm)}
        for step in plan.steps:
            if not isinstance(step.op, qd.AttentionOp):
                continue
            for made in filter(None, map(made_by, (step.op.q, step.op.k, step.op.v))):
                self._ops[names[made.layer.out]] = made.layer
            if (reader := read_by(step.op.out)) is not None:  # where heads are side by side
                self._ops[names[reader.layer.x]] = step.op
        self._seen: dict[str, npt.NDArray[np.float64]] = {}
        self._rows: dict[str, int] = {}

    def see(self, name: str, values: torch.Tensor) -> None:
        """Add a batch of the tensor `name`."""
        if name not in self._ops:
            return
        rows = values.reshape(-1, values.shape[-1])
        bounds = np.stack([rows.amin(0).double().numpy(), rows.amax(0).double().numpy()])
        before = self._seen.get(name, bounds)
        self._rows[name] = self._rows.get(name, 0) + len(rows)
        self._seen[name] = np.stack([np.minimum(before[0], bounds[0]), np.maximum(before[1], bounds[1])])

    def ranges(self) -> dict[str, list[float]]:
        """By name, how many rows were seen, the lows of all channels, then the highs; for `write`."""
        return {name: [float(self._rows[name]), *bounds.reshape(-1).tolist()] for name, bounds in self._seen.items()}

    def write(self, ranges: Mapping[str, list[float]]) -> None:
        """`qd.channel_range` and `qd.channel_rows` onto every op whose result was seen."""
        for name, op in self._ops.items():
            if name in ranges:
                rows, *bounds = ranges[name]
                op.operation.attributes[qd.CHANNEL_RANGE] = ir.DenseF64ArrayAttr.get(bounds)
                kind = ir.IntegerType.get_signless(64)
                op.operation.attributes[qd.CHANNEL_ROWS] = ir.IntegerAttr.get(kind, int(rows))
