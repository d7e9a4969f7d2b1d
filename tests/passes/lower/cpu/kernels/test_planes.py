"""Kernels of every family give the bits of their ops where tensors have 16 bits: two planes of bytes, in any mixture.

Geometry is what the tests of each family are about; here it is small.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dyadic.dialects import piecewise_linear as law
from dyadic.dialects import quotients
from dyadic.dialects.windows import taps, valid_cells
from dyadic.passes.lower.cpu.kernels.families import (
    conv,
    depthwise,
    divide,
    elementwise_wide,
    extreme,
    piecewise_linear,
    pool,
    weight_storage,
)
from dyadic.passes.lower.cpu.kernels.families.elementwise_wide import ADD, MUL, REQUANT
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.memory.strided import Strided
from dyadic.runtime import fixedpoint
from dyadic.runtime.fixedpoint import INT32_MAX, INT32_MIN, S16_MAX, S16_MIN, WIDE_END, WIDE_MIN

WIDE, BYTE = (S16_MIN, S16_MAX), (0, 255)
FORMS = (requantize.HIGH, requantize.WIDE, requantize.SMALL_SHIFT)


@dataclass
class Tensor:
    """Images in memory with gaps, and the integers that they hold."""

    memory: Any
    values: Any
    column: int
    row: int
    image: int
    plane: int
    zero_point: int

    @property
    def largest(self) -> int:
        """How far from its zero point a number can be."""
        return 1 << 15 if self.plane else 255

    @staticmethod
    def of(rng: np.random.Generator, kernels: Any, sizes: tuple[int, ...], wide: bool, *, extreme: bool) -> "Tensor":
        """[N, rows, columns, channels], at random or of the two ends and what is next to them."""
        images, rows, columns, channels = sizes
        low, high = WIDE if wide else BYTE
        values = rng.integers(low, high + 1, sizes)
        if extreme:
            values = rng.choice([low, low + 1, 0, high - 1, high], sizes)
        column = channels + int(rng.choice([0, 3]))
        row = columns * column + int(rng.choice([0, 5]))
        plane = rows * row + int(rng.choice([0, 9])) if wide else 0
        image = 2 * plane + 1 if wide else rows * row + 1
        memory = rng.integers(0, 256, images * image, np.uint8)
        made = Tensor(memory, values, column, row, image, plane, 0 if wide else int(rng.integers(0, 256)))
        made.write(kernels, values)
        return made

    def write(self, kernels: Any, values: Any) -> None:
        for i, plane in enumerate(fixedpoint.planes(values.astype(np.int16 if self.plane else np.uint8))):
            strides = (self.image, self.row, self.column, 1)
            kernels.view(self.memory, i * self.plane, values.shape, strides)[:] = plane

    @property
    def lies(self) -> Strided:
        return Strided(self.column, self.row, self.image, plane=self.plane)

    def strides(self, name: str) -> dict[str, Any]:
        return {f"{name}_{key}": getattr(self, key) for key in ("column", "row", "image", "plane")}


def clamp_of(rng: np.random.Generator, wide: bool) -> tuple[int, int]:
    low, high = WIDE if wide else BYTE
    if rng.random() < 0.5:
        return low, high
    low, high = sorted(int(v) for v in rng.integers(low, high + 1, 2))
    return low, high


def finished(kernels: Any, spec: Any, inputs: list[Tensor], out: Tensor, values: Any, **memory: Any) -> Any:
    """The case whose result is `values`."""
    before = out.memory.copy()
    out.write(kernels, values)
    places = [(each.memory, 0) for each in inputs]
    return kernels.Case(spec, places, before, out.memory, images=len(values), **memory)


def products(
    rng: np.random.Generator, x: Tensor, weight: Any, sums: Any, form: str
) -> tuple[int, Any, Any, Any, Any, Any]:
    """(acc_shift, bias, high bias, narrowed sums, m, s); biases of some channels reach an end of int32 where they can.

    `sums` are those of products, channels last.
    """
    channels = len(weight)
    rows = weight.reshape(channels, -1).astype(np.int64)
    positive, negative = np.maximum(rows, 0).sum(1), np.minimum(rows, 0).sum(1)
    acc_shift, high_bias = 0, None
    if x.plane:
        high_bias = -128 * rows.sum(1)
        # what narrowing leaves must fit whatever the input is
        whole = (1 << 15) * (positive - negative)
        acc_shift = max(0, int(whole.max()).bit_length() - 30)
        acc_shift = min(acc_shift + int(rng.integers(0, 3)), 8)
        assert whole.max() >> acc_shift < 1 << 31
    bias = rng.integers(-(1 << 28), 1 << 28, channels) >> rng.integers(0, 20, channels)
    half = 1 << acc_shift >> 1
    acc = (sums + bias + half) >> acc_shift
    assert acc.min() >= INT32_MIN and acc.max() <= INT32_MAX
    m = rng.integers(WIDE_MIN, WIDE_END, channels)
    first, last = {requantize.HIGH: (33, 54), requantize.WIDE: (32, 50), requantize.SMALL_SHIFT: (2, 40)}[form]
    return acc_shift, bias + half, high_bias, acc, m, rng.integers(first, last, channels)


def conv_case(kernels: Any, rng: np.random.Generator, widths: tuple[bool, bool, bool | None], form: str) -> Any:
    """Widths of x, the result and, where there is one, the residual."""
    kernel, groups = [(1, 1), (3, 3), (2, 3)][rng.integers(3)], int(rng.choice([1, 1, 2]))
    depth, made = int(rng.choice([4, 8, 20])), int(rng.choice([5, 16, 40, 64]))
    rows, columns, images = int(rng.integers(1, 5)), int(rng.choice([1, 3, 7, 19])), 2
    extreme = bool(rng.integers(2))
    height, width, channels = rows + kernel[0] - 1, columns + kernel[1] - 1, groups * made
    x = Tensor.of(rng, kernels, (images, height, width, depth * groups), widths[0], extreme=extreme)
    out = Tensor.of(rng, kernels, (images, rows, columns, channels), widths[1], extreme=False)
    weight = rng.integers(-127, 128, (channels, *kernel, depth))
    if extreme:
        weight = rng.choice([-127, 127], (channels, 1, 1, 1)) * np.ones_like(weight)
        weight[rng.random(weight.shape) < 0.1] *= -1
    vectors = -(-made // conv.LANES)
    sums = np.zeros((images, rows, columns, channels), np.int64)
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            cells = x.values[:, a : a + rows, b : b + columns]
            for g in range(groups):
                mine = slice(g * made, (g + 1) * made)
                sums[..., mine] += cells[..., g * depth : (g + 1) * depth] @ weight[mine, a, b].T
    acc_shift, bias, high_bias, acc, m, s = products(rng, x, weight, sums, form)
    total = acc * m
    low, high = clamp_of(rng, widths[1])
    header, inputs, added = [out.zero_point, low, high], [x], None
    fields: dict[str, Any] = {}
    if widths[2] is not None:
        rest = Tensor.of(rng, kernels, (images, rows, columns, channels), widths[2], extreme=extreme)
        limits = fixedpoint.residual_limits(rest.largest - 1 if widths[2] else 255)
        shift, bits = int(rng.integers(0, limits.shift + 1)), 31
        if form == requantize.HIGH:
            shift, bits = fixedpoint.HIGH_RESIDUAL_SHIFT, limits.high_bits
        added = rng.choice([0, 1, (1 << bits) - 1, int(rng.integers(0, 1 << bits))], channels)
        total = total + ((rest.values - rest.zero_point) << shift) * added
        fields = {"residual": True, **rest.strides("residual")}
        header += [rest.zero_point, shift]
        inputs.append(rest)
    spec = conv.ConvSpec(
        rows=rows, columns=columns, channels=made, groups=groups, unit_vectors=int(rng.integers(1, vectors + 1)),
        unit_rows=int(rng.integers(1, rows + 1)), unit_columns=int(rng.integers(1, columns + 1)), **x.strides("in"),
        in_group=depth, taps_y=kernel[0], taps_x=kernel[1], tap_y=x.row, tap_x=x.column, run_dwords=depth // 4,
        packed_dwords=16, **out.strides("out"), form=form,
        clamp=requantize.clamps(low, high, wide=widths[1]), acc_shift=acc_shift, **fields,
    )  # fmt: skip
    grouped = [None if each is None else weight_storage.by_group(spec, each) for each in (bias, m, s, added, high_bias)]
    params = requantize.pack(*grouped[:4], form, header, grouped[4])  # type: ignore[arg-type]
    values = np.clip(fixedpoint.round_shift(total, s) + out.zero_point, low, high)
    packed = weight_storage.pack_weights(spec, weight.astype(np.int8), x.column)
    return finished(kernels, spec, inputs, out, values, weights=packed, params=params)


def test_convolutions_of_any_widths(kernels: Any) -> None:
    rng = np.random.default_rng(16)
    mixtures = [
        (True, True, None), (True, False, None), (False, True, None), (True, True, True),
        (True, True, True), (True, False, True), (False, True, True), (True, True, False),
        (True, True, None), (False, False, True), (True, False, True), (True, True, True),
    ]  # fmt: skip
    cases = [conv_case(kernels, rng, widths, form) for widths, form in zip(mixtures, 4 * FORMS, strict=True)]
    kernels.check(cases, rng, every_level=True)


def depthwise_case(
    kernels: Any, rng: np.random.Generator, widths: tuple[bool, bool], form: str, kernel: tuple[int, int] = (0, 0)
) -> Any:
    some, stride = [(3, 3), (5, 2), (1, 1)][rng.integers(3)], int(rng.choice([1, 1, 2]))
    kernel = kernel if any(kernel) else some
    channels, images = int(rng.choice([3, 16, 24, 64, 72])), 2
    rows, columns = int(rng.integers(1, 6)), int(rng.choice([1, 3, 8, 9]))
    height, width = (rows - 1) * stride + kernel[0], (columns - 1) * stride + kernel[1]
    extreme = bool(rng.integers(2))
    x = Tensor.of(rng, kernels, (images, height, width, channels), widths[0], extreme=extreme)
    out = Tensor.of(rng, kernels, (images, rows, columns, channels), widths[1], extreme=False)
    weight = rng.choice([-127, 127] if extreme else range(-127, 128), (channels, *kernel, 1))
    sums = np.zeros((images, rows, columns, channels), np.int64)
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            cells = x.values[:, a::stride, b::stride][:, :rows, :columns]
            sums += cells * weight[:, a, b, 0]
    acc_shift, bias, high_bias, acc, m, s = products(rng, x, weight, sums, form)
    low, high = clamp_of(rng, widths[1])
    strides: dict[str, Any] = {**x.strides("in"), "in_column": stride * x.column, "in_row": stride * x.row}
    spec = depthwise.DepthwiseSpec(
        rows=rows, columns=columns, channels=channels, unit_rows=int(rng.integers(1, rows + 1)), taps_y=kernel[0],
        taps_x=kernel[1], tap_y=x.row, tap_x=x.column, stride_x=stride, **strides, **out.strides("out"), form=form,
        clamp=requantize.clamps(low, high, wide=widths[1]), unit_blocks=1, acc_shift=acc_shift,
    )  # fmt: skip
    params = depthwise.pack_params(spec, bias, m, s, [out.zero_point, low, high], high_bias)
    values = fixedpoint.requant(acc, m, s, out.zero_point, low, high)
    packed = depthwise.pack_weights(spec, weight.astype(np.int8))
    return finished(kernels, spec, [x], out, values, weights=packed, params=params)


def test_depthwise_convolutions_of_any_widths(kernels: Any) -> None:
    rng = np.random.default_rng(17)
    mixtures = [(True, True), (True, True), (True, False), (False, True), (True, False), (True, True)]
    cases = [depthwise_case(kernels, rng, pair, form) for pair, form in zip(mixtures, 2 * FORMS, strict=True)]
    cases += [depthwise_case(kernels, rng, pair, FORMS[0], (5, 37)) for pair in mixtures[1:4]]
    kernels.check(cases, rng)


def elementwise_case(kernels: Any, rng: np.random.Generator, operation: str, widths: tuple[bool, ...]) -> Any:
    """Widths of the operands, then of the result."""
    sizes = (2, int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.choice([1, 8, 33, 64, 130])))
    *operands, out = (Tensor.of(rng, kernels, sizes, wide, extreme=bool(rng.integers(2))) for wide in widths)
    shift = int(rng.choice([2, 16, 17, 30, 31, 32, 33, 45, 53, 62]))
    multipliers = [int(rng.integers(WIDE_MIN, WIDE_END)) for _ in operands[: 2 if operation == ADD else 1]]
    if operation == ADD:
        multipliers[1] *= int(rng.choice([-1, 1]))
    low, high = clamp_of(rng, widths[-1])
    lift = 0 if operation == MUL else elementwise_wide.lift_of(shift)
    form = requantize.form_of(np.array([shift + lift]), residual_shift=0 if operation == ADD else None)
    lies: dict[str, Any] = {"a": operands[0].lies}
    centered = [each.values - each.zero_point for each in operands]
    if operation == REQUANT:
        total = centered[0] * multipliers[0]
    else:
        b = operands[1].lies
        kind = int(rng.integers(3))
        if kind == 1:  # one row of numbers for every pixel
            b = replace(b, column=0, row=0, image=0)
            centered[1] = centered[1][:1, :1, :1]
        elif kind == 2:
            b = replace(b, channel=0)
            centered[1] = centered[1][..., :1]
        lies["b"] = b
        total = centered[0] * centered[1] * multipliers[0]
        if operation == ADD:
            total = centered[0] * multipliers[0] + centered[1] * multipliers[1]
    spec = elementwise_wide.WideSpec(
        operation=operation, rows=sizes[1], columns=sizes[2], channels=sizes[3], form=form, lift=lift,
        unit_rows=int(rng.integers(1, sizes[1] + 1)), **lies, out=out.lies,
    )  # fmt: skip
    zero_points = [each.zero_point for each in operands]
    params = elementwise_wide.pack_params(spec, multipliers, shift, zero_points, [out.zero_point, low, high])
    values = np.clip(fixedpoint.round_shift(total, shift) + out.zero_point, low, high)
    return finished(kernels, spec, operands, out, values, params=params)


@pytest.mark.parametrize("operation", [ADD, MUL, REQUANT])
def test_elementwise_operations_of_any_widths(kernels: Any, operation: str) -> None:
    rng = np.random.default_rng(18)
    some = [(True, True, True), (True, False, True), (False, True, False), (False, False, True), (True, True, False)]
    mixtures = [(True, True), (True, False)] if operation == REQUANT else some
    kernels.check([elementwise_case(kernels, rng, operation, widths) for widths in 2 * mixtures], rng)


def test_the_larger_and_the_smaller_of_two_wide_numbers(kernels: Any) -> None:
    rng = np.random.default_rng(22)
    cases = []
    for i in range(6):
        sizes = (2, int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.choice([1, 8, 33, 64, 130])))
        a, b, out = (Tensor.of(rng, kernels, sizes, True, extreme=bool(rng.integers(2))) for _ in range(3))
        lies, other = b.lies, b.values
        if i % 3:  # one number for a pixel, or one row of numbers for all
            lies = replace(lies, channel=0) if i % 3 == 1 else replace(lies, column=0, row=0, image=0)
            other = other[..., :1] if i % 3 == 1 else other[:1, :1, :1]
        spec = extreme.ExtremeSpec(*sizes[1:], 1, largest=i < 3, a=a.lies, b=lies, out=out.lies)
        values = (np.maximum if i < 3 else np.minimum)(a.values, other)
        cases.append(finished(kernels, spec, [a, b], out, values))
    kernels.check(cases, rng)


def test_lines_of_wide_numbers(kernels: Any) -> None:
    """Of any starts and slopes that stay inside int32, for every one of the 16-bit numbers."""
    rng = np.random.default_rng(23)
    cases = []
    for i, bits in enumerate(2 * law.CHOICES):
        sizes = (2, *[(1, 1, 1 << 16), (3, 4, int(rng.choice([1, 8, 33, 64, 130])))][i // len(law.CHOICES)])
        x = Tensor.of(rng, kernels, sizes, True, extreme=False)
        if sizes[-1] == 1 << 16:
            x.values = np.broadcast_to(np.arange(WIDE[0], WIDE[1] + 1), sizes)
            x.write(kernels, x.values)
        out = Tensor.of(rng, kernels, sizes, bool(i % 2), extreme=False)
        reach = law.reach(bits)
        start = rng.integers(-(1 << 29), 1 << 29, len(reach))
        slope = rng.integers(-(1 << 29), 1 << 29, len(reach)) // np.maximum(reach, 1)
        table = np.stack([start, slope], 1).astype(np.int32)
        low, high = clamp_of(rng, bool(i % 2))
        values = np.clip(law.values(table, x.values) + out.zero_point, low, high)
        spec = piecewise_linear.PiecewiseLinearSpec(bits, *sizes[1:], 1, x.lies, out.lies)
        memory = {
            "weights": piecewise_linear.pack_lines(table),
            "params": requantize.pack_header([out.zero_point, low, high]),
        }
        cases.append(finished(kernels, spec, [x], out, values, **memory))
    kernels.check(cases, rng)


def test_quotients_of_any_widths(kernels: Any) -> None:
    """Of ratios whose shifts are at both ends and between; divisors of either sign, 0 among them."""
    rng = np.random.default_rng(24)
    cases = []
    ratios = [Fraction(1, 1 << 40), Fraction(1, 300), Fraction(3, 2), Fraction(40_000)]
    for i, ratio in enumerate(3 * ratios):
        sizes = (2, int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.choice([1, 8, 33, 64, 130])))
        a = Tensor.of(rng, kernels, sizes, bool(i % 2), extreme=bool(rng.integers(2)))
        b = Tensor.of(rng, kernels, sizes, True, extreme=bool(rng.integers(2)))
        out = Tensor.of(rng, kernels, sizes, bool(i % 3), extreme=False)
        lies, other = b.lies, b.values
        if i >= 2 * len(ratios):
            lies, other = replace(lies, channel=0), other[..., :1]
        table, shift = quotients.line_table(ratio)
        low, high = clamp_of(rng, bool(i % 3))
        exact = fixedpoint.round_shift((a.values - a.zero_point) * quotients.multipliers(table, other), shift)
        spec = divide.DivideSpec(*sizes[1:], 1, a.lies, lies, out.lies)
        memory = {
            "weights": piecewise_linear.pack_lines(table),
            "params": divide.pack_params([out.zero_point, low, high], a.zero_point, shift),
        }
        values = np.clip(exact + out.zero_point, low, high)
        cases.append(finished(kernels, spec, [a, b], out, values, **memory))
    kernels.check(cases, rng)


def pool_case(kernels: Any, rng: np.random.Generator, widths: tuple[bool, bool] | None) -> Any:
    """Averages of widths, or the largest of 16 bits."""
    kernel = [int(n) for n in rng.choice([1, 2, 3, 6], 2)]
    size = [int(n) + 5 for n in rng.integers(1, 5, 2)]
    padding = [0, 0, *(int(k > 1) for k in kernel)]
    out_size = [(n + pad - k) // 2 + 1 for n, k, pad in zip(size, kernel, padding[2:], strict=True)]
    channels = int(rng.choice([1, 16, 40, 65]))
    x = Tensor.of(rng, kernels, (2, *size, channels), widths is None or widths[0], extreme=bool(rng.integers(2)))
    out = Tensor.of(rng, kernels, (2, *out_size, channels), widths is None or widths[1], extreme=False)
    fields = {
        "rows": out_size[0], "columns": out_size[1], "channels": channels, "unit_rows": 1, "in_rows": size[0],
        "in_columns": size[1], "taps_y": kernel[0], "taps_x": kernel[1], "stride_y": 2, "stride_x": 2,
        "pad_top": padding[0], "pad_left": padding[1], **x.strides("in"), **out.strides("out"),
    }  # fmt: skip
    fill = S16_MIN if widths is None else x.zero_point
    every = [cells for _, cells in taps(x.values, kernel, [2, 2], padding, [1, 1], out_size, fill)]
    if widths is None:
        spec = pool.MaxPoolSpec(**fields, dilation_y=1, dilation_x=1)
        return finished(kernels, spec, [x], out, np.stack(every).max(0))
    cells = valid_cells(size, kernel, [2, 2], padding, out_size, False)
    counts, index = np.unique(cells, return_inverse=True)
    index = index.reshape(cells.shape)
    form = [requantize.WIDE, requantize.SMALL_SHIFT][rng.integers(2)]
    m = rng.integers(WIDE_MIN, WIDE_END, len(counts))
    s = rng.integers(*((32, 40) if form == requantize.WIDE else (20, 35)), len(counts))
    low, high = clamp_of(rng, widths[1])
    spec = pool.AvgPoolSpec(**fields, form=form, counts=len(counts))
    params = pool.pack_avg_params(spec, m, s, index, [out.zero_point, low, high, x.zero_point])
    total = sum(each - x.zero_point for each in every)
    values = fixedpoint.requant(total, m[index][..., None], s[index][..., None], out.zero_point, low, high)
    return finished(kernels, spec, [x], out, values, params=params)


def test_pooling_of_any_widths(kernels: Any) -> None:
    rng = np.random.default_rng(19)
    mixtures = [None, (True, True), (True, False), (False, True)]
    kernels.check([pool_case(kernels, rng, widths) for widths in 3 * mixtures], rng)


def test_the_largest_of_more_cells_than_an_unrolled_window_has(kernels: Any) -> None:
    """The largest of many 16-bit numbers, cell by cell."""
    rng = np.random.default_rng(20)
    x = Tensor.of(rng, kernels, (1, 9, 9, 20), True, extreme=True)
    out = Tensor.of(rng, kernels, (1, 1, 1, 20), True, extreme=False)
    spec = pool.MaxPoolSpec(
        1, 1, 20, 1, 9, 9, 9, 9, 1, 1, 1, 1, 0, 0, x.column, x.row, x.image, out.column, out.row, out.image,
        x.plane, out.plane,
    )  # fmt: skip
    kernels.check([finished(kernels, spec, [x], out, x.values.max((1, 2), keepdims=True))], rng)
