"""Rows of a table of signed bytes by number, requantized channel by channel.

Neighbouring threads have neighbouring channels of a row, which lies anywhere in the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cuda.kernels.vocabulary.claims import require
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    integer,
    load,
    mul,
    sub,
    wide,
    xor,
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
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import FULL, HIGH, Rescale, quantized, shifts_for
from dyadic.passes.lower.cuda.kernels.vocabulary.words import (
    bytes_of,
    gather_words,
    load_words,
    packed,
    planes_of,
    store_group,
)

ID_BYTES = 4
HEADER = 3  # words: zero point, low, high of the result
SIGN = 128


@dataclass(frozen=True)
class EmbeddingSpec(ItemSpec):
    """`out[i, j] = requant(table[ids[i, j]], m, s)`; strides in bytes. The table is the kernel's weights, and has no
    gaps. Raises ValueError where there is no such kernel."""

    rows: int
    columns: int
    channels: int
    in_column: int  # of ids
    in_row: int
    out_column: int
    out_row: int
    out_plane: int = 0  # from the low bytes of 16-bit numbers to the high ones, 0: 8 bits
    id_access: int = 1  # bytes of one access to an id: 1, 2 or 4, what divides every address of ids
    width: int = 1  # channels of a thread, of WIDTHS: it divides the channels and every address of the result
    form: str = FULL  # how results are rounded

    def __post_init__(self) -> None:
        checks = {
            "a width of 1, 2, 4, 8 or 16 that divides the channels": self.width in WIDTHS
            and self.channels % self.width == 0,
            "ids of 1, 2 or 4 bytes at once": self.id_access in (1, 2, 4),
            "it rounds in 64 bits": self.form in (FULL, HIGH),
        }
        require("embedding", self, checks)

    @property
    def pieces(self) -> int:
        """Threads of a row."""
        return self.channels // self.width

    @property
    def inputs(self) -> int:
        return 1

    @property
    def items(self) -> int:
        return self.rows * self.columns * self.pieces


def pack_params(
    header: Sequence[int], multiplier: Sequence[int], shift: Sequence[int], form: str
) -> npt.NDArray[np.int32]:
    """header: zero point, low, high of the result; then a multiplier and a shift for each channel."""
    parts = [np.array(header), np.array(multiplier), shifts_for(form, multiplier, shift)]
    return np.concatenate([part.astype(np.int64) for part in parts]).astype(np.int32)


def generate(spec: EmbeddingSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""

    def body(k: Arguments) -> None:
        zero_point, low, high = (param(k, n) for n in range(HEADER))

        def piece(image: Value, item: Value) -> None:
            y, x, group = coordinates(item, [spec.rows, spec.columns, spec.pieces])
            first = mul(group, spec.width)
            ids = place(k.inputs[0], image, k.in_images[0], distance([y, x], [spec.in_row, spec.in_column]))
            (number,) = gather_words(ids, 1, spec.id_access, ID_BYTES)
            row = at(k.weights, add(mul(wide(number), spec.channels), wide(first)))
            results = []
            for n, byte in enumerate(bytes_of(load_words(row, spec.width), spec.width)):
                multiplier, shift = (
                    load(integer(32), at(_channel(k, first), 4 * (HEADER + n + part * spec.channels)), 4)
                    for part in range(2)
                )
                step = sub(xor(byte, SIGN), SIGN)
                rounded = Rescale.of(multiplier, shift, spec.form).rescaled(step)
                results.append(quantized(rounded, zero_point, low, high))
            inside = distance([y, x, first], [spec.out_row, spec.out_column, 1])
            target = place(k.out, image, k.out_image, inside)
            for n, words in enumerate(planes_of(results) if spec.out_plane else (packed(results),)):
                store_group(words, at(target, n * spec.out_plane), spec.width, spec.channels, group)

        each_item(spec, k, piece)

    kernel(spec, symbol, body)


def _channel(k: Arguments, number: Value) -> Value:
    """The parameters, so many words further on."""
    return at(k.params, wide(mul(number, 4)))
