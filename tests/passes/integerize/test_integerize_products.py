"""Weights, biases, multipliers: every rule of the arithmetic at its edges, and intervals against brute force."""

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from dyadic.passes.integerize import products
from dyadic.passes.integerize.products import (
    Product,
    accumulators,
    add_multipliers,
    final_sums,
    partial_sums,
    quantize_product,
    residual_multipliers,
)
from dyadic.passes.integerize.quantization import Activation, activation_from_range
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import INT32_MAX, requant

HALF = Activation(2.0**-7, 128)  # [-1, 127/128]
POSITIVE = Activation(2.0**-6, 0)


def quantized(weight: list, bias: list) -> Product:
    w = np.array(weight, np.float64)
    return quantize_product("/layer", w, np.array(bias, np.float64), np.zeros(w[0].size), HALF, POSITIVE, short=True)


def run(product: Product, q: np.ndarray, out: Activation) -> np.ndarray:
    """The integers that the layer makes of integers [N, K]."""
    acc = q.astype(np.int64) @ product.weight.reshape(len(product.weight), -1).T.astype(np.int64) + product.bias
    return requant(acc, product.multiplier, product.shift, out.zero_point, 0, 255)


def test_by_hand() -> None:
    # S_w = 1/128 and 1/256; 0.5 is 8192 steps of 2^-14, less 128 * 127; ratios 2^-8 and 2^-9 are exact
    product = quantized([[127 / 128], [-127 / 256]], [0.5, 0.0])
    assert product.weight.tolist() == [[127], [-127]]
    assert product.bias.tolist() == [8192 - 128 * 127, 128 * 127]
    assert [Fraction(m, 1 << s) for m, s in zip(product.multiplier, product.shift, strict=True)] == [
        Fraction(1, 256),
        Fraction(1, 512),
    ]
    # x = 1/128 * (255 - 128): 0.9921875 * 127/128 + 0.5 = 1.4844 is 95 steps of 1/64; the other result is negative
    assert run(product, np.array([[255]]), POSITIVE).tolist() == [[95, 0]]


def test_a_dead_channel_is_constant_zero() -> None:
    product = quantized([[0.0, 0.0], [1.0, 2.0]], [0.0, 0.0])
    assert (product.multiplier[0], product.shift[0], product.bias[0]) == (0, 2, 0)
    assert product.scales[0] == 1
    assert run(product, np.array([[0, 255], [255, 0]]), HALF)[:, 0].tolist() == [128, 128]


def test_a_channel_without_weights_keeps_its_bias() -> None:
    product = quantized([[0.0]], [1.25])
    assert run(product, np.array([[0], [77], [255]]), POSITIVE).tolist() == [[80]] * 3
    assert abs(int(product.bias[0])) <= 1 << 30
    assert product.dead == (0,) and product.dead_error == 0.0


def test_a_nearly_dead_channel_has_its_scale_raised_and_is_listed() -> None:
    product = quantized([[1e-12], [1.0]], [3.0, 0.0])
    assert product.dead == (0,)
    assert 0 < product.dead_error <= 1e-12 * 1.0  # the weight is lost: at most 1e-12 * max|x|
    assert run(product, np.array([[0], [255]]), POSITIVE)[:, 0].tolist() == [192, 192]


def test_a_tiny_channel_keeps_its_shift_within_62() -> None:
    product = quantized([[1e-30]], [0.0])
    assert product.multiplier[0] > 0 and product.shift[0] <= 62


def test_what_int32_cannot_hold_is_refused_by_name() -> None:
    weight = np.ones((1, 70_000))
    with pytest.raises(ModelError, match=r"/layer: the sum of 70000 products in output channel 0 can reach"):
        quantize_product("/layer", weight, np.zeros(1), np.zeros(1), HALF, POSITIVE, short=False)


WORDS = Activation(2.0**-15, 0, 16)  # [-1, 1)


@settings(max_examples=60, deadline=None)
@seed(26)
@given(st.lists(st.integers(-127, 127), min_size=1, max_size=3), st.integers(-(1 << 30), 1 << 30), st.integers(0, 8))
def test_intervals_of_16_bit_inputs_are_those_of_brute_force(weights: list[int], bias: int, acc_shift: int) -> None:
    """Sums of low bytes and of high ones, in any order, and the accumulator that they make."""
    low, high = accumulators(np.array([weights]), np.array([bias]), WORDS, acc_shift)
    half = 1 << acc_shift >> 1
    held = set()
    for start in (bias + half, -128 * sum(weights)):
        for bytes_ in itertools.product((0, 255), repeat=len(weights)):
            for subset in itertools.product((0, 1), repeat=len(weights) + 1):
                terms = [start, *(w * q for w, q in zip(weights, bytes_, strict=True))]
                held.add(sum(term for term, used in zip(terms, subset, strict=True) if used))
    for words in itertools.product((-(1 << 15), (1 << 15) - 1), repeat=len(weights)):
        acc = bias + sum(w * q for w, q in zip(weights, words, strict=True))
        held.add((acc + half) >> acc_shift)
    assert (low.item(), high.item()) == (min(held), max(held))


@pytest.mark.parametrize(("depth", "acc_shift"), [(1, 0), (500, 0), (520, 1), (1100, 2), (66_200, 8)])
def test_an_accumulator_is_narrowed_by_as_little_as_int32_needs(depth: int, acc_shift: int) -> None:
    weight, none = np.ones((1, depth)), np.zeros(1)
    product = quantize_product("/layer", weight, none, np.zeros(depth), WORDS, WORDS, short=True)
    assert (product.acc_shift, product.form) == (acc_shift, "wide")
    assert product.acc[0] >= -(1 << 31) and product.acc[1] < 1 << 31
    # 1 - 2^-15 in all inputs, in units that are 2^acc_shift times as large
    acc = (127 * depth * ((1 << 15) - 1) + (1 << acc_shift >> 1)) >> acc_shift
    ratio = Fraction(product.multiplier[0], 1 << product.shift[0])
    assert abs(acc * ratio - depth * ((1 << 15) - 1)) < depth * ((1 << 15) + 1) * Fraction(1, 1 << 20)


def test_bytes_that_int32_cannot_sum_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"/layer: the sum of 70000 products in output channel 0 .* int32 cannot hold"):
        quantize_product("/layer", np.ones((1, 70_000)), np.zeros(1), np.zeros(70_000), WORDS, WORDS, short=True)


def test_weights_that_are_not_finite_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match="/layer: weights contain 2 NaN or infinite values"):
        quantized([[np.nan, np.inf]], [0.0])


def test_the_bias_takes_back_the_average_of_rounding() -> None:
    weight, mean = np.array([[127.0, 0.5625]]), np.array([7.0, 3.0])
    unit = Activation(1.0, 0)
    product = quantize_product("/layer", weight, np.zeros(1), mean, unit, Activation(128.0, 0), short=False)
    assert product.weight.tolist() == [[127, 1]]
    assert product.bias.tolist() == [-1]  # (1 - 0.5625) * 3 = 1.3125


@settings(max_examples=60, deadline=None)
@seed(20)
@given(st.lists(st.integers(-127, 127), min_size=1, max_size=4), st.integers(-(1 << 20), 1 << 20))
def test_intervals_are_those_of_brute_force(weights: list[int], bias: int) -> None:
    """Every order of every subset of partial sums over the extreme inputs; the interval is also reached."""
    q, b = np.array([weights]), np.array([bias])
    terms = [[0, 255 * w] for w in weights]
    sums = [sum(choice) + start for choice in itertools.product(*terms) for start in (0, bias)]
    low, high = partial_sums(q, b)
    assert (low[0], high[0]) == (min(sums), max(sums))
    finished = [sum(choice) + bias for choice in itertools.product(*terms)]
    assert final_sums(q, b)[0] == max(map(abs, finished))


layers = st.tuples(st.integers(1, 60), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(-6, 1), st.floats(-3, 3))


@settings(max_examples=150, deadline=None)
@seed(21)
@given(layers)
def test_short_and_wide_are_the_same_real_function(layer: tuple[int, int, int, float, float]) -> None:
    """Both forms are within their rounding of the real layer, and every promise of the form holds."""
    k, channels, number, weight_exponent, bias_exponent = layer
    random = np.random.default_rng(number)
    weight = random.standard_normal((channels, k)) * 10.0**weight_exponent
    bias = random.standard_normal(channels) * 10.0**bias_exponent
    x = activation_from_range(-float(random.uniform(0, 3)), float(random.uniform(0.1, 3)))
    q = np.concatenate([random.integers(0, 256, (20, k)), np.zeros((1, k), int), np.full((1, k), 255)])
    real_x = x.scale * (q - x.zero_point)
    results = real_x @ weight.T + bias
    out = activation_from_range(float(results.min()), float(results.max()))
    for short in (False, True):
        product = quantize_product("/layer", weight, bias, np.zeros(k), x, out, short=short)
        scales = np.array([float(s) for s in product.scales])
        rounded = real_x @ (product.weight * scales[:, None]).T + bias  # what rounding the weights leaves
        assert np.abs(product.weight * scales[:, None] - weight).max() <= scales.max() / 2 * (1 + 1e-9)
        expected = np.clip(rounded / out.scale + out.zero_point, 0, 255)
        got = run(product, q, out)
        slack = 0.51 + (x.scale * scales / out.scale).max() / 2  # one rounding, and the bias's own
        assert np.abs(got - expected).max() <= slack
        low, high = partial_sums(product.weight.astype(np.int64), product.bias.astype(np.int64))
        assert product.acc == (low.min(), high.max())
        if product.form == "short":
            sizes = final_sums(product.weight.astype(np.int64), product.bias.astype(np.int64))
            for size, m, s, scale in zip(sizes, product.multiplier, product.shift, product.scales, strict=True):
                assert m == 0 or (m >= 1 << 9 and int(size) * m + (1 << (s - 1)) <= INT32_MAX)
                assert m == 0 or x.exact * scale / out.exact == Fraction(m, 1 << s)


def test_some_layers_are_short_and_some_are_wide() -> None:
    random = np.random.default_rng(3)
    forms = {}
    for k in (16, 64, 4608):
        weight = random.standard_normal((4, k)) / k**0.5
        out = activation_from_range(-4.0, 4.0)
        forms[k] = quantize_product("/layer", weight, np.zeros(4), np.zeros(k), HALF, out, short=True).form
    assert forms == {16: "short", 64: "short", 4608: "wide"}


@settings(max_examples=100, deadline=None)
@seed(22)
@given(st.fractions(Fraction(1, 1 << 40), 1 << 12), st.fractions(Fraction(1, 1 << 40), 1 << 12), st.booleans())
def test_an_addition_has_the_largest_common_shift(a: Fraction, b: Fraction, negative: bool) -> None:
    ma, mb, s = add_multipliers(a, -b if negative else b)
    assert max(abs(ma), abs(mb)) < 1 << 15 and 2 <= s <= 30
    assert abs(ma - a * (1 << s)) <= Fraction(1, 2) and abs(abs(mb) - b * (1 << s)) <= Fraction(1, 2)
    if s < 30:
        assert max(a, b) * (1 << (s + 1)) + Fraction(1, 2) >= 1 << 15


conv_ratios = st.lists(st.fractions(Fraction(1, 1 << 30), 1), min_size=1, max_size=4)
small_ratios = st.lists(st.fractions(Fraction(1, 1 << 30), Fraction(1, 512)), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@seed(23)
@given(conv_ratios, st.fractions(Fraction(1, 1 << 16), 1 << 10))
def test_a_fused_addition_has_the_largest_shift(ratios: list[Fraction], residual: Fraction) -> None:
    m, mb, up, shifts = residual_multipliers(ratios, residual)
    if up == 32:
        check_high(ratios, residual, m, mb, shifts)
        return
    assert 0 <= up <= 16
    for ratio, one, other, s in zip(ratios, m, mb, shifts, strict=True):
        assert 0 <= one <= INT32_MAX and 0 <= other <= INT32_MAX and 2 <= s <= 62
        assert abs(one - ratio * (1 << s)) <= Fraction(1, 2)
        assert abs(other * (1 << up) - residual * (1 << s)) <= Fraction(1 << up, 2)
        finer = max(ratio * (1 << (s + 1)), residual * (1 << (s + 1)) / (1 << up)) + Fraction(1, 2)
        assert s == 62 or finer >= 1 << 31


def check_high(ratios: list[Fraction], residual: Fraction, m: tuple, mb: tuple, shifts: tuple) -> None:
    """What kernels rely on, and how far a residual may be off."""
    for ratio, one, other, s in zip(ratios, m, mb, shifts, strict=True):
        assert 33 <= s <= 53 and 0 <= one <= INT32_MAX and 0 <= other < 1 << 15
        assert abs(one - ratio * (1 << s)) <= Fraction(1, 2)
        assert 255 * abs(Fraction(other << 32, 1 << s) - residual) <= Fraction(1, 32)  # steps of the result
        finer = ratio * (1 << (s + 1)) + Fraction(1, 2) >= 1 << 31 or residual * (1 << (s + 1)) >= 1 << (14 + 32)
        assert s == 53 or finer


@settings(max_examples=100, deadline=None)
@seed(27)
@given(conv_ratios, st.fractions(Fraction(1, 1 << 16), 1 << 10))
def test_a_residual_of_16_bits_leaves_its_sums_more_room(ratios: list[Fraction], residual: Fraction) -> None:
    _, mb, up, shifts = residual_multipliers(ratios, residual, (1 << 15) - 1)
    if up != 32:
        assert 0 <= up <= 8
        return
    for other, s in zip(mb, shifts, strict=True):
        assert 33 <= s <= 53 and 0 <= other < 1 << 13
        assert (1 << 15) * abs(Fraction(other << 32, 1 << s) - residual) <= Fraction(1, 31)


@settings(max_examples=100, deadline=None)
@seed(25)
@given(small_ratios, st.integers(1, 512))
def test_a_residual_of_whole_256ths_is_added_to_the_high_half(ratios: list[Fraction], whole: int) -> None:
    residual = Fraction(whole, 256)
    m, mb, up, shifts = residual_multipliers(ratios, residual)
    assert up == 32
    check_high(ratios, residual, m, mb, shifts)
    for other, s in zip(mb, shifts, strict=True):
        assert s < 40 or Fraction(other << 32, 1 << s) == residual  # nothing is lost


def test_a_fused_addition_by_hand() -> None:
    # 2^-10 * 2^s stays below 2^31 up to s = 40, where 1/2 is 2^7 times 2^32
    assert residual_multipliers([Fraction(1, 1 << 10)], Fraction(1, 2)) == ((1 << 30,), (128,), 32, (40,))
    # a tiny ratio leaves the shift to the residual, whose multiplier stays below 2^14
    m, mb, up, shifts = residual_multipliers([Fraction(1, 1 << 20)], Fraction(1, 2))
    assert (up, shifts, mb[0] << 32) == (32, (46,), 1 << 45) and m == (1 << 26,)


@pytest.mark.parametrize(
    ("ratios", "residual"),
    [
        ([Fraction(1, 2)], Fraction(1)),  # its shift of 31 leaves no high half
        ([Fraction(1, 1 << 10)] * 2 + [Fraction(1, 2)], Fraction(1)),  # nor in one channel
        ([Fraction(1, 1 << 8)], Fraction(257, 512)),  # s = 38 counts in 64ths: an eighth of one is half a step
        ([Fraction(1, 1 << 20)], Fraction(1 << 14)),  # a residual that a shift of 33 does not hold
    ],
)
def test_what_the_high_half_cannot_say_well_is_added_to_the_whole(ratios: list[Fraction], residual: Fraction) -> None:
    m, _, up, _ = residual_multipliers(ratios, residual)
    assert up <= 16 and len(m) == len(ratios)


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (0.0, 255.0, 1.0, 0),
        (-255.0, 0.0, 1.0, 255),
        (-64.0, 63.5, 0.5, 128),
        (3.0, 255.0, 1.0, 0),  # 0 is always inside
        (-7.0, -5.0, float(np.float32(7 / 255)), 255),
        (0.0, 0.0, 1.0, 0),
        (1e-40, 1e-40, 2.0**-126, 0),
    ],
)
def test_ranges_become_scales(low: float, high: float, scale: float, zero_point: int) -> None:
    assert activation_from_range(low, high) == Activation(scale, zero_point)


@settings(max_examples=200, deadline=None)
@seed(24)
@given(st.floats(-(2.0**100), 2.0**100), st.floats(-(2.0**100), 2.0**100))
def test_a_scale_is_a_float32_and_zero_is_exact(a: float, b: float) -> None:
    kind = activation_from_range(min(a, b), max(a, b))
    assert float(np.float32(kind.scale)) == kind.scale > 0
    assert 0 <= kind.zero_point <= 255 and kind.step(0.0) == kind.zero_point


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("short", [False, True])
def test_blocks_of_channels_change_no_number(monkeypatch: pytest.MonkeyPatch, kind: type, short: bool) -> None:
    rng = np.random.default_rng(3)
    weight, bias, mean = rng.normal(size=(37, 3, 5)).astype(kind), rng.normal(size=37), rng.normal(size=(37, 15))
    weight[[4, 9]] = 0
    bias[4] = 0

    def made() -> Product:
        return quantize_product("/layer", weight, bias, mean, HALF, POSITIVE, short=short)

    at_once = made()
    monkeypatch.setattr(products, "BLOCK", 30)
    by_two = made()
    assert np.array_equal(at_once.weight, by_two.weight) and np.array_equal(at_once.bias, by_two.bias)
    assert (at_once.scales, at_once.multiplier, at_once.acc) == (by_two.scales, by_two.multiplier, by_two.acc)


def test_a_large_layer_takes_little_memory_beside_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "BLOCK", 1 << 12)
    weight = np.random.default_rng(4).normal(size=(64, 1 << 14)).astype(np.float32)
    tracemalloc.start()
    quantize_product("/layer", weight, np.zeros(64), np.zeros(1 << 14), HALF, Activation(100.0, 0), short=True)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.5 * weight.nbytes
