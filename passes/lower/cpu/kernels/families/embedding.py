"""Rows of a table of signed bytes by number, requantized channel by channel.

Rows lie anywhere in a table that no cache holds: those of the ids to come are asked for a few rows ahead.
"""

from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.byte_lanes import ByteLanes
from dyadic.passes.lower.cpu.kernels.vocabulary.epilogue import Epilogue, Result
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import LANES
from dyadic.passes.lower.cpu.kernels.vocabulary.prefetch import LINE
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import Requantize
from dyadic.passes.lower.cpu.kernels.vocabulary.units import image_and_row, place, units_of

ID_BYTES = 4
ROWS_AHEAD = 8


@dataclass(frozen=True)
class EmbeddingSpec:
    """`out[i] = requant(table[ids[i]], m, s)` for `rows` ids; `channels` numbers a row of the table and the result."""

    rows: int
    channels: int
    unit_rows: int
    ids_image: int
    out_row: int
    out_image: int
    out_plane: int
    form: str
    clamp: bool

    @property
    def units(self) -> int:
        """Tiles per image."""
        return units_of(self)


def generate(spec: EmbeddingSpec, level: str, symbol: str) -> None:
    """Build the kernel at the current insertion point."""

    def body(k: c.KernelArguments) -> None:
        epilogue = Epilogue(level, k.params, spec.form, clamp=spec.clamp, out_plane=spec.out_plane)
        at_once = ByteLanes.of(level).size  # channels that fill the widest vector of bytes

        def some(table: c.Value, out: c.Value, first: c.Value, count: int) -> None:
            """`count` channels from `first`, a multiple of those of a block, on."""
            table, out = c.at(table, first), c.at(out, first)
            block = c.floor_div(first, LANES)
            results = []
            for channel in range(0, count, LANES):
                steps = c.extend(c.load(c.vec(LANES, 8), table, channel), 32, signed=True)
                by = Requantize(k.params, c.add(block, channel // LANES), spec.form)
                results.append(Result(by, steps, min(LANES, count - channel), out, None, channel))
            epilogue.finish(results)

        def unit(index: c.Value) -> None:
            image, first = image_and_row(spec, index)
            ids = place(k.input(0), image, spec.ids_image, first, ID_BYTES)
            target = place(k.out, image, spec.out_image, first, spec.out_row)

            def entry(i: c.Value) -> c.Value:
                number = c.extend(c.load(c.integer(32), ids, c.mul(i, ID_BYTES), align=ID_BYTES), 64, signed=False)
                return c.at(k.weights, c.mul(number, spec.channels))

            def ask(i: c.Value) -> None:
                place_ = entry(i)
                c.loop(0, spec.channels, lambda start: c.prefetch(place_, start), step=LINE)

            def row(i: c.Value) -> None:
                ask(c.smallest(c.add(i, ROWS_AHEAD), spec.unit_rows - 1))
                table, out = entry(i), c.at(target, c.mul(i, spec.out_row))
                whole = spec.channels // at_once * at_once
                if whole:
                    c.loop(0, whole, lambda start: some(table, out, start, at_once), step=at_once)
                if spec.channels > whole:
                    some(table, out, c.const(whole), spec.channels - whole)

            c.loop(0, min(ROWS_AHEAD, spec.unit_rows), ask)
            c.loop(0, spec.unit_rows, row)

        c.loop(k.first, k.last, unit)

    c.kernel(symbol, body)
