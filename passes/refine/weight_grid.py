"""The steps that weights of few bits are rounded to: a scale a channel, and an integer scale a group where asked for.

The largest weight of a channel need not be representable: at 4 bits and fewer, a smaller step that clips it often has
the smaller error (ACIQ, Banner et al. 2019, arXiv:1810.05723). The search minimizes the squared error, which may be
weighed: by what each input is squared on average, it is the error of the layer's result.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LARGEST_GROUP_SCALE, LARGEST_GROUPED = 18, 126  # docs/arithmetic.md: group scale times step stays inside 8 bits
CLIPS = np.linspace(0.3, 1.0, 57)  # largest representable weight, as a share of the largest weight

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """What `qd.weight_scale`, `qd.weight_steps` and `qd.group_scales` hold; no group scales without groups."""

    scale: Reals
    steps: npt.NDArray[np.int8]
    group_scales: npt.NDArray[np.int8] | None = None


def largest_step(bits: int) -> int:
    """Steps lie in [-largest, largest].

    >>> [largest_step(bits) for bits in (2, 4, 8)]
    [1, 7, 127]
    """
    return (1 << (bits - 1)) - 1


def weight_grid(weight: npt.NDArray[np.floating], bits: int, group: int = 0, importance: Reals | None = None) -> Grid:
    """Nearest steps on the grid of the smallest squared error, weights `[O, I, ...]`, groups along I.

    importance: weights of the squared errors, of a shape that broadcasts to the weights'.
    """
    w = np.asarray(weight, np.float64)
    v = np.ones((1,) * w.ndim) if importance is None else importance
    top, axes = largest_step(bits), tuple(range(1, w.ndim))
    largest = np.abs(w).max(axes)
    if group:
        return _grouped(w, np.where(largest > 0, largest, 1.0), group, v)
    best, scale = np.full(len(w), np.inf), np.where(largest > 0, largest / top, 1.0)
    for clip in CLIPS if bits < 8 else CLIPS[-1:]:
        step = np.where(largest > 0, clip * largest / top, 1.0)
        wide = step.reshape(-1, *(1,) * (w.ndim - 1))
        error = (v * (np.clip(np.rint(w / wide), -top, top) * wide - w) ** 2).sum(axes)
        better = error < best
        best, scale = np.where(better, error, best), np.where(better, step, scale)
    scale = scale.astype(np.float32).astype(np.float64)
    wide = scale.reshape(-1, *(1,) * (w.ndim - 1))
    return Grid(scale, np.clip(np.rint(w / wide), -top, top).astype(np.int8))


def _grouped(w: Reals, largest: Reals, group: int, v: Reals) -> Grid:
    """4 bits: in each group the integer multiple of the channel's scale with the smallest error."""
    top, rest = largest_step(4), (1,) * (w.ndim - 2)
    scale = (largest / LARGEST_GROUPED).astype(np.float32).astype(np.float64)
    starts = range(0, w.shape[1], group)
    scales = np.zeros((len(w), len(starts), *w.shape[2:]), np.int8)
    steps = np.zeros(w.shape, np.int8)
    for i, start in enumerate(starts):
        part = w[:, start : start + group] / scale.reshape(-1, 1, *rest)
        weigh = np.broadcast_to(v, w.shape)[:, start : start + group]
        best, chosen = np.full((len(w), *w.shape[2:]), np.inf), np.ones((len(w), *w.shape[2:]), np.int64)
        for g in range(1, LARGEST_GROUP_SCALE + 1):
            error = (weigh * (g * np.clip(np.rint(part / g), -top, top) - part) ** 2).sum(1)
            better = error < best
            best, chosen = np.where(better, error, best), np.where(better, g, chosen)
        scales[:, i] = chosen
        steps[:, start : start + group] = np.clip(np.rint(part / chosen[:, None]), -top, top)
    return Grid(scale, steps, scales)
