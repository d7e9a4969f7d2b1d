"""z3 proofs that the computations kernels use give the bits that the definition gives, for every input there is.

A product of two 32-bit numbers is a free 64-bit number within its bounds here: what holds for all of those holds for
products.
"""
# pyright: reportOperatorIssue=false, reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportAttributeAccessIssue=false
# (z3's expressions are overloaded beyond what a type checker follows)

import pytest
import z3

from dyadic.passes.lower.cpu.kernels.families.elementwise_wide import MOST_LIFTED
from dyadic.runtime.fixedpoint import (
    ACC_SHIFT_MAX,
    ADD_SHIFT_MAX,
    HIGH_RESIDUAL_SHIFT,
    HIGH_SHIFTS,
    INT32_MAX,
    INT32_MIN,
    S16_MAX,
    SHIFT_MAX,
    SHIFT_MIN,
    WIDE_END,
    WIDE_MIN,
    residual_limits,
)

OUTPUT_BITS = 20
RESIDUAL = 255 * ((1 << 15) - 1)  # |b - zb| <= 255, times a multiplier below 2^15
WIDE_RESIDUAL = (1 << 15) * ((1 << 13) - 1)  # 16 bits, times a multiplier below 2^13


def prove(claim: z3.BoolRef, *given: z3.BoolRef) -> None:
    """The claim follows from what is given, and what is given is not impossible."""
    solver = z3.Solver()
    solver.set("timeout", 120_000)
    solver.add(*given)
    assert solver.check() == z3.sat, "nothing satisfies the premises"
    solver.add(z3.Not(claim))
    found = solver.check()
    assert found == z3.unsat, solver.model() if found == z3.sat else "z3 gave up"


def test_the_high_half_of_a_product_is_enough_for_shifts_of_32_and_more() -> None:
    product, s = z3.BitVecs("product s", 64)
    bound = 1 << 62
    rounded = product + (z3.BitVecVal(1, 64) << (s - 1))
    high = z3.Extract(63, 32, rounded)
    by_halves = z3.SignExt(32, high >> z3.Extract(31, 0, s - 32))
    prove(by_halves == rounded >> s, product >= -bound, product <= bound, s >= 32, s <= SHIFT_MAX)


@pytest.mark.parametrize("most", [RESIDUAL, WIDE_RESIDUAL])
@pytest.mark.parametrize("s", HIGH_SHIFTS)
def test_the_high_form_adds_everything_to_the_high_half(s: int, most: int) -> None:
    """The zero point and the residual, too: whole multiples of 2^32 carry nothing."""
    product, residual, zero_point = z3.BitVecs("product residual zero_point", 64)
    bound = 1 << 62  # |acc| <= 2^31, m < 2^31
    within = (product >= -bound, product <= bound, residual >= -most, residual <= most)
    byte = (zero_point >= 0, zero_point <= 255)
    sum_ = product + (residual << HIGH_RESIDUAL_SHIFT) + (z3.BitVecVal(1, 64) << (s - 1))
    definition = (sum_ >> s) + zero_point

    def half(x: z3.BitVecRef) -> z3.BitVecRef:
        return z3.Extract(31, 0, x)

    rounding = (1 << (s - 33)) + (half(zero_point) << (s - 32))
    total = z3.Extract(63, 32, product) + rounding + half(residual)
    prove(z3.SignExt(32, total >> (s - 32)) == definition, *within, *byte)


@pytest.mark.parametrize("s", HIGH_SHIFTS)
def test_no_sum_of_the_high_form_leaves_int32(s: int) -> None:
    """In the kernel's order: the rounding term holds `zp << (s-32)` and `-zb * mb`, and `b * mb` comes last."""
    high, zero_point, taken, given = z3.Ints("high zero_point taken given")  # taken = zb * mb, given = b * mb
    within = (high >= -(1 << 30), high <= 1 << 30, zero_point >= 0, zero_point <= 255)
    products = (taken >= 0, taken <= RESIDUAL, given >= 0, given <= RESIDUAL)
    rounding = (1 << (s - 33)) + zero_point * (1 << (s - 32)) - taken
    sums = (rounding, high + rounding, high + rounding + given)
    prove(z3.And(*(z3.And(x >= INT32_MIN, x <= INT32_MAX) for x in sums)), *within, *products)


@pytest.mark.parametrize("s", HIGH_SHIFTS)
def test_no_sum_of_the_high_form_leaves_int32_with_a_residual_of_16_bits(s: int) -> None:
    """It has no zero point; the result may have one."""
    high, zero_point, given = z3.Ints("high zero_point given")
    within = (high >= -(1 << 30), high <= 1 << 30, zero_point >= 0, zero_point <= 255)
    rounding = (1 << (s - 33)) + zero_point * (1 << (s - 32))
    sums = (rounding, high + rounding, high + rounding + given)
    products = (given >= -WIDE_RESIDUAL, given <= WIDE_RESIDUAL)
    prove(z3.And(*(z3.And(x >= INT32_MIN, x <= INT32_MAX) for x in sums)), *within, *products)


@pytest.mark.parametrize("t", range(ACC_SHIFT_MAX + 1))
def test_an_accumulator_of_two_bytes_is_narrowed_in_32_bits(t: int) -> None:
    """Where the sum of low bytes, with the half that it is rounded by, and the narrowed accumulator fit."""
    high, low = z3.BitVecs("high low", 32)  # sums; low has the half in it
    wide_high, wide_low = z3.SignExt(32, high), z3.SignExt(32, low)
    definition = ((wide_high << 8) + wide_low) >> t
    fits = (definition >= INT32_MIN, definition <= INT32_MAX)
    prove(z3.SignExt(32, (high << (8 - t)) + (low >> t)) == definition, *fits)


def test_the_bytes_of_a_16_bit_number_are_a_u8_each() -> None:
    q = z3.BitVec("q", 16)
    low, high = z3.Extract(7, 0, q), z3.Extract(15, 8, q) ^ 0x80
    unsigned = z3.ZeroExt(24, low) + ((z3.ZeroExt(24, high) - 128) << 8)
    prove(unsigned == z3.SignExt(16, q), q != 0)


@pytest.mark.parametrize("lift", range(MOST_LIFTED + 1))
def test_a_lifted_operand_is_the_same_number_at_another_shift(lift: int) -> None:
    """Of up to 16 bits and a sign; two products of it and the half fit int64."""
    product = z3.BitVec("product", 64)
    bound, s = (1 << 15) * INT32_MAX * 2, 32 - lift  # two operands
    within = (product >= -bound, product <= bound)
    definition = (product + (1 << (s - 1))) >> s
    prove(((product << lift) + (1 << 31)) >> 32 == definition, *within)
    assert (1 << 15) << lift < 1 << 31 and (bound << lift) + (1 << (SHIFT_MAX - 1)) < 1 << 63


def test_the_high_half_of_a_product_is_within_a_quarter_of_int32() -> None:
    acc, m, high = z3.Ints("acc m high")
    floor = (high * (1 << 32) <= acc * m, acc * m < (high + 1) * (1 << 32))
    bounds = (acc >= INT32_MIN, acc <= INT32_MAX, m >= 0, m < WIDE_END)
    prove(z3.And(high >= -(1 << 30), high <= 1 << 30), *bounds, *floor)


def test_a_product_and_its_rounding_term_fit_int64() -> None:
    acc, m, product, half = z3.Ints("acc m product half")
    largest = -INT32_MIN * WIDE_END
    prove(z3.And(acc * m >= -largest, acc * m <= largest), acc >= INT32_MIN, acc <= INT32_MAX, m >= 0, m < WIDE_END)
    given = (product >= -largest, product <= largest, half > 0, half <= 1 << (SHIFT_MAX - 1))
    prove(z3.And(product + half >= -(1 << 63), product + half < 1 << 63), *given)


@pytest.mark.parametrize("s", range(SHIFT_MIN, 32))
def test_small_shifts_take_the_common_path_after_a_clamp_and_a_shift(s: int) -> None:
    """Inside the clamp nothing is lost; outside it a wide multiplier saturates every output of 20 bits."""
    product = z3.BitVec("product", 64)  # clamped accumulator times m: at most 2^(s-1) * 2^31
    inside = (product >= -(1 << (s + 30)), product <= 1 << (s + 30))
    definition = (product + (1 << (s - 1))) >> s
    common = ((product << (32 - s)) + (1 << 31)) >> 32
    prove(common == definition, *inside)

    acc, m, y = z3.Ints("acc m y")
    edge, wide = 1 << (s - 1), (m >= WIDE_MIN, m < WIDE_END)
    floor = (y * (1 << s) <= acc * m + edge, acc * m + edge < (y + 1) * (1 << s))  # y is the definition's result
    prove(y >= 1 << OUTPUT_BITS, acc >= edge, *wide, *floor)
    prove(y <= -(1 << OUTPUT_BITS), acc < -edge, *wide, *floor)
    # and what the clamp makes of such an accumulator saturates to the same side
    for clamped, claim in ((edge - 1, y >= 1 << OUTPUT_BITS), (-edge, y <= -(1 << OUTPUT_BITS))):
        prove(claim, acc == clamped, *wide, *floor)


def test_the_short_form_fits_int32() -> None:
    acc, m, bound, half = z3.Ints("acc m bound half")
    proven = bound * m + half <= INT32_MAX
    given = (-bound <= acc, acc <= bound, m >= 0, half > 0, proven)
    total = acc * m + half
    prove(z3.And(total >= INT32_MIN, total <= INT32_MAX), *given)


def test_an_addition_fits_int32() -> None:
    a, ma, pa, pb, half = z3.Ints("a ma pa pb half")
    largest = 255 * ((1 << 15) - 1)  # |q - zp| <= 255, |m| < 2^15
    given = (pa >= -largest, pa <= largest, pb >= -largest, pb <= largest, half > 0, half <= 1 << (ADD_SHIFT_MAX - 1))
    prove(z3.And(pa + pb + half >= INT32_MIN, pa + pb + half <= INT32_MAX), *given)
    within = (a >= -255, a <= 255, ma > -(1 << 15), ma < 1 << 15)
    prove(z3.And(a * ma >= -largest, a * ma <= largest), *within)


@pytest.mark.parametrize(
    ("farthest", "residual_shift", "multiplier", "shift"),
    [
        (255, residual_limits(255).shift, INT32_MAX, SHIFT_MAX),
        (255, HIGH_RESIDUAL_SHIFT, (1 << residual_limits(255).high_bits) - 1, HIGH_SHIFTS[-1]),
        (1 << 15, residual_limits(S16_MAX).shift, INT32_MAX, SHIFT_MAX),
        (1 << 15, HIGH_RESIDUAL_SHIFT, (1 << residual_limits(S16_MAX).high_bits) - 1, HIGH_SHIFTS[-1]),
    ],
)
def test_a_fused_addition_fits_int64(farthest: int, residual_shift: int, multiplier: int, shift: int) -> None:
    product, residual, half = z3.Ints("product residual half")
    largest = farthest * (1 << residual_shift) * multiplier  # (b - zb) << residual_shift, times a multiplier
    given = (
        product >= INT32_MIN * INT32_MAX,
        product <= INT32_MAX * INT32_MAX,
        residual >= -largest,
        residual <= largest,
        half > 0,
        half <= 1 << (shift - 1),
    )
    total = product + residual + half
    prove(z3.And(total >= -(1 << 63), total < 1 << 63), *given)


def test_a_renormalized_multiplier_is_in_range() -> None:
    scaled = z3.Real("scaled")  # ratio * 2^s with the s that brings it into [2^30, 2^31)
    m = z3.Int("m")
    nearest = (m <= scaled + 0.5, scaled + 0.5 < m + 1)
    given = (scaled >= WIDE_MIN, scaled < WIDE_END, *nearest)
    renormalized = z3.If(m >= WIDE_END, m / 2, m)
    prove(z3.And(renormalized >= WIDE_MIN, renormalized < WIDE_END), *given)


@pytest.mark.parametrize("r", [15, 16, 29, 46])
def test_a_word_is_scaled_by_two_products_of_words(r: int) -> None:
    """The products are free numbers within their bounds; sums wrap in 32 bits, unless what is shifted last would."""
    low, high, constant = z3.BitVecs("low high constant", 64)  # w * (M & 32767), w * (M >> 15), C
    word = 1 << 15
    products = [x >= -(word * (word - 1)) for x in (low, high)] + [x <= word * (word - 1) for x in (low, high)]
    definition = ((high << 15) + low + constant) >> r
    whole = ((high << 15) + low + constant) >> 15
    fits = (whole >= INT32_MIN, whole <= INT32_MAX, constant >= -(1 << 60), constant <= 1 << 60)

    def half(x: z3.BitVecRef) -> z3.BitVecRef:
        return z3.Extract(31, 0, x)

    lower = (half(low) + half(constant & (word - 1))) >> 15
    upper = half(high) + half(constant >> 15)
    prove(z3.SignExt(32, (upper + lower) >> (r - 15)) == definition, *products, *fits)


@pytest.mark.parametrize("r", [15, 22, 30, 45])
def test_a_longer_factor_is_three_products(r: int) -> None:
    parts, constant = z3.BitVecs("low middle high", 64), z3.BitVec("constant", 64)
    word = 1 << 15
    products = [z3.And(x >= -(word * (word - 1)), x <= word * (word - 1)) for x in parts]
    total = (parts[2] << 30) + (parts[1] << 15) + parts[0] + constant
    definition = total >> r
    fits = (definition >= INT32_MIN >> 4, definition <= INT32_MAX >> 4, constant >= -(1 << 58), constant <= 1 << 58)

    def half(x: z3.BitVecRef) -> z3.BitVecRef:
        return z3.Extract(31, 0, x)

    starts = (constant & (word - 1), (constant >> 15) & (word - 1), constant >> 30)
    sums = [half(x) + half(start) for x, start in zip(parts, starts, strict=True)]
    middle = sums[1] + (sums[0] >> 15)
    upper = (sums[2] + (middle >> 15)) >> max(r - 30, 0)
    made = (upper << max(30 - r, 0)) + ((middle & (word - 1)) >> min(r - 15, 15))
    whole = total >> 30
    prove(z3.SignExt(32, made) == definition, *products, *fits, whole >= INT32_MIN, whole <= INT32_MAX)
