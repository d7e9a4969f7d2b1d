"""One `qi` operator as a GPU computes it: selected as the compiler selects it, run on the executor, held against what
the operator means.

Tensors lie at random places: pixels and rows with gaps, an offset in their buffer, 16 bits in two planes. Nothing but
the result may change.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from support.code_cache import code_cache
from support.ptx.gpu import Gpu
from support.ptx.launches import NOTHING, run_launch
from torch_mlir import ir

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.dialects import new_context
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import activation, is_wide, quantized_bounds, shape, storage, zero_point
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.launches.launch import Launch
from dyadic.passes.lower.memory.views import CONSTANT, LAYOUT, NO_HALO, Halo, strides_of, to_attribute
from dyadic.runtime.fixedpoint import planes
from dyadic.runtime.layout import Layout, Margin

Fill = Callable[[np.random.Generator, tuple[int, ...], int, int], np.ndarray]  # shape, lowest and largest

BATCH = 3  # images of one run that are held against the operator; the first ones of larger batches repeat
SLACK = 16  # readable bytes behind a buffer


def quantized(bits: int, zero_point: int = 0, scale: float = 0.5) -> str:
    """The type of an activation's elements: up to 8 bits unsigned, or 16 signed."""
    if bits == 16:
        return f"!quant.uniform<i16:f32, {scale}>"
    span = "" if bits == 8 else f"<0:{(1 << bits) - 1}>"
    return f"!quant.uniform<u8{span}:f32, {scale}:{zero_point}>"


def numbers(values: Sequence[int], bits: int = 64) -> str:
    """An attribute of integers."""
    return f"array<i{bits}: {', '.join(str(n) for n in values)}>"


def tensor(dims: Sequence[int], element: str) -> str:
    """The type of one image, or a batch of one."""
    return f"tensor<{'x'.join(str(n) for n in dims)}x{element}>"


@dataclass(frozen=True)
class Gap:
    """How a tensor lies: what a pixel is a multiple of, further bytes of a pixel and of a row, where it starts, and the
    ring of zero points around it."""

    align: int = 16
    pixel: int = 0
    row: int = 0
    start: int = 0
    halo: Halo = NO_HALO

    @staticmethod
    def random(choose: random.Random, halo: Halo = NO_HALO) -> "Gap":
        align = choose.choice([1, 2, 4, 4, 8, 16, 16])
        pixel, row = (choose.choice([0, 0, 1, 3]) * align for _ in range(2))
        return Gap(align, pixel, row, choose.choice([0, 0, 1, 5]) * align, halo)

    def layout(self, value: ir.Value, buffer: int) -> Layout:
        dims = shape(value)[1:]
        columns, channels = (dims[-2] if len(dims) > 1 else 1), dims[-1]
        pixel = -(-channels // self.align) * self.align + self.pixel
        row = (self.halo.left + columns + self.halo.right) * pixel + self.row
        strides = strides_of(dims, pixel, row)
        start = self.start + self.halo.top * row + self.halo.left * pixel
        used = start + sum((size - 1) * step for size, step in zip(dims[::-1], strides[::-1], strict=False))
        used += self.halo.bottom * row + (1 + self.halo.right) * pixel
        plane, wide = -(-used // 64) * 64, is_wide(value)
        top, left, bottom, right = self.halo
        margins = () if self.halo == NO_HALO else (Margin(top, bottom), Margin(left, right), Margin(0, 0))
        return Layout(buffer, start, strides, plane * (2 if wide else 1), margins, plane if wide else 0)


@dataclass
class Case:
    """An operator of MLIR text that makes `%out` of `%x0`, `%x1`, ..., whose types are given. Lines before it may make
    constants. `gaps` are of the inputs, then the result."""

    text: str
    inputs: Sequence[str]
    gaps: Sequence[Gap] = ()
    seed: int = 0
    bounds: Mapping[int, tuple[int, int]] = field(default_factory=dict)  # of the integers of an input
    change: Mapping[str, Any] = field(default_factory=dict)  # of what the selector says, in the specs
    fill: Fill | None = None  # what makes the integers of inputs
    launches: list[Launch] = field(default_factory=list)

    def prepare(self) -> None:
        """Select its kernels, and compute what it means."""
        with new_context(), ir.Location.unknown():
            arguments = ", ".join(f"%f{n}: {_in_float(kind)}" for n, kind in enumerate(self.inputs))
            given = [
                f'%x{n} = "qi.quantize"(%f{n}) : ({_in_float(kind)}) -> {kind}' for n, kind in enumerate(self.inputs)
            ]
            body = "\n".join([*given, self.text])
            module = ir.Module.parse(f"func.func @main({arguments}) {{\n{body}\nreturn\n}}")
            ops = [op.opview for op in main_function(module).regions[0].blocks[0].operations][:-1]
            op = ops[-1]
            values = [one.operation.results[0] for one in ops[: len(self.inputs)]]
            gaps = self.gaps or [Gap()] * (len(values) + 1)
            self.layouts = [gap.layout(v, n) for n, (gap, v) in enumerate(zip(gaps, [*values, op.out], strict=True))]
            for one, layout in zip([*ops[: len(values)], op], self.layouts, strict=True):
                one.operation.attributes[LAYOUT] = to_attribute(layout)
            constants: dict[ir.Value, np.ndarray] = {}
            for one in ops[len(values) : -1]:
                (result,) = one.operation.results
                constants[result] = one.evaluate()
                if isinstance(result.type, ir.RankedTensorType) and activation(result) is not None:
                    dims = shape(result)[1:]
                    where = strides_of(dims, dims[-1], dims[-1] * (dims[-2] if len(dims) > 1 else 1))
                    plane = constants[result].size if is_wide(result) else 0
                    one.operation.attributes[LAYOUT] = to_attribute(Layout(CONSTANT, 0, where, 0, plane=plane))
            rng = np.random.default_rng(self.seed)
            self.arrays, self.zero_points = [], [zero_point(value) for value in values]
            for n, value in enumerate(values):
                low, high = self.bounds.get(n, quantized_bounds(value))
                dims = (BATCH, *shape(value)[1:])
                made = self.fill(rng, dims, low, high) if self.fill else rng.integers(low, high + 1, dims)
                self.arrays.append(made.astype(storage(value)))
            known = constants | dict(zip(values, self.arrays, strict=True))
            each = [
                {value: array if value in constants else array[k : k + 1] for value, array in known.items()}
                for k in range(BATCH)
            ]
            operands = list(op.operation.operands)
            self.meant = np.concatenate([op.evaluate(*(one[value] for value in operands)) for one in each])
            selector = selects.of(type(op))
            assert selector is not None, f"{op.operation.name} has no selector"
            self.launches = selector(op)
            for launch in self.launches:
                launch.spec = replace(launch.spec, **self.change)

    def memory(self, layout: Layout, array: np.ndarray, zero_point: int, batch: int) -> np.ndarray:
        """The bytes of a buffer with these numbers and their ring, others where they are not."""
        rng = np.random.default_rng(self.seed + 1)
        buffer = rng.integers(0, 256, batch * layout.image + SLACK).astype(np.uint8)
        around = planes(np.full(1, zero_point, array.dtype))
        for plane, values in enumerate(planes(array)):
            if layout.halo:
                first = sum(margin.before * step for margin, step in zip(layout.halo, layout.strides, strict=True))
                dims = [sum(margin) + size for margin, size in zip(layout.halo, array.shape[1:], strict=True)]
                whole = replace(layout, offset=layout.offset - first)
                self.elements(buffer, whole, [1, *dims], batch, plane)[...] = around[plane]
            view_ = self.elements(buffer, layout, array.shape, batch, plane)
            view_[...] = np.concatenate([values] * -(-batch // BATCH))[:batch]
        return buffer

    @staticmethod
    def elements(buffer: np.ndarray, layout: Layout, dims: Sequence[int], batch: int, plane: int) -> np.ndarray:
        """A plane of a tensor, where it lies."""
        strides = layout.strides[len(layout.strides) - len(dims) + 1 :]
        start = layout.offset + plane * layout.plane
        return np.lib.stride_tricks.as_strided(buffer[start:], (batch, *dims[1:]), (layout.image, *strides))

    def check(self, gpu: Gpu, ptx: str, symbols: Mapping[Any, str], batch: int) -> None:
        """Run it. Raises AssertionError where a byte differs, or one was written that is no result."""
        *sources, target = self.layouts
        given = zip(sources, self.arrays, self.zero_points, strict=True)
        buffers = [self.memory(layout, array, zero_point, batch) for layout, array, zero_point in given]
        result = np.random.default_rng(self.seed + 2).integers(0, 256, batch * target.image).astype(np.uint8)
        before = result.copy()
        for launch in self.launches:
            assert launch.out[0] == len(sources)
            inputs, images, starts = [], [], []
            for buffer, offset in launch.inputs:
                inside = buffer != CONSTANT
                at = (
                    [*buffers, result][buffer]
                    if inside
                    else np.append(launch.constant, [0xEE] * SLACK).astype(np.uint8)
                )
                inputs.append(at)
                images.append([*self.layouts][buffer].image if inside else 0)
                starts.append(offset)
            run_launch(
                gpu, ptx, symbols[launch.spec], launch.spec, result, inputs, images,
                launch.weights if launch.weights.size else NOTHING, launch.params if launch.params.size else NOTHING,
                batch, launch.out[1], starts,
            )  # fmt: skip
        wanted = np.concatenate([self.meant] * -(-batch // BATCH))[:batch]
        for plane, values in enumerate(planes(wanted)):
            np.testing.assert_array_equal(self.elements(result, target, wanted.shape, batch, plane), values)
            self.elements(before, target, wanted.shape, batch, plane)[...] = values
        np.testing.assert_array_equal(result, before)


def _in_float(kind: str) -> str:
    dims = kind.removeprefix("tensor<").split("!")[0]
    return f"tensor<{dims}f32>"


def prepared(cases: Sequence[Case]) -> tuple[str, dict[Any, str]]:
    """The text of all kernels that the cases need, and the symbol of each spec."""
    for case in cases:
        case.prepare()
    symbols: dict[Any, str] = {}
    for case in cases:
        for launch in case.launches:
            symbols.setdefault(launch.spec, f"k{len(symbols)}")
    return compile_kernels({symbol: spec for spec, symbol in symbols.items()}, "sm_80", code_cache()), symbols
