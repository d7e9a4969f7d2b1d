"""Blocks of pixels that become channels, and back; transposed convolutions are convolutions that make blocks.

    conv_transpose(x, stride s)  -->  slice(blocks(conv2d(x)))     s * s results for each pixel, ceil(k / s) taps each

Pixel s*q + r of the result reads taps r, r + s, ... only, so that all r of one q are outputs of one ordinary
convolution over the input. A pad of the transposed convolution crops the result. Exact.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import Array
from dyadic.passes.ingest import families
from dyadic.passes.ingest.folded import dims_of, reshape, transpose
from dyadic.passes.ingest.translation import Literal, Result, Unsupported, as_tensor, literal


def depth_to_space(x: Any, block: Sequence[int], *, columns_first: bool = False, groups: int = 1) -> Result:
    """[N,C,H,W] to [N,C/(bh*bw),H*bh,W*bw]: of each group of channels, those of a block come first (DCR), or, with
    `columns_first`, last (CRD, PixelShuffle)."""
    dims, (high, wide) = dims_of(x), block
    if len(dims) != 4 or dims[1] % (high * wide * groups):
        raise Unsupported(f"its blocks of {high} x {wide} do not fit the channels of {dims}")
    n, channels, rows, columns = dims
    each = channels // (high * wide * groups)
    inside = [each, high, wide] if columns_first else [high, wide, each]
    apart = reshape(x, [n, groups, *inside, rows, columns])
    order = [0, 1, 2, 5, 3, 6, 4] if columns_first else [0, 1, 4, 5, 2, 6, 3]
    return reshape(transpose(apart, order), [n, groups * each, rows * high, columns * wide])


def space_to_depth(x: Any, block: Sequence[int], *, columns_first: bool = False) -> Result:
    """The inverse of `depth_to_space`."""
    dims, (high, wide) = dims_of(x), block
    if len(dims) != 4 or dims[2] % high or dims[3] % wide:
        raise Unsupported(f"its blocks of {high} x {wide} do not fit {dims}")
    n, channels, rows, columns = dims
    apart = reshape(x, [n, channels, rows // high, high, columns // wide, wide])
    order = [0, 1, 3, 5, 2, 4] if columns_first else [0, 3, 5, 1, 2, 4]
    return reshape(transpose(apart, order), [n, channels * high * wide, rows // high, columns // wide])


def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    extra: Sequence[int],
) -> Result:
    """A transposed convolution of one or two dimensions: x [N,C,...], weight [C,O/groups,...].

    padding: before each dimension, then behind; `extra` results behind (output padding). The result is as large as that
    says: `stride * (size - 1) + reach - padding + extra`.
    """
    if not isinstance(weight, Literal):
        raise Unsupported("its weight is computed from the input; a constant weight would work")
    dims, kernel = dims_of(x), families.check_finite(weight.array, "weight")
    rank = len(dims) - 2
    if rank == 1 and kernel.ndim == 3:  # an image of one row
        before, behind = padding
        row = literal(np.ascontiguousarray(kernel[:, :, None]))
        image, steps = reshape(x, [*dims[:2], 1, dims[2]]), ([1, *strides], [0, before, 0, behind])
        made = conv_transpose(image, row, bias, *steps, [1, *dilation], groups, [0, *extra])
        return reshape(made, [*dims_of(made)[:2], dims_of(made)[3]])
    if rank != 2 or kernel.ndim != 4:
        raise Unsupported(f"only transposed convolutions of one or two dimensions are supported, this one reads {dims}")
    if dims[1] != len(kernel) or len(kernel) % groups:
        raise Unsupported(f"its weight {list(kernel.shape)} in {groups} groups does not fit {dims[1]} channels")
    axes = [
        _Axis(dims[2 + d], strides[d], kernel.shape[2 + d], dilation[d], padding[d], padding[2 + d], extra[d])
        for d in range(2)
    ]
    phases = _phases(_spread(kernel, dilation), [axis.taps for axis in axes], strides, groups)
    outputs = kernel.shape[1] * groups
    biases = None
    if bias is not None:
        values = bias.array if isinstance(bias, Literal) else None
        if values is None or values.shape != (outputs,):
            raise Unsupported(f"its bias must be a constant of the shape [{outputs}]")
        per_group = values.reshape(groups, 1, -1)
        biases = literal(np.tile(per_group, [1, strides[0] * strides[1], 1]).reshape(-1))
    around = [axes[0].before, axes[1].before, axes[0].behind, axes[1].behind]
    made = families.conv2d(as_tensor(x), literal(phases), biases, [1, 1], around, [1, 1], groups)
    whole = depth_to_space(made, strides, groups=groups)
    starts, ends = [axis.start for axis in axes], [axis.start + axis.size for axis in axes]
    if [0, 0, *ends] == [*starts, *shape(as_tensor(whole))[2:]]:
        return whole
    return families.slice_(whole, [2, 3], starts, ends, [1, 1])


class _Axis:
    """One dimension: which blocks are needed, from which of their pixels on, and what the convolution pads."""

    def __init__(self, size: int, stride: int, kernel: int, dilation: int, low: int, high: int, extra: int) -> None:
        reach = dilation * (kernel - 1) + 1
        self.size = stride * (size - 1) + reach - low - high + extra
        if self.size < 1 or low < 0:
            raise Unsupported(f"its padding of {low} and {high} leaves {self.size} pixels of {size}")
        self.taps = -(-reach // stride)
        first = min(low // stride, self.taps - 1)
        last = (low + self.size - 1) // stride
        self.before = self.taps - 1 - first
        self.behind = max(0, last - first + self.taps - size - self.before)
        self.start = low - stride * first


def _spread(kernel: Array, dilation: Sequence[int]) -> Array:
    """The same taps with zeros between them, so that they follow each other."""
    if list(dilation) == [1, 1]:
        return kernel
    sizes = [step * (n - 1) + 1 for step, n in zip(dilation, kernel.shape[2:], strict=True)]
    spread = np.zeros([*kernel.shape[:2], *sizes], kernel.dtype)
    spread[:, :, :: dilation[0], :: dilation[1]] = kernel
    return spread


def _phases(kernel: Array, taps: Sequence[int], strides: Sequence[int], groups: int) -> Array:
    """[C,O/g,KH,KW] as weights [g*sh*sw*O/g, C/g, taps, taps] of a convolution, the outputs of a group in blocks."""
    inputs, outputs = len(kernel) // groups, kernel.shape[1]
    whole = [n * s for n, s in zip(taps, strides, strict=True)]
    padded = np.zeros([len(kernel), outputs, *whole], kernel.dtype)
    padded[:, :, : kernel.shape[2], : kernel.shape[3]] = kernel
    apart = padded.reshape(groups, inputs, outputs, taps[0], strides[0], taps[1], strides[1])
    turned = apart[:, :, :, ::-1, :, ::-1].transpose(0, 4, 6, 2, 1, 3, 5)
    count = math.prod(strides) * groups * outputs
    return np.ascontiguousarray(turned.reshape(count, inputs, *taps))
