"""Images of another size: every result is a sum of four pixels, whose weights follow from its row and its column.

    ((sum of four x * w + start) >> s) + zp, in [low, high]     start = 2^(s-1) - zx * m, since weights sum to m

Parameters: the header, then for every row and every column the byte offsets of both its pixels and the share of the
second in 2^15.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch_mlir.dialects import arith

from dyadic.dialects.qi.interpolation import SHARE_BITS
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    const,
    integer,
    load,
    mul,
    signed_wide,
    sub,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.items import (
    WIDTHS,
    ItemSpec,
    coordinates,
    distance,
    each_item,
    param,
    place,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, kernel
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.words import (
    bytes_of,
    load_words,
    numbers_of,
    packed,
    planes_of,
    store_group,
)

HEADER = 6  # words: zero point, low, high of the result, start, shift, multiplier
ENTRY = 3  # words: both offsets, the share


@dataclass(frozen=True)
class InterpolateSpec(ItemSpec):
    """Strides in bytes; those of the input are in the parameters. Raises ValueError where there is no such kernel."""

    rows: int  # of the result
    columns: int
    channels: int
    out_column: int
    out_row: int
    in_plane: int = 0  # from the low bytes of 16-bit numbers to the high ones, 0: 8 bits
    out_plane: int = 0
    width: int = 1  # channels of a thread, of WIDTHS: it divides every address on both sides

    def __post_init__(self) -> None:
        if self.width not in WIDTHS:
            raise ValueError(f"no interpolation of this kind (a width of 1, 2, 4, 8 or 16): {self}")

    @property
    def pieces(self) -> int:
        """Threads of a pixel."""
        return -(-self.channels // self.width)

    @property
    def inputs(self) -> int:
        return 1

    @property
    def items(self) -> int:
        return self.rows * self.columns * self.pieces


Axis = tuple[Sequence[int], Sequence[int], int, int]  # places, shares, how many there are, bytes from one to the next


def pack_params(
    multiplier: int, shift: int, zero_in: int, header: Sequence[int], axes: Sequence[Axis]
) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result. axes: of rows, then of columns."""
    parts = [np.array([*header, (1 << (shift - 1)) - zero_in * multiplier, shift, multiplier], np.int64)]
    for places, shares, size, stride in axes:
        first = np.array(places, np.int64)
        entries = (first * stride, np.minimum(first + 1, size - 1) * stride, np.array(shares, np.int64))
        parts.append(np.stack(entries, 1).reshape(-1))
    return np.concatenate(parts).astype(np.int32)


def generate(spec: InterpolateSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: each_item(spec, arguments, _Interpolate(spec, arguments).piece))


class _Interpolate:
    """One kernel while it is written."""

    def __init__(self, spec: InterpolateSpec, arguments: Arguments) -> None:
        self.spec, self.arguments = spec, arguments

    def piece(self, image: Value, item: Value) -> None:
        spec, k = self.spec, self.arguments
        y, x, group = coordinates(item, [spec.rows, spec.columns, spec.pieces])
        low, high, start, shift, multiplier = (param(k, n) for n in range(1, HEADER))
        *rows, row_share = self.entry(y, HEADER)
        *columns, column_share = self.entry(x, HEADER + ENTRY * spec.rows)
        weights = corner_weights(multiplier, row_share, column_share)
        first = mul(group, spec.width)
        totals = [start] * spec.width
        for (row, column), weight in zip([(r, c) for r in rows for c in columns], weights, strict=True):
            source = place(k.inputs[0], image, k.in_images[0], add(add(row, column), first))
            totals = [add(total, mul(number, weight)) for total, number in zip(totals, self.read(source), strict=True)]
        results = [quantized(arith.shrsi(total, shift), param(k, 0), low, high) for total in totals]
        inside = distance([y, x, first], [spec.out_row, spec.out_column, 1])
        target = place(k.out, image, k.out_image, inside)
        for n, words in enumerate(planes_of(results) if spec.out_plane else (packed(results),)):
            store_group(words, at(target, n * spec.out_plane), spec.width, spec.channels, group)

    def entry(self, number: Value, start: int) -> list[Value]:
        """Of a row or column: where its two pixels are, and how much of the second."""
        where = at(self.arguments.params, wide(mul(add(mul(number, ENTRY), start), 4)))
        return [load(integer(32), at(where, 4 * n), 4) for n in range(ENTRY)]

    def read(self, source: Value) -> list[Value]:
        """The numbers of a pixel, with their zero point."""
        width, plane = self.spec.width, self.spec.in_plane
        low = load_words(source, width)
        return numbers_of(low, load_words(at(source, plane), width), width) if plane else bytes_of(low, width)


def corner_weights(multiplier: Value, row_share: Value, column_share: Value) -> tuple[Value, Value, Value, Value]:
    """Those of `dialects.qi.interpolation`."""
    whole = signed_wide(multiplier)
    below, beside = (mul(signed_wide(share), whole) for share in (row_share, column_share))
    last = _rounded(mul(signed_wide(row_share), beside), 2 * SHARE_BITS)
    below, beside = (sub(_rounded(part, SHARE_BITS), last) for part in (below, beside))
    return sub(sub(sub(multiplier, last), below), beside), beside, below, last


def _rounded(value: Value, shift: int) -> Value:
    """64 bits to 32."""
    return arith.trunci(integer(32), arith.shrsi(add(value, 1 << (shift - 1)), const(shift, 64)))
