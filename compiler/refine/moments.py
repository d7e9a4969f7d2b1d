"""What a layer's inputs say about how to round its weights: second moments, and the weights that would serve best.

A *row* is what one output pixel reads. Of many images, a random choice of pixels says as much as all of them; it is the
same in float and with everything before the layer rounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape

if TYPE_CHECKING:
    import torch

ROWS = 8192  # pixels that are looked at in each half of the samples
PIECE_BYTES = 64 << 20
LARGEST_BLOCK = 2304  # inputs of a row whose correlations are known; longer rows are cut
JUDGES = 64  # at most so many rows of weights, evenly spread, choose the ridge for all
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)  # of the mean moment: how much directions that were hardly seen keep their weights

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """`own` [groups, blocks, K, K] of inputs as they are, `cross` of the float inputs with those; means taken out."""

    own: Reals
    cross: Reals
    rows: int

    def shrunk(self) -> Reals:
        """`own`, its correlations trusted as far as there are more rows than unknowns.

        From fewer, rounding would learn to hide its errors where the samples at hand happen not to look.
        """
        size = self.own.shape[-1]
        trust = self.rows / (self.rows + size)
        return self.own * (trust + (1 - trust) * np.eye(size))

    def target(self, rows: Reals, ridge: float) -> Reals | None:
        """The rows of weights that, on the inputs as they are, come closest to what `rows` make of the float ones.

        `w C H^-1`, drawn to `w` by the ridge; None where H is too inexact to be inverted with a ridge that small.
        """
        import torch  # whose solvers use every core

        mean = np.einsum("gbii->gb", self.own)[..., None] / self.own.shape[-1]
        more, own = np.where(mean > 0, ridge * mean, 1.0), self.own.copy()
        np.einsum("gbii->gbi", own)[...] += more
        factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(own))
        if failed.any():
            return None
        wanted = rows @ self.cross + rows * more[..., None]
        return torch.cholesky_solve(torch.from_numpy(wanted.swapaxes(2, 3)), factor).numpy().swapaxes(2, 3)

    def loss(self, rows: Reals, target: Reals | None) -> float:
        """By how much the error of `target` on these inputs exceeds a constant."""
        if target is None:
            return math.inf
        return float(((target @ self.own - 2 * rows @ self.cross) * target).sum())


@dataclass(frozen=True)
class Seen:
    """What the first and the second half of the samples say, each for itself."""

    halves: tuple[Moments, Moments]

    @property
    def both(self) -> Moments:
        """Together."""
        one, other = self.halves
        rows = one.rows + other.rows
        share = one.rows / rows
        own, cross = (a * share + b * (1 - share) for a, b in ((one.own, other.own), (one.cross, other.cross)))
        return Moments(own, cross, rows)

    def target(self, rows: Reals) -> Reals:
        """The rows of weights to come close to; with the ridge that each half finds best for what the other learned.

        The weights themselves where neither half learns anything that holds for the other. Some of the rows say which.
        """
        some = rows[:, :, :: -(-rows.shape[2] // JUDGES)]
        least = sum(half.loss(some, some) for half in self.halves)
        chosen: float | None = None
        for ridge in RIDGES:
            loss = sum(b.loss(some, a.target(some, ridge)) for a, b in (self.halves, self.halves[::-1]))
            if loss < least:
                chosen, least = ridge, loss
        best = None if chosen is None else self.both.target(rows, chosen)
        return rows if best is None else best


def moments(op: Any, real: torch.Tensor, rounded: torch.Tensor, seed: int) -> Seen:
    """Of the layer `op`, whose input is `real` in float and `rounded` in the quantized network."""
    middle = (len(real) + 1) // 2
    first, second = (half(op, real[part], rounded[part], seed) for part in (slice(0, middle), slice(middle, None)))
    return Seen((first, second if len(real) > middle else first))


def half(op: Any, real: torch.Tensor, rounded: torch.Tensor, seed: int) -> Moments:
    sums: list[torch.Tensor] = []
    count = 0
    for a, b in rows(op, real, rounded, seed):
        piece = [b.transpose(1, 2) @ b, a.transpose(1, 2) @ b, a.sum(1), b.sum(1)]
        sums = [x.double() if not sums else sums[i] + x for i, x in enumerate(piece)]
        count += a.shape[1]
    own, cross, mean_a, mean_b = (x / count for x in sums)
    own = own - mean_b[:, :, None] * mean_b[:, None, :]
    cross = cross - mean_a[:, :, None] * mean_b[:, None, :]
    return Moments(*(x.reshape(op.group_count, -1, *x.shape[1:]).numpy() for x in (own, cross)), rows=count)


def rows(op: Any, real: torch.Tensor, rounded: torch.Tensor, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Pieces of the rows that `op` reads of both, [groups * blocks, rows, K], cut into blocks."""
    import torch

    random = torch.Generator().manual_seed(seed)
    if isinstance(op, qd.LinearOp):
        a, b = (x.reshape(-1, x.shape[-1]) for x in (real, rounded))
        if len(a) > ROWS:
            chosen = torch.randperm(len(a), generator=random)[:ROWS]
            a, b = a[chosen], b[chosen]
        yield blocked(a[None]), blocked(b[None])
        return
    pixels = shape(op.out)[2] * shape(op.out)[3]
    wanted = min(pixels, -(-ROWS // len(real)))
    length = int(np.prod(shape(op.weight)[1:])) * op.groups.value
    images = max(1, PIECE_BYTES // (4 * wanted * length))
    for start in range(0, len(real), images):
        piece = slice(start, start + images)
        keys = torch.rand(len(real[piece]), pixels, generator=random)
        places = keys.topk(wanted, 1).indices
        yield blocked(patches(op, real[piece], places)), blocked(patches(op, rounded[piece], places))


def patches(op: Any, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """What the output pixels `places` [N, P] of a convolution read of x [N, C, H, W]: [groups, N * P, K]."""
    import torch

    top, left, bottom, right = ints(op.padding)
    if any((top, left, bottom, right)):
        x = torch.nn.functional.pad(x, (left, right, top, bottom))
    images, channels, _, width = x.shape
    strides, dilation, out_width = ints(op.strides), ints(op.dilation), shape(op.out)[3]
    first = places // out_width * strides[0] * width + places % out_width * strides[1]
    flat, taps = x.reshape(images, channels, -1), []
    for i in range(shape(op.weight)[2]):
        for j in range(shape(op.weight)[3]):
            at = (first + i * dilation[0] * width + j * dilation[1])[:, None].expand(-1, channels, -1)
            taps.append(flat.gather(2, at))
    together = torch.stack(taps, -1).transpose(1, 2)  # [N, P, C, taps]
    groups = op.groups.value
    return together.reshape(images * places.shape[1], groups, -1).transpose(0, 1)


def blocked(x: torch.Tensor) -> torch.Tensor:
    """[groups, rows, K] --> [groups * blocks, rows, K / blocks], zeros behind the last block."""
    import torch

    groups, count, length = x.shape
    blocks = -(-length // LARGEST_BLOCK)
    x = torch.nn.functional.pad(x, (0, -length % blocks))
    return x.reshape(groups, count, blocks, -1).transpose(1, 2).reshape(groups * blocks, count, -1)
