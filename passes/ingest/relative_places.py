"""Entries of rows by how far a column is from a row: the relative positions of scores.

    out[..., i, j] = x[..., i, f(j - i)]

Rows that hold f of every distance lie one number further in each row: the result is a slice of them, where a table
would have a place for each number of it (DeBERTa has two in every layer).
"""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest.folded import dims_of, each
from dyadic.passes.ingest.translation import Folded, Literal, Result


def relative(x: Any, index: Array) -> Result | None:
    """Entries `index` along the last dimension, [..., M, N] of [..., M, L]; None where it is no function of j - i."""
    dims = dims_of(x)
    if isinstance(x, Literal) or len(dims) + isinstance(x, Folded) < 3 or list(index.shape[:-1]) != dims[:-1]:
        return None
    places = by_distance(index)
    if places is None:
        return None
    rows, columns = index.shape[-2:]
    return each(x, lambda value: shifted(building.take(value, len(shape(value)) - 1, places), rows, columns))


def by_distance(index: Array) -> list[int] | None:
    """The entries for j - i = 1 - M, ..., N - 1, where every [M, N] of `index` reads by j - i alone."""
    rows, columns = index.shape[-2:]
    first = index.reshape(-1, rows, columns)[0]
    places = np.concatenate([first[::-1, 0], first[0, 1:]])
    distances = np.arange(columns) - np.arange(rows)[:, None] + rows - 1
    return [int(place) for place in places] if (index == places[distances]).all() else None


def shifted(value: ir.Value, rows: int, columns: int) -> ir.Value:
    """`out[..., i, j] = value[..., i, rows - 1 - i + j]` of rows of `rows + columns - 1` numbers."""
    *leading, _, width = shape(value)
    flat = building.reshape(value, [*leading, rows * width])
    none = [0] * len(leading)
    flat = building.slice_(flat, [*none, rows - 1], [1] * (len(leading) + 1), [*leading, rows * (width - 1)])
    lines = building.reshape(flat, [*leading, rows, width - 1])
    return building.slice_(lines, [*none, 0, 0], [1] * (len(leading) + 2), [*leading, rows, columns])
