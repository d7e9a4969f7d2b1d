"""Bytes from places that a table names along one dimension: nearest neighbours, reflections, gathers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.runs import over_run
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, units_of


@dataclass(frozen=True)
class TakeSpec:
    """`out[.., i, ..] = in[.., table[i], ..]` for any number of dimensions of bytes, two at least."""

    sizes: tuple[int, ...]  # of the result; the first dimension is what units are made of
    in_strides: tuple[int, ...]  # any; that of `axis` is in the table
    out_strides: tuple[int, ...]
    axis: int
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


def pack_take_params(places: list[int], stride: int) -> npt.NDArray[np.int32]:
    """The byte offset of every place."""
    offsets = np.array(places, np.int64) * stride
    if np.abs(offsets).max() > np.iinfo(np.int32).max:
        raise ValueError(f"places up to {max(places)} at {stride} bytes each leave 32 bits")
    return offsets.astype(np.int32)


def generate(spec: TakeSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        def offset(dim: int, i: c.Value) -> c.Value:
            """From where dimension `dim` begins to its element `i`."""
            if dim != spec.axis:
                return c.mul(i, spec.in_strides[dim])
            return c.extend(c.load(c.integer(32), k.params, c.mul(i, 4), align=4), 64, signed=True)

        def walk(dim: int, source: c.Value, target: c.Value, first: c.Value | int, last: c.Value | int) -> None:
            ends = dim == len(spec.sizes) - 1
            if ends and dim != spec.axis and spec.in_strides[dim] == spec.out_strides[dim] == 1:
                over_run(
                    spec.sizes[dim],
                    level,
                    lambda v, at, count: v.store(v.load(source, at), target, at, count, plain=True),
                )
                return

            def step(i: c.Value) -> None:
                here, there = c.at(source, offset(dim, i)), c.at(target, c.mul(i, spec.out_strides[dim]))
                if ends:
                    c.store(c.load(c.integer(8), here), there)
                else:
                    walk(dim + 1, here, there, 0, spec.sizes[dim + 1])

            c.loop(first, last, step)

        def unit(index: c.Value) -> None:
            image, row = image_and_row(spec, index)
            source, target = (
                c.at(pointer, c.mul(image, stride))
                for pointer, stride in ((k.input(0), spec.in_image), (k.out, spec.out_image))
            )
            walk(0, source, target, row, c.add(row, spec.unit_rows))

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)
