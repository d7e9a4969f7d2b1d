"""What a walk found for each layer: written onto the layers, and kept for the next compile."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.refine.walk import Rounded
from dyadic.compiler.report_schema import Gain
from dyadic.dialects import qd
from dyadic.passes.refine.weight_grid import Grid
from dyadic.passes.refine.weight_layers import weight_layer


@dataclass(frozen=True)
class Answer:
    """The layers that were refined, from how many images, and what could not be done."""

    layers: tuple[Rounded, ...]
    images: int
    notes: tuple[str, ...] = ()

    @property
    def gains(self) -> tuple[Gain, ...]:
        """All layers', in order."""
        return tuple(gain for one in self.layers for gain in one.gains)

    def apply(self, ops: Mapping[str, Any]) -> None:
        """Write everything onto `ops`, the layers by name."""
        for one in self.layers:
            layer = weight_layer(ops[one.layer])
            assert layer is not None
            layer.write(one.grid)
            if one.bias_shift is not None:
                layer.attributes[qd.BIAS_SHIFT] = ir.DenseF64ArrayAttr.get(one.bias_shift.tolist(), layer.op.context)

    def to_bytes(self) -> bytes:
        arrays: dict[str, Any] = {}
        said = {"images": self.images, "notes": self.notes, "layers": []}
        for i, one in enumerate(self.layers):
            said["layers"].append({"name": one.layer, "gains": [asdict(gain) for gain in one.gains]})
            parts = {"scale": one.grid.scale, "steps": one.grid.steps, "groups": one.grid.group_scales}
            parts["shift"] = one.bias_shift
            arrays |= {f"{part}{i}": array for part, array in parts.items() if array is not None}
        file = io.BytesIO()
        np.savez_compressed(file, said=np.frombuffer(json.dumps(said).encode(), np.uint8), **arrays)
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Answer:
        with np.load(io.BytesIO(data)) as file:
            said, layers = json.loads(file["said"].tobytes()), []
            for i, one in enumerate(said["layers"]):
                groups, shift = (file[f"{p}{i}"] if f"{p}{i}" in file else None for p in ("groups", "shift"))
                grid = Grid(file[f"scale{i}"], file[f"steps{i}"], groups)
                layers.append(Rounded(one["name"], grid, shift, tuple(Gain(**gain) for gain in one["gains"])))
        return Answer(tuple(layers), said["images"], tuple(said["notes"]))
