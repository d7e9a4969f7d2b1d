"""Any function of one byte: a table of 256."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.units import units_of


@dataclass(frozen=True)
class TableSpec:
    """`out = table[x]`; strides in bytes. The 256 entries are the kernel's weights."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    in_column: int
    in_row: int
    in_image: int
    out_column: int
    out_row: int
    out_image: int

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def pack_table(table: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
    """256 results as the weights of the kernel."""
    return np.ascontiguousarray(table).astype(np.uint8).view(np.int8)
