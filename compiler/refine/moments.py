"""What a layer's inputs say about how to round its weights: second moments, and the weights that would serve best.

A *row* is what one output pixel reads. Of many images, a random choice of pixels says as much as all of them; it is the
same in float and with everything before the layer rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.dialects.laws import ints, shape

if TYPE_CHECKING:
    import torch

ROWS = 16384  # pixels that are looked at
PIECE_BYTES = 64 << 20
LARGEST_BLOCK = 2304  # inputs of a row whose correlations are known; longer rows are cut
RIDGE = 1e-3  # of the mean moment: directions that were hardly seen keep their weights

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """`own` [groups, blocks, K, K] of the inputs as they are, `cross` of the float inputs with those."""

    own: Reals
    cross: Reals
    rows: int

    def target(self, weight: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """The weights that, on the inputs as they are, come closest to what `weight` makes of the float ones.

        `w C H^-1`, with a ridge that grows where there are fewer rows than unknowns.
        """
        groups, blocks, size, _ = self.own.shape
        flat = weight.reshape(groups, len(weight) // groups, -1).astype(np.float64)
        length = flat.shape[2]
        cut = np.pad(flat, ((0, 0), (0, 0), (0, blocks * size - length)))
        cut = cut.reshape(*flat.shape[:2], blocks, size).swapaxes(1, 2)
        mean = np.einsum("gbii->gb", self.own)[..., None, None] / size
        ridge = np.where(mean > 0, RIDGE * (1 + size / self.rows) * mean, 1.0) * np.eye(size)
        wanted = cut @ (self.cross + ridge)
        best = np.linalg.solve(self.own + ridge, wanted.swapaxes(2, 3)).swapaxes(2, 3)
        best = best.swapaxes(1, 2).reshape(*flat.shape[:2], -1)[:, :, :length]
        return best.reshape(weight.shape).astype(np.float32)


def moments(op: Any, real: torch.Tensor, rounded: torch.Tensor, seed: int) -> Moments:
    """Of the layer `op`, whose input is `real` in float and `rounded` in the quantized network; means taken out."""
    sums: list[torch.Tensor] = []
    count = 0
    for a, b in rows(op, real, rounded, seed):
        piece = [b.transpose(1, 2) @ b, a.transpose(1, 2) @ b, a.sum(1), b.sum(1)]
        sums = [x.double() if not sums else sums[i] + x for i, x in enumerate(piece)]
        count += a.shape[1]
    own, cross, mean_a, mean_b = (x / count for x in sums)
    own = own - mean_b[:, :, None] * mean_b[:, None, :]
    cross = cross - mean_a[:, :, None] * mean_b[:, None, :]
    groups = op.groups.value if isinstance(op, qd.Conv2dOp) else 1
    return Moments(*(x.reshape(groups, -1, *x.shape[1:]).numpy() for x in (own, cross)), rows=count)


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
