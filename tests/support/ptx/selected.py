"""One integer op through layouts and its selector to launches, run on the executor, against its own `evaluate`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from support.ptx.gpu import Gpu
from support.ptx.launches import NOTHING, run_launch
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.dialects import new_context, qi
from dyadic.dialects.tensor_types import quantized_bounds, shape, zero_point
from dyadic.dialects.weight_groups import GROUP, GROUP_SCALES
from dyadic.passes.lower.cuda.kernel_selection import selects
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY
from dyadic.passes.lower.launches.launch import Launch
from dyadic.passes.lower.memory.assign_layouts import assign_layouts
from dyadic.passes.lower.memory.copies import maker_of
from dyadic.passes.lower.memory.views import BUFFERS, CONSTANT, PIXEL_BYTES, layout_of
from dyadic.passes.rewriting import defining
from dyadic.runtime.fixedpoint import planes
from dyadic.runtime.layout import Layout

READABLE = 16  # bytes behind every operand
PIXEL = 16  # what pixels are padded to on GPUs
Array = np.ndarray[Any, Any]


@dataclass
class Selected:
    """The launches of an op, and what they read and write."""

    launches: list[Launch]
    sizes: list[int]  # of buffers
    inputs: list[tuple[Layout, int, tuple[int, int], list[int]]]  # layout, zero point, bounds, shape
    out: Layout
    expected: Callable[[Sequence[Array]], Array]

    def specs(self) -> Mapping[str, Any]:
        """By symbol, as a codegen child wants them."""
        return {REGISTRY.symbol_of(launch.spec): launch.spec for launch in self.launches}

    def run(self, gpu: Gpu, ptx: str, batch: int, seed: int) -> None:
        """On random data. Raises AssertionError where a byte differs, or one was written that is no result."""
        rng = np.random.default_rng(seed)
        buffers = [rng.integers(0, 256, (batch, size), dtype=np.uint8) for size in self.sizes]
        given = []
        for layout, zero, (low, high), dims in self.inputs:
            values = rng.integers(low, high + 1, (batch, *dims[1:])).astype(np.int16 if low < 0 else np.uint8)
            write(buffers[layout.buffer], layout, values, zero)
            given.append(values)
        wanted = self.expected(given)
        behind = rng.integers(0, 256, READABLE, dtype=np.uint8)
        before = buffers[self.out.buffer].copy()
        for launch in self.launches:
            constant = launch.constant if launch.constant.size else NOTHING
            inputs = [np.append(constant if b == CONSTANT else buffers[b], behind) for b, _ in launch.inputs]
            images = [0 if b == CONSTANT else self.sizes[b] for b, _ in launch.inputs]
            weights = launch.weights if launch.weights.size else NOTHING
            params = launch.params if launch.params.size else NOTHING
            run_launch(
                gpu, ptx, REGISTRY.symbol_of(launch.spec), launch.spec, buffers[launch.out[0]], inputs, images,
                weights, params, batch, launch.out[1], [offset for _, offset in launch.inputs],
            )  # fmt: skip
        write(before, self.out, wanted, None)
        np.testing.assert_array_equal(buffers[self.out.buffer], before)


def write(buffer: Array, layout: Layout, values: Array, zero: int | None) -> None:
    """Put values [images, ...] where a layout says; with a zero point, put that in the ring around them, too."""
    if zero is not None and layout.halo:
        margins = [(0, 0), *((m.before, m.after) for m in layout.halo[len(layout.halo) - values.ndim + 1 :])]
        starts = [m[0] for m in margins[1:]]
        values = np.pad(values, margins, constant_values=zero)
        strides = layout.strides[len(layout.strides) - len(starts) :]
        offset = layout.offset - sum(n * s for n, s in zip(starts, strides, strict=True))
    else:
        strides, offset = layout.strides[len(layout.strides) - values.ndim + 1 :], layout.offset
    for number, plane in enumerate(planes(values)):
        first = buffer[:, offset + number * layout.plane :]
        view = np.lib.stride_tricks.as_strided(first, values.shape, (buffer.strides[0], *strides))
        view[...] = plane


def activation(dims: Sequence[int], bits: int = 8, zero: int = 0) -> str:
    """The type of an activation."""
    kind = "i16:f32, 0.5" if bits == 16 else f"u8<0:{(1 << bits) - 1}>:f32, 0.5:{zero}"
    return f"tensor<{'x'.join(map(str, dims))}x!quant.uniform<{kind}>>"


def constant(value: Array, kind: str | None = None) -> ir.Value:
    """A `qi.constant`; kind: what its elements are, where that is no bare integer."""
    data = ir.DenseElementsAttr.get(np.ascontiguousarray(value))
    made = ir.RankedTensorType.get(value.shape, ir.Type.parse(kind)) if kind else data.type
    return qi.ConstantOp(value=data, out=made).out


def weights(value: Array, bits: int = 8, scales: Array | None = None, group: int = 0) -> ir.Value:
    """Of a layer: [outputs, ...], perhaps in groups with scales."""
    each, largest = ",".join(["1.0"] * len(value)), (1 << (bits - 1)) - 1
    made = constant(value.astype(np.int8), f"!quant.uniform<i{bits}<{-largest}:{largest}>:f32:0, {{{each}}}>")
    if scales is not None:
        attributes = defining(made).operation.attributes
        attributes[GROUP] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), group)
        attributes[GROUP_SCALES] = ir.DenseElementsAttr.get(np.ascontiguousarray(scales.astype(np.int8)))
    return made


def selected(kinds: Sequence[str], build: Callable[[list[ir.Value]], Any]) -> Selected:
    """`build` makes an op of activations of these types, which are inputs of the network, and of constants; it gives
    the op, which may be joined to another, and may put others around it."""
    with new_context(), ir.Location.name("/tested"):
        types = [ir.RankedTensorType(ir.Type.parse(kind)) for kind in kinds]
        floats = [ir.RankedTensorType.get(list(t.shape), ir.F32Type.get()) for t in types]
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            function = func.FuncOp("main", (floats, []))
        with ir.InsertionPoint(function.add_entry_block()):
            values = [qi.QuantizeOp(x=x, out=t).out for x, t in zip(function.arguments, types, strict=True)]
            op = build(values)
            func.ReturnOp([])
        function.operation.attributes[PIXEL_BYTES] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), PIXEL)
        assert module.operation.verify()
        assign_layouts.run(module.operation)
        maker = maker_of(op)
        selector = selects.of(type(maker))
        assert selector is not None
        launches = selector(maker)
        operands = list(op.operation.operands)
        inputs = [(layout_of(v), zero_point(v), quantized_bounds(v), shape(v)) for v in values]
        sizes = [int(n) for n in function.operation.attributes[BUFFERS]]

    def expected(given: Sequence[Array]) -> Array:
        known = dict(zip(values, given, strict=True))

        def of(value: ir.Value) -> Array:
            if value not in known:
                owner = defining(value)
                known[value] = owner.evaluate(*map(of, owner.operation.operands))
            return known[value]

        with module.context:
            return op.evaluate(*map(of, operands))

    return Selected(launches, sizes, inputs, layout_of(op.operation.results[0]), expected)


def together(cases: Sequence[Selected], architecture: str = "sm_80") -> str:
    """PTX of all of them, from one child process."""
    specs: dict[str, Any] = {}
    for case in cases:
        specs |= case.specs()
    return compile_kernels(specs, architecture)
