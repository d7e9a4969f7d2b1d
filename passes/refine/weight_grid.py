"""The steps that weights of few bits are rounded to: a scale a channel, and an integer scale a group where asked for.

The largest weight of a channel need not be representable: at 4 bits and fewer, a smaller step that clips it often has
the smaller error (ACIQ, Banner et al. 2019, arXiv:1810.05723). The search minimizes the squared error, which may be
weighed: by what each input is squared on average, it is the error of the layer's result.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LARGEST_GROUP_SCALE, LARGEST_GROUPED = 18, 126  # docs/arithmetic.md: group scale times step stays inside 8 bits
CLIPS = np.linspace(0.3, 1.0, 15)  # largest representable weight, as a share of the largest weight
FINER = np.linspace(-0.04, 0.04, 9)  # then around the best of them
GROUPED_CLIPS = np.linspace(0.55, 1.0, 10)

Reals = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Grid:
    """What `qd.weight_scale`, `qd.weight_steps` and `qd.group_scales` hold; no group scales without groups."""

    scale: Reals
    steps: Steps
    group_scales: Steps | None = None

    def sizes(self, group: int) -> Reals:
        """What one step of each weight is, in the shape of the weights."""
        scale = np.broadcast_to(self.scale.reshape(-1, *(1,) * (self.steps.ndim - 1)), self.steps.shape)
        return scale if self.group_scales is None else scale * spread(self.group_scales, group, self.steps.shape[1])

    def replaced(self, other: "Grid", channels: npt.NDArray[np.bool_]) -> "Grid":
        """This one, but for some output channels that are as in `other`."""
        each = channels.reshape(-1, *(1,) * (self.steps.ndim - 1))
        group_scales = self.group_scales
        if group_scales is not None and other.group_scales is not None:
            group_scales = np.where(each, other.group_scales, group_scales)
        scale = np.where(channels, other.scale, self.scale)
        return Grid(scale, np.where(each, other.steps, self.steps), group_scales)


def largest_step(bits: int) -> int:
    """Steps lie in [-largest, largest].

    >>> [largest_step(bits) for bits in (2, 4, 8)]
    [1, 7, 127]
    """
    return (1 << (bits - 1)) - 1


def spread(group_scales: npt.NDArray[np.integer], group: int, channels: int) -> npt.NDArray[np.int64]:
    """The group scale of every weight.

    >>> spread(np.array([[3, 5]], np.int8), 2, 3).tolist()
    [[3, 3, 5]]
    """
    return np.repeat(group_scales.astype(np.int64), group, axis=1)[:, :channels]


def plain_grid(weight: Reals, bits: int, group: int = 0) -> Grid:
    """Nearest steps on the grid that just reaches the largest weight of each channel (and group)."""
    largest = np.abs(weight).max(tuple(range(1, weight.ndim)))
    base = np.where(largest > 0, largest, 1.0)
    if group:
        return _grouped(weight, base / LARGEST_GROUPED, group, np.ones((1,) * weight.ndim))[0]
    scale = _float32(base / largest_step(bits))
    return Grid(scale, _nearest(weight, _wide(scale, weight.ndim), largest_step(bits)))


def weight_grid(weight: npt.NDArray[np.floating], bits: int, group: int = 0, importance: Reals | None = None) -> Grid:
    """Nearest steps on the grid of the smallest squared error, weights `[O, I, ...]`, groups along I.

    importance: weights of the squared errors, of a shape that broadcasts to the weights'.
    """
    w = np.asarray(weight, np.float64)
    v = np.ones((1,) * w.ndim) if importance is None else importance
    top, axes = largest_step(bits), tuple(range(1, w.ndim))
    if bits >= 8:
        return plain_grid(w, bits)
    largest = np.abs(w).max(axes)
    base = np.where(largest > 0, largest, 1.0)
    if group:
        return _best_grouped(w, base / LARGEST_GROUPED, group, v)
    best, clip = np.full(len(w), np.inf), np.ones(len(w))

    def attempt(clips: Reals) -> None:
        nonlocal best, clip
        wide = _wide(base * clips / top, w.ndim)
        error = (v * (_nearest(w, wide, top) * wide - w) ** 2).sum(axes)
        better = error < best
        best, clip = np.where(better, error, best), np.where(better, clips, clip)

    for share in CLIPS:
        attempt(np.full(len(w), share))
    middle = clip
    for more in FINER:
        attempt(np.minimum(middle + more, 1.0))
    scale = _float32(base * clip / top)
    return Grid(scale, _nearest(w, _wide(scale, w.ndim), top))


def _best_grouped(w: Reals, base: Reals, group: int, v: Reals) -> Grid:
    """4 bits: the base scale of each channel with the smallest error after its groups chose theirs."""
    best, error = _grouped(w, base, group, v)
    for clip in GROUPED_CLIPS[:-1]:
        other, other_error = _grouped(w, base * clip, group, v)
        best = best.replaced(other, other_error < error)
        error = np.minimum(error, other_error)
    return best


def _grouped(w: Reals, scale: Reals, group: int, v: Reals) -> tuple[Grid, Reals]:
    """In each group the integer multiple of the channel's scale with the smallest error; and each channel's error."""
    top, scale = largest_step(4), _float32(scale)
    starts = range(0, w.shape[1], group)
    scales = np.zeros((len(w), len(starts), *w.shape[2:]), np.int8)
    steps = np.zeros(w.shape, np.int8)
    total = np.zeros(len(w))
    for i, start in enumerate(starts):
        part = w[:, start : start + group] / _wide(scale, w.ndim)
        weigh = np.broadcast_to(v, w.shape)[:, start : start + group]
        best, chosen = np.full((len(w), *w.shape[2:]), np.inf), np.ones((len(w), *w.shape[2:]), np.int64)
        for g in range(1, LARGEST_GROUP_SCALE + 1):
            error = (weigh * (g * np.clip(np.rint(part / g), -top, top) - part) ** 2).sum(1)
            better = error < best
            best, chosen = np.where(better, error, best), np.where(better, g, chosen)
        scales[:, i] = chosen
        steps[:, start : start + group] = np.clip(np.rint(part / chosen[:, None]), -top, top)
        total += best.reshape(len(w), -1).sum(1) * scale**2
    return Grid(scale, steps, scales), total


def _nearest(w: Reals, sizes: Reals, top: int) -> Steps:
    return np.clip(np.rint(w / sizes), -top, top).astype(np.int8)


def _wide(scale: Reals, rank: int) -> Reals:
    return scale.reshape(-1, *(1,) * (rank - 1))


def _float32(scale: Reals) -> Reals:
    return scale.astype(np.float32).astype(np.float64)
