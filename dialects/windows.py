"""Windows over images: which cell each tap reads, and how many cells of a window are valid.

Everything here takes images [N,H,W,C]; `dimensions.py` has the way from [N,C,H,W] and back.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt


def taps(
    x: npt.NDArray[Any],
    kernel: list[int],
    strides: list[int],
    padding: list[int],
    dilation: list[int],
    out: list[int],
    fill: int,
) -> Iterator[tuple[tuple[int, int], npt.NDArray[Any]]]:
    """((kh, kw), cells [N,OH,OW,C]) for every tap of the window; cells outside the image read `fill`.

    padding is [top, left, bottom, right]; windows may reach beyond it (ceil mode), and read `fill` there too.
    """
    reach = [(out[d] - 1) * strides[d] + (kernel[d] - 1) * dilation[d] + 1 for d in range(2)]
    after = [max(0, reach[d] - padding[d] - x.shape[1 + d]) for d in range(2)]
    padded = np.pad(x, [(0, 0), (padding[0], after[0]), (padding[1], after[1]), (0, 0)], constant_values=fill)
    for kh in range(kernel[0]):
        for kw in range(kernel[1]):
            top, left = kh * dilation[0], kw * dilation[1]
            rows = slice(top, top + (out[0] - 1) * strides[0] + 1, strides[0])
            columns = slice(left, left + (out[1] - 1) * strides[1] + 1, strides[1])
            yield (kh, kw), padded[:, rows, columns]


def valid_cells(
    size: list[int], kernel: list[int], strides: list[int], padding: list[int], out: list[int], include_pad: bool
) -> npt.NDArray[np.int64]:
    """[OH, OW]: how many cells each average divides by. Padding counts where asked for; cells beyond it never do."""
    counts = []
    for d in range(2):
        start = np.arange(out[d]) * strides[d] - padding[d]
        low, high = (-padding[d], size[d] + padding[d + 2]) if include_pad else (0, size[d])
        counts.append(np.minimum(start + kernel[d], high) - np.maximum(start, low))
    return counts[0][:, None] * counts[1][None, :]


def tap_coverage(
    size: list[int], kernel: list[int], strides: list[int], padding: list[int], dilation: list[int], out: list[int]
) -> npt.NDArray[np.float64]:
    """[KH, KW]: the share of windows in which a tap reads a real cell; the others read padding.

    >>> tap_coverage([4, 4], [3, 1], [1, 1], [1, 0, 1, 0], [1, 1], [4, 4])[:, 0].tolist()
    [0.75, 1.0, 0.75]
    """
    shares = []
    for d in range(2):
        places = np.arange(out[d])[:, None] * strides[d] - padding[d] + np.arange(kernel[d]) * dilation[d]
        shares.append(((places >= 0) & (places < size[d])).mean(0))
    return shares[0][:, None] * shares[1][None, :]
