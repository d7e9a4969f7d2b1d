"""Recurrences give the bits of `qi.recurrence`: all kinds, both directions, states of 8 and 16 bits, any start."""

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, numbers, prepared, quantized, tensor

from dyadic.dialects.recurrence import GATES, GRU
from dyadic.passes.lower.cuda.kernels.families.recurrence import RecurrenceSpec, pack_weights, unpack_weights
from dyadic.runtime.fixedpoint import wide_multiplier

OUT_ZERO_POINT = 128


def recurrence(
    kind: str,
    steps: int,
    hidden: int,
    *,
    reverse: bool = False,
    cell: bool = False,
    wide: bool = False,
    state_bits: int = 15,
    cell_bits: int = 10,
    acc_shift: int = 0,
    residual_shift: int = 32,
    bits: int = 8,
    start: str = "zero",  # "zero", "constant" or "input"
    start_bits: int = 8,
    gain: Fraction = Fraction(1),
    gaps: Sequence[Gap] = (),
    seed: int = 0,
) -> Case:
    """gain: of the products of states, which usually reach +-2 of what gates are functions of."""
    rng = np.random.default_rng(seed)
    outputs, dropped = GATES[kind] * hidden, max(0, state_bits - 7)
    weight = rng.integers(-127, 128, (outputs, hidden))
    usual = int(60 * 73 * hidden**0.5) << (8 if wide else 0)
    bias = rng.integers(-usual, usual + 1, outputs) - (0 if wide else 128 * weight.sum(1))
    pairs = [
        wide_multiplier(gain * 8192 * Fraction(int(n), 16) / (max(usual >> acc_shift, 1) * 3))
        for n in rng.integers(8, 17, outputs)
    ]
    if not all(33 <= s <= 45 for _, s in pairs):
        residual_shift = min(residual_shift, 8)  # 32 is for the high form
    residual = [min(max(1, round(0.4 * 2.0 ** (s - residual_shift))), 1 << 30) for _, s in pairs]
    if kind == GRU:
        residual[2 * hidden :] = [0] * hidden
    x = tensor([1, steps, outputs], quantized(16))
    made = tensor([1, steps, hidden], quantized(bits, OUT_ZERO_POINT))
    state = tensor([1, hidden], quantized(start_bits, 100))
    low, high = (-32768, 32760) if bits == 16 else (1, 250)
    result = [200, 1 + state_bits] if bits == 8 else [21000, 15]
    w, b = f"tensor<{outputs}x{hidden}x", f"tensor<{outputs}xi32>"
    of_weights = f"!quant.uniform<i8<-127:127>:f32:0, {{{','.join(['0.25'] * outputs)}}}>"
    lines = [
        f'%w = "qi.constant"() {{value = dense<{weight.tolist()}> : {w}i8>}} : () -> {w}{of_weights}>',
        f'%b = "qi.constant"() {{value = dense<{bias.tolist()}> : {b}}} : () -> {b}',
    ]
    inputs, states = [x], ["%x1", "%x2"]
    if start == "input":
        inputs += [state, state]
    else:
        states = ["%h", "%c"]
        zero = 0 if start_bits == 16 else 100
        for name in states:
            most = 2000 if start_bits == 16 else 120
            values = (
                rng.integers(zero - most // 2, zero + most, (1, hidden)) if start == "constant" else [[zero] * hidden]
            )
            signed = np.asarray(values).astype(np.int16 if start_bits == 16 else np.uint8)
            storage = "i16" if start_bits == 16 else "i8"
            given = (signed if start_bits == 16 else signed.view(np.int8)).tolist()
            lines.append(
                f'{name} = "qi.constant"() {{value = dense<{given}> : tensor<1x{hidden}x{storage}>}} : () -> {state}'
            )
    attributes = (
        f"acc = {numbers([-(1 << 30), 1 << 30])}, bits = {numbers([state_bits, cell_bits, dropped])},"
        f" cell = {str(cell).lower()}, reverse = {str(reverse).lower()}, wide = {str(wide).lower()},"
        f' kind = "{kind}", low = {low} : i64, high = {high} : i64, multiplier = {numbers([m for m, _ in pairs], 32)},'
        f" shift = {numbers([s for _, s in pairs], 32)}, residual_multiplier = {numbers(residual, 32)},"
        f" residual_shift = {residual_shift} : i64, project = {numbers([9000, 14])}, result = {numbers(result)},"
        f" start = {numbers([20000, 6, -15000, 9])}" + (f", acc_shift = {acc_shift} : i64" if acc_shift else "")
    )
    kinds = f"({x}, {w}{of_weights}>, {b}, {state}, {state}) -> {made}"
    lines.append(f'%out = "qi.recurrence"(%x0, %w, %b, {", ".join(states)}) {{{attributes}}} : {kinds}')
    return Case("\n".join(lines), inputs, gaps, seed)


CASES = {
    "lstm": recurrence("lstm", 7, 24),
    "lstm backwards": recurrence("lstm", 5, 17, reverse=True, residual_shift=6),
    "its cell": recurrence("lstm", 5, 20, cell=True, cell_bits=12, bits=16),
    "gru": recurrence("gru", 6, 33, residual_shift=8),
    "gru that resets first": recurrence("gru-reset-first", 6, 30),
    "tanh": recurrence("tanh", 9, 40, bits=16),
    "relu": recurrence("relu", 4, 16, state_bits=12),
    "states of 16 bits": recurrence("lstm", 5, 24, wide=True, acc_shift=4, residual_shift=8),
    "gru of 16 bits": recurrence("gru-reset-first", 5, 21, wide=True, acc_shift=8, residual_shift=8, bits=16),
    "from constants": recurrence("lstm", 3, 18, start="constant"),
    "from inputs": recurrence("lstm", 3, 18, start="input", reverse=True),
    "from inputs of 16 bits": recurrence("gru", 3, 10, start="input", start_bits=16),
    "more outputs than threads": recurrence("lstm", 2, 150, gaps=[Gap(1), Gap(2, start=2)]),
    "saturated": recurrence("tanh", 4, 12, gain=Fraction(40), residual_shift=2),
    "one unit": recurrence("gru", 5, 1, residual_shift=3),
}  # fmt: skip

Kernels = tuple[str, dict[Any, str]]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """All of them, from one code generation."""
    return prepared(list(CASES.values()))


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_the_operator_means(gpu: Gpu, kernels: Kernels, name: str) -> None:
    for batch in (1, 3):
        CASES[name].check(gpu, *kernels, batch)


def spec_of(**change: Any) -> RecurrenceSpec:
    fields: dict[str, Any] = {
        "kind": "lstm", "hidden": 21, "reverse": False, "cell": False, "wide": False, "state_bits": 15, "cell_bits": 10,
        "dropped": 8, "in_row": 96, "in_plane": 960, "out_row": 24,
    }  # fmt: skip
    return RecurrenceSpec(**fields | change)


def test_weights_are_found_again() -> None:
    weight = np.random.default_rng(0).integers(-127, 128, (84, 21)).astype(np.int8)
    stored = np.concatenate([pack_weights(spec_of(), weight), np.ones(64, np.int8)])
    np.testing.assert_array_equal(unpack_weights(spec_of(), stored), weight)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "mlp"}, "its kind is known"),
        ({"in_plane": 0}, "its input has 16 bits"),
        ({"form": "short"}, "requantization has 64 bits"),
        ({"hidden": 4000}, "shared memory suffices"),
    ],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        spec_of(**change)


def random_case(choose: random.Random, seed: int) -> Case:
    kind, wide, start = choose.choice([*GATES]), choose.random() < 0.4, choose.choice(["zero", "constant", "input"])
    state_bits = choose.choice([12, 15, 15]) if kind != "relu" else 12
    return recurrence(
        kind, choose.randrange(1, 8), choose.choice([1, 2, 7, 16, 25, 48]), reverse=choose.random() < 0.4,
        cell=kind == "lstm" and choose.random() < 0.3, wide=wide, state_bits=state_bits,
        cell_bits=choose.choice([8, 10, 12]), acc_shift=choose.choice([0, 3, 8]) if wide else 0,
        residual_shift=choose.choice([0, 5, 8, 32]), bits=choose.choice([8, 16]), start=start,
        start_bits=choose.choice([8, 16]), gain=Fraction(choose.choice([1, 1, 20])), seed=seed,
        gaps=[Gap.random(choose) for _ in range(4 if start == "input" else 2)],
    )  # fmt: skip


@pytest.mark.slow
def test_random_recurrences(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose, n) for n in range(40)]
    kernels = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case.text[-900:]}")
        case.check(gpu, *kernels, choose.choice([1, 3, 8]))
