"""A kernel launch while it is being put together, and how it becomes `qi.launch`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects.launch import LaunchOp
from dyadic.dialects.tensor_types import storage
from dyadic.passes.lower.launches.registry import Registry
from dyadic.passes.lower.memory.views import CONSTANT, View, layout_of
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.fixedpoint import planes
from dyadic.runtime.layout import Layout

Place = tuple[int, int]  # buffer, byte offset inside the first image


def no_bytes() -> npt.NDArray[np.int8]:
    """The data of a kernel that has none: an empty array of bytes."""
    return np.zeros(0, np.int8)


def no_params() -> npt.NDArray[np.int32]:
    """The parameters of a kernel that has none."""
    return np.zeros(0, np.int32)


@dataclass
class Launch:
    """Fields as `qi.launch` has them; `spec` has a property `units`, the tiles of one image, where threads share those
    of a processor, else `items`, which a grid is made of."""

    spec: Any
    out: Place
    inputs: Sequence[Place]
    weights: npt.NDArray[np.int8] = field(default_factory=no_bytes)
    params: npt.NDArray[np.int32] = field(default_factory=no_params)
    constant: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    macs: int = 0
    overlap: bool = False

    @property
    def tiles(self) -> int:
        """How many pieces of the result are made, of one image."""
        return self.spec.units if hasattr(self.spec, "units") else self.spec.items

    def build(self, op: Any, registry: Registry) -> LaunchOp:
        """The `qi.launch` for `op`, at the current insertion point; the registry knows the spec's family."""
        i64 = ir.IntegerType.get_signless(64)
        with op.location:
            return LaunchOp(
                layer=ir.StringAttr.get(layer_name(op)),
                op=ir.StringAttr.get(op.operation.name),
                kernel=ir.StringAttr.get(registry.symbol_of(self.spec)),
                spec=registry.to_attribute(self.spec),
                out=ir.DenseI64ArrayAttr.get(list(self.out)),
                inputs=ir.DenseI64ArrayAttr.get([n for place in self.inputs for n in place]),
                weights=_data(self.weights),
                params=_data(self.params),
                constant=_data(self.constant.view(np.int8)),
                tiles=ir.IntegerAttr.get(i64, self.tiles),
                macs=ir.IntegerAttr.get(i64, self.macs),
                overlap=ir.BoolAttr.get(self.overlap),
            )


def _data(array: npt.NDArray[Any]) -> ir.Attribute:
    """A dense attribute; `unit` for no data, since there is no empty one."""
    return ir.DenseElementsAttr.get(np.ascontiguousarray(array)) if array.size else ir.UnitAttr.get()


def place(layout: View | Layout, extra: int = 0) -> Place:
    """Where a tensor begins, some bytes further on: [buffer, byte offset]."""
    return layout.buffer, layout.offset + extra


def constant_bytes(value: ir.Value) -> npt.NDArray[np.uint8]:
    """The bytes of a `qi.constant` activation, none for anything else. A launch has at most one such input."""
    op = defining(value)
    if layout_of(value).buffer != CONSTANT:
        return np.zeros(0, np.uint8)
    return np.concatenate([plane.reshape(-1) for plane in planes(op.evaluate())])


def plane_values(value: ir.Value, number: int) -> list[int]:
    """The byte of each plane of `value`'s that stands for `number`."""
    return [int(plane[0]) for plane in planes(np.array([number], storage(value)))]
