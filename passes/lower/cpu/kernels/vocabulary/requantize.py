"""Requantization (docs/arithmetic.md) of 16 int32 lanes in as few operations as give the same bits.

Even and odd lanes are multiplied as int64 and their high halves blended. What follows depends on the shifts of a layer:

    high         33 <= s <= 53: `(hi32(acc*m) + 2^(s-33) + (zp << (s-32))) >> (s-32)` is the result with its zero point,
                 since a sum of whole multiples of 2^32 carries nothing; so does a residual that counts in those (its
                 shift is 32 and its multiplier below 2^15): one 16-bit multiply-add
    wide         s >= 32: `hi32(acc*m + residual + 2^(s-1)) >> (s-32)`, summed in 64 bits
    small-shift  some s < 32 (a real ratio above 1/4): the whole 64-bit shift
    short        everything is proven to fit int32

z3 proofs: `tests/arithmetic/`. Parameters of 16 channels are one block of `BLOCK` int32, the same for every ISA level:

    bias[16]  multiplier[16]  shift[16]  rounding[32]  residual multiplier[16]  (high bias[16])

where shift is s - 32 (high, wide) or s; the rounding is one i32 a lane (high, short) or i64 of even, then of odd lanes.
Layers that read 16 bits have the last row: what the sum of high bytes starts at, as that of low bytes does at `bias`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.runtime.fixedpoint import HIGH_RESIDUAL_SHIFT, HIGH_SHIFTS, S16_MAX, S16_MIN

HIGH, WIDE, SMALL_SHIFT, SHORT = "high", "wide", "small-shift", "short"
SMALLEST_SHIFT = {HIGH: 33, WIDE: 32, SMALL_SHIFT: 2, SHORT: 2}  # for lanes whose result does not matter
LANES = 16
BIAS, MULTIPLIER, SHIFT, ROUND_EVEN, ROUND_ODD, RESIDUAL = 0, 16, 32, 48, 64, 80
BLOCK = 96  # int32 a block
HIGH_BIAS, WIDE_BLOCK = 96, 112  # where inputs have 16 bits
RESIDUAL_ZERO_POINT, RESIDUAL_SHIFT = 3, 4  # places in the header
HEADER = 16  # int32 before the first block: out zero point, low, high, residual zero point, residual shift


def pack(
    bias: npt.NDArray[np.int64],
    multiplier: npt.NDArray[np.int64],
    shift: npt.NDArray[np.int64],
    residual: npt.NDArray[np.int64] | None,
    form: str,
    header: list[int],
    high_bias: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int32]:
    """Header and blocks of 16 channels (the last one filled with channels that make 0) as one int32 array.

    A channel without multipliers is constant at any shift, so it gets one that the form allows.
    """
    blocks = -(-len(bias) // LANES)

    def padded(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        out = np.zeros(blocks * LANES, np.int64)
        out[: len(values)] = values
        return out.reshape(blocks, LANES)

    constant = padded(multiplier if residual is None else multiplier | residual) == 0
    shifts = np.where(constant, SMALLEST_SHIFT[form], padded(shift))
    rounding = np.int64(1) << (shifts - 1)
    if form == HIGH:
        rounding = (rounding >> 32) + (np.int64(header[0]) << (shifts - 32))
        if residual is not None:
            rounding = rounding - header[RESIDUAL_ZERO_POINT] * padded(residual)
    elif residual is not None:  # -(zb << residual shift) * mb, exact modulo 2^64, as the sum is that fits
        rounding = rounding - (header[RESIDUAL_ZERO_POINT] << header[RESIDUAL_SHIFT]) * padded(residual)
    packed = np.zeros((blocks, BLOCK if high_bias is None else WIDE_BLOCK), np.int32)
    if high_bias is not None:
        packed[:, HIGH_BIAS : HIGH_BIAS + LANES] = padded(high_bias)
    packed[:, BIAS : BIAS + LANES] = padded(bias)
    packed[:, MULTIPLIER : MULTIPLIER + LANES] = padded(multiplier)
    packed[:, SHIFT : SHIFT + LANES] = shifts - (32 if form in (HIGH, WIDE) else 0)
    if form in (HIGH, SHORT):
        packed[:, ROUND_EVEN : ROUND_EVEN + LANES] = rounding
    else:
        packed[:, ROUND_EVEN : ROUND_EVEN + LANES] = np.ascontiguousarray(rounding[:, 0::2]).view(np.int32)
        packed[:, ROUND_ODD : ROUND_ODD + LANES] = np.ascontiguousarray(rounding[:, 1::2]).view(np.int32)
    if residual is not None:
        packed[:, RESIDUAL : RESIDUAL + LANES] = padded(residual)
    return np.concatenate([pack_header(header), packed.reshape(-1)])


def pack_header(numbers: list[int]) -> npt.NDArray[np.int32]:
    """What stands in front of the blocks, or alone: zero point, low and high of the result, and what a family adds."""
    head = np.zeros(HEADER, np.int32)
    head[: len(numbers)] = numbers
    return head


def form_of(shift: npt.NDArray[np.int64], *, short: bool = False, residual_shift: int | None = None) -> str:
    """Which computation the kernel uses for these shifts, and for a residual that is shifted so."""
    if short:
        return SHORT
    low, high = int(shift.min(initial=HIGH_SHIFTS[0])), int(shift.max(initial=HIGH_SHIFTS[0]))
    if low in HIGH_SHIFTS and high in HIGH_SHIFTS and residual_shift in (None, HIGH_RESIDUAL_SHIFT):
        return HIGH
    return WIDE if low >= 32 else SMALL_SHIFT


def clamps(low: int, high: int, *, wide: bool = False) -> bool:
    """Whether a kernel has to clamp: bytes end at 0 and 255 by themselves, words where s16 does."""
    return (low, high) != ((S16_MIN, S16_MAX) if wide else (0, 255))


def combined(sums: Sequence[c.Value], acc_shift: int) -> c.Value:
    """The accumulator from the sums of each plane of the input, narrowed by `acc_shift` bits, halves up.

    `(high << 8) + low`, where the low sum started at the half that it is rounded by. Both have been proven to fit, so
    32 bits are enough.
    """
    if len(sums) == 1:
        return sums[0]
    low, high = sums
    return c.add(c.shift_left(high, 8 - acc_shift), c.shift_right(low, acc_shift) if acc_shift else low)


def pairs(x: c.Value) -> c.Value:
    """Neighbouring int32 lanes seen as one int64."""
    return c.bits_as(x, c.lane_count(x) // 2, 64)


def even(x: c.Value) -> c.Value:
    """Even int32 lanes, sign-extended in place to int64."""
    return c.shift_right(c.shift_left(pairs(x), 32), 32)


def odd(x: c.Value) -> c.Value:
    """Odd int32 lanes, sign-extended to int64. As even lanes of a shuffle: AVX2 multiplies those, but has no shift."""
    count = c.lane_count(x)
    return even(c.shuffle(x, x, [lane | 1 for lane in range(count)]))


class Rounding:
    """`rounded` from vectors of parameters; see the module's docstring for what each form needs."""

    form: str
    multiplier: c.Value
    shift: c.Value
    rounding: c.Value
    round_even: c.Value
    round_odd: c.Value
    residual_multiplier: c.Value | None = None

    def rounded(self, acc: c.Value, addend: c.Value | None = None) -> c.Value:
        """`(acc*m + addend*mb + 2^(s-1)) >> s` of 16 int32 lanes, saturated far outside s16 where it does not fit.

        In the high form `addend` has been multiplied, and the result has its zero point.
        """
        if self.form == SHORT:
            return c.shift_right(c.add(c.mul(acc, self.multiplier), self.rounding), self.shift)
        if self.form == HIGH:
            products = (c.mul(half(acc), half(self.multiplier)) for half in (even, odd))
            total = c.add(interleave_high(*products), self.rounding)
            return c.shift_right(total if addend is None else c.add(total, addend), self.shift)
        wide_even = c.add(c.mul(even(acc), even(self.multiplier)), self.round_even)
        wide_odd = c.add(c.mul(odd(acc), odd(self.multiplier)), self.round_odd)
        if addend is not None:
            assert self.residual_multiplier is not None
            wide_even = c.add(wide_even, c.mul(even(addend), even(self.residual_multiplier)))
            wide_odd = c.add(wide_odd, c.mul(odd(addend), odd(self.residual_multiplier)))
        if self.form == WIDE:
            return c.shift_right(interleave_high(wide_even, wide_odd), self.shift)
        shift64 = pairs(self.shift)
        shift_even = c.shift_right_logical(c.shift_left(shift64, 32), 32)
        shift_odd = c.shift_right_logical(shift64, 32)
        bound = 1 << 20
        narrow = [
            c.smallest(c.largest(c.shift_right(w, s), -bound), bound)
            for w, s in ((wide_even, shift_even), (wide_odd, shift_odd))
        ]
        return interleave_low(*narrow)


class Requantize(Rounding):
    """The parameters of one block of 16 channels, or of some `lanes` of it, loaded where this is made."""

    def __init__(
        self,
        params: c.Value,
        block: c.Value,
        form: str,
        *,
        residual: bool = False,
        wide: bool = False,
        lanes: int = LANES,
        first_lane: int = 0,
    ) -> None:
        """`params` points at the header, `block` (i64) counts blocks; `first_lane` is even. `wide` inputs have 16
        bits."""
        block_bytes = 4 * (WIDE_BLOCK if wide else BLOCK)
        base = c.at(params, c.add(c.mul(block, block_bytes), 4 * (HEADER + first_lane)))
        self.lanes = lanes
        self.form = form
        # what a sum starts at, for each plane of the input
        starts = (BIAS, HIGH_BIAS) if wide else (BIAS,)
        self.bias_places = [c.at(base, 4 * row) for row in starts]
        self.biases = [self._row(base, row) for row in starts]
        self.multiplier = self._row(base, MULTIPLIER)
        self.shift = self._row(base, SHIFT)
        if form in (HIGH, SHORT):
            self.rounding = self._row(base, ROUND_EVEN)
        else:
            self.round_even = pairs(self._row(base, ROUND_EVEN))
            self.round_odd = pairs(self._row(base, ROUND_ODD))
        self.residual_multiplier = self._row(base, RESIDUAL) if residual else None

    def _row(self, base: c.Value, row: int) -> c.Value:
        return c.load(c.vec(self.lanes, 32), base, 4 * row, align=4)


class Uniform(Rounding):
    """One multiplier for all lanes, from `multiplier, shift (less 32 in the wide form), 2^(s-1) as i64` at a place."""

    def __init__(self, entry: c.Value, form: str, lanes: int) -> None:
        assert form in (WIDE, SMALL_SHIFT)
        self.form = form
        self.multiplier, self.shift = (c.splat(c.load(c.integer(32), entry, 4 * i, align=4), lanes) for i in (0, 1))
        self.round_even = self.round_odd = c.splat(c.load(c.integer(64), entry, 8, align=4), lanes // 2)


def interleave_high(even_lanes: c.Value, odd_lanes: c.Value) -> c.Value:
    """High halves of even and odd int64 lanes, as int32 in their places."""
    a, b, count = _halves(even_lanes, odd_lanes)
    return c.shuffle(a, b, [lane + 1 if lane % 2 == 0 else count + lane for lane in range(count)])


def interleave_low(even_lanes: c.Value, odd_lanes: c.Value) -> c.Value:
    a, b, count = _halves(even_lanes, odd_lanes)
    return c.shuffle(a, b, [lane if lane % 2 == 0 else count + lane - 1 for lane in range(count)])


def _halves(a: c.Value, b: c.Value) -> tuple[c.Value, c.Value, int]:
    count = 2 * c.lane_count(a)
    return c.bits_as(a, count, 32), c.bits_as(b, count, 32), count
