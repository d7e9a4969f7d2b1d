"""Bytes from one place to another where no layout makes that free: transposes, slices, pads, concatenations; constant
fills."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import View, over_pixels, over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, place, units_of


@dataclass(frozen=True)
class CopySpec:
    """`out[i0, i1, ...] = in[i0, i1, ...]` for any number of dimensions of bytes, two at least."""

    sizes: tuple[int, ...]  # the first dimension is what units are made of
    in_strides: tuple[int, ...]  # any, zero and negative included
    out_strides: tuple[int, ...]
    in_image: int
    out_image: int
    unit_rows: int

    @property
    def rows(self) -> int:
        return self.sizes[0]

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


@dataclass(frozen=True)
class FillSpec:
    """Every byte of rows x columns x channels gets the value in the parameters; strides in bytes."""

    rows: int
    columns: int
    channels: int
    unit_rows: int
    out_column: int
    out_row: int
    out_image: int

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def pack_fill_params(value: int) -> npt.NDArray[np.int32]:
    """One byte of 0..255, for FillSpec and HaloSpec."""
    return np.array([value] + [0] * 15, np.int32)


def generate_copy(spec: CopySpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""
    dims = _merged(list(zip((spec.unit_rows, *spec.sizes[1:]), spec.in_strides, spec.out_strides, strict=True)))

    def body(k: c.KernelArguments) -> None:
        def unit(index: c.Value) -> None:
            image, row = image_and_row(spec, index)
            source = place(k.input(0), image, spec.in_image, row, spec.in_strides[0])
            target = place(k.out, image, spec.out_image, row, spec.out_strides[0])
            _copy(level, dims, source, target)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def _merged(dims: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """(size, in stride, out stride) of each dimension, with dimensions that are one in memory made one."""
    merged: list[tuple[int, int, int]] = []
    for size, source, target in dims:
        if size == 1:
            continue
        if merged and merged[-1][1:] == (size * source, size * target):
            merged[-1] = (merged[-1][0] * size, source, target)
        else:
            merged.append((size, source, target))
    return merged or [(1, 1, 1)]


def _copy(level: str, dims: list[tuple[int, int, int]], source: c.Value, target: c.Value) -> None:
    size, in_stride, out_stride = dims[0]
    if len(dims) == 1 and in_stride == out_stride == 1:
        over_run(
            size,
            level,
            lambda v, offset, count: v.store(v.load(source, offset), target, offset, count, plain=True),
        )
        return

    def step(i: c.Value) -> None:
        here, there = c.at(source, c.mul(i, in_stride)), c.at(target, c.mul(i, out_stride))
        if len(dims) == 1:
            c.store(c.load(c.integer(8), here), there)
        else:
            _copy(level, dims[1:], here, there)

    c.loop(0, size, step)


def generate_fill(spec: FillSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        value = c.truncate(c.load(c.integer(32), k.params, align=4), 8)

        def unit(index: c.Value) -> None:
            image, row = image_and_row(spec, index)
            start = place(k.out, image, spec.out_image, row, spec.out_row)
            sizes = (spec.unit_rows, spec.columns, spec.channels)
            fill_pixels(level, start, value, sizes, (spec.out_row, spec.out_column))

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)


def fill_pixels(
    level: str, start: c.Value, value: c.Value, sizes: tuple[int, int, int], strides: tuple[int, int]
) -> None:
    """`value` into rows x columns x channels from `start` on; strides of a row and a column."""
    rows, columns, channels = sizes

    def run(pointers: list[c.Value], length: int) -> None:
        over_run(
            length,
            level,
            lambda v, offset, count: v.store(c.splat(value, v.size), pointers[0], offset, count, plain=True),
        )

    over_pixels(rows, columns, channels, [View(start, *strides)], run)
