"""z3 proofs that the computations kernels use give the bits that the definition gives, for every input there is.

A product of two 32-bit numbers is a free 64-bit number within its bounds here: what holds for all of those holds for
products.
"""
# pyright: reportOperatorIssue=false, reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportAttributeAccessIssue=false
# (z3's expressions are overloaded beyond what a type checker follows)

import pytest
import z3

from dyadic.runtime.fixedpoint import (
    ADD_SHIFT_MAX,
    HIGH_RESIDUAL_SHIFT,
    HIGH_SHIFTS,
    INT32_MAX,
    INT32_MIN,
    SHIFT_MAX,
    SHIFT_MIN,
    WIDE_END,
    WIDE_MIN,
)

OUTPUT_BITS = 20
RESIDUAL = 255 * ((1 << 15) - 1)  # |b - zb| <= 255, times a multiplier below 2^15


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


@pytest.mark.parametrize("s", HIGH_SHIFTS)
def test_the_high_form_adds_everything_to_the_high_half(s: int) -> None:
    """The zero point and the residual, too: whole multiples of 2^32 carry nothing."""
    product, residual, zero_point = z3.BitVecs("product residual zero_point", 64)
    bound = 1 << 62  # |acc| <= 2^31, m < 2^31
    within = (product >= -bound, product <= bound, residual >= -RESIDUAL, residual <= RESIDUAL)
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
    ("residual_shift", "multiplier", "shift"),
    [(16, INT32_MAX, SHIFT_MAX), (HIGH_RESIDUAL_SHIFT, (1 << 15) - 1, HIGH_SHIFTS[-1])],
)
def test_a_fused_addition_fits_int64(residual_shift: int, multiplier: int, shift: int) -> None:
    product, residual, half = z3.Ints("product residual half")
    largest = 255 * (1 << residual_shift) * multiplier  # (b - zb) << residual_shift, times a multiplier
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
