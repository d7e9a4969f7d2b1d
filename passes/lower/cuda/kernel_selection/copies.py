"""What a kernel is told of the requantized copies that it writes, and where these lie."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape, zero_point
from dyadic.passes.lower.cuda.kernel_selection.joined import result_of
from dyadic.passes.lower.cuda.kernels.families.product_spec import CopyPlace
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import pack_copy
from dyadic.passes.lower.cuda.kernels.vocabulary.items import widest
from dyadic.passes.lower.memory.assign_layouts import only_channels
from dyadic.passes.lower.memory.copies import copying, is_joined, is_written, joined_to
from dyadic.passes.lower.memory.views import ARENA, View, view

MOST_BYTES = 8  # of a copy's store: of 16 there were too many numbers at once for the registers of some tiles


class Copied(NamedTuple):
    """Some channels of a result, and the requantized copy of them."""

    op: qi.RequantOp
    first: int
    channels: int
    lies: View  # where the copy is

    def place(self, of_group: int, *, flat: bool) -> CopyPlace:
        """As a spec of a product with so many channels in a group has it. flat: rows are read as one."""
        store_bytes = widest([*addresses(self.lies), self.first, self.channels, of_group], MOST_BYTES)
        return CopyPlace(self.first, self.channels, store_bytes, self.lies.pixel, 0 if flat else self.lies.row)

    def goes_on(self, other: "Copied") -> bool:
        """Whether another copy has the next channels, in the next bytes, and is made alike."""
        behind = replace(self.lies, offset=self.lies.offset + self.channels, channels=other.channels)
        return self.first + self.channels == other.first and behind == other.lies and _law(self.op) == _law(other.op)


def copies_of(op: Any) -> list[Copied]:
    """What the kernel of a layer writes beside its result; neighbours are one copy."""
    joined: list[Copied] = []
    for one in sorted(_copies(result_of(op), 0), key=lambda one: (one.lies.buffer, one.lies.offset)):
        if joined and joined[-1].goes_on(one):
            last = joined.pop()
            channels = last.channels + one.channels
            one = Copied(last.op, last.first, channels, replace(last.lies, channels=channels))
        joined.append(one)
    return joined


def _copies(value: ir.Value, first: int) -> Iterator[Copied]:
    """Of a tensor, which has the channels of a result from `first` on."""
    for reader in (use.owner.opview for use in value.uses):
        if isinstance(reader, qi.RequantOp) and is_joined(reader) and copying(reader.x) is None:
            yield from (Copied(reader, first, shape(reader.out)[-1], lies) for lies in _places(reader))
        elif isinstance(reader, qi.SliceOp) and only_channels(reader):
            yield from _copies(reader.out, first + ints(reader.starts)[-1])


def _places(copy: qi.RequantOp) -> Iterator[View]:
    """Where a copy is written: where others read it, and to every pixel that a joined repeat has of one."""
    if is_written(copy.out):
        yield view(copy.out)
    for repeat in (one for one in joined_to(copy.out) if isinstance(one, qi.RepeatOp)):
        seen, (below, beside) = view(repeat.out), ints(repeat.times)[1:3]
        rows, columns = seen.rows // below, seen.columns // beside
        for y in range(below):
            for x in range(beside):
                offset = seen.offset + y * seen.row + x * seen.pixel
                yield replace(
                    seen, rows=rows, columns=columns, offset=offset, row=seen.row * below, pixel=seen.pixel * beside
                )


def _law(op: qi.RequantOp) -> list[int]:
    return [zero_point(op.out), op.low.value, op.high.value, zero_point(op.x), op.multiplier.value, op.shift.value]


def copy_params(copy: qi.RequantOp, out: View, lies: View) -> npt.NDArray[np.int32]:
    """Of a copy, which lies there, for a kernel whose own result is `out`."""
    start = distance(copy.operation.block, out, lies)
    header = [zero_point(copy.out), copy.low.value, copy.high.value]
    return pack_copy(start, zero_point(copy.x), copy.multiplier.value, copy.shift.value, header)


def distance(block: Any, start: View, end: View) -> int:
    """Bytes from where one tensor begins to where another does, in an image of the arena."""
    if start.buffer == end.buffer:
        return end.offset - start.offset
    *offsets, _ = ints(block.owner.attributes[ARENA])
    return offsets[end.buffer] + end.offset - offsets[start.buffer] - start.offset


def addresses(layout: View) -> list[int]:
    """What bytes of a tensor are apart, and where the first one is."""
    return [layout.offset, layout.pixel, layout.row, layout.image, layout.plane]
