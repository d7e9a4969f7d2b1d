"""Images read at constant places between their pixels: the nearest one, or four in their shares.

sampled(x)   -->   sum over the four of take(x, places) * shares
"""

from typing import Any

import numpy as np

from dyadic.passes.building import Array
from dyadic.passes.ingest import families, folded
from dyadic.passes.ingest.folded import dims_of
from dyadic.passes.ingest.translation import Result, Unsupported, literal


def sampled(x: Any, grid: Array, mode: str, padding: str, corners: bool) -> Result:
    """x [1, C, H, W] at `grid` [rows, columns, (x, y)], -1 to 1 from edge to edge, or from the middle of one corner's
    pixel to that of the other: [1, C, rows, columns]."""
    n, channels, *sizes = dims_of(x)
    rows, columns, _ = grid.shape
    places = [_pixels(grid[..., 1 - d], size, corners) for d, size in enumerate(sizes)]
    if padding != "zeros":
        places = [_inside(p, size, padding, corners) for p, size in zip(places, sizes, strict=True)]
    if mode == "nearest":
        corners_of = [(np.rint(places[0]), np.rint(places[1]), np.ones_like(places[0]))]
    elif mode == "linear":
        low = [np.floor(p) for p in places]
        share = [p - q for p, q in zip(places, low, strict=True)]
        corners_of = [
            (low[0] + i, low[1] + j, (share[0] if i else 1 - share[0]) * (share[1] if j else 1 - share[1]))
            for i in (0, 1)
            for j in (0, 1)
        ]
    else:
        raise Unsupported(f"its mode is {mode}; nearest and linear are supported")
    flat = folded.reshape(x, [n, channels, sizes[0] * sizes[1]])
    total: Result = None
    for row, column, weight in corners_of:
        there = (row >= 0) & (row < sizes[0]) & (column >= 0) & (column < sizes[1])
        at = np.clip(row, 0, sizes[0] - 1) * sizes[1] + np.clip(column, 0, sizes[1] - 1)
        shares = np.where(there, weight, 0.0).reshape(-1)
        if not shares.any():
            continue
        part = families.gather(flat, 2, at.astype(np.int64).reshape(-1))
        if (shares != 1).any():
            part = families.mul(part, literal(shares.astype(np.float32)))
        total = part if total is None else families.add(total, part)
    if total is None:
        raise Unsupported("it samples nothing of the image: all its places lie outside")
    return folded.reshape(total, [n, channels, rows, columns])


def _pixels(places: Array, size: int, corners: bool) -> Array:
    return (places + 1) / 2 * (size - 1) if corners else ((places + 1) * size - 1) / 2


def _inside(places: Array, size: int, padding: str, corners: bool) -> Array:
    """What lies outside: at the edge, or mirrored there as often as it takes."""
    if padding == "border":
        return np.clip(places, 0, size - 1)
    low, span = (0.0, size - 1.0) if corners else (-0.5, float(size))
    if span <= 0:
        return np.zeros_like(places)
    away = np.abs(places - low) % (2 * span)
    return np.clip(low + np.minimum(away, 2 * span - away), 0, size - 1)
