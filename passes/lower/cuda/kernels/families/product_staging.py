"""Input and weights of a product on their way to shared memory, and from there to registers.

`cp.async` brings the next steps into a ring of shared memory while one is multiplied; chunks lie there swapped by
`chunk ^ row / 2 % 4`, so that eight rows of `ldmatrix` meet no bank twice. Where pixels are packed, so that chunks
start at any byte, words are loaded, shifted into place and stored by the threads themselves; so they are where what is
multiplied is the largest of each window of pixels, a pool in front of the layer. Where several slices of
warps share a tile, a stage of the ring is a round: a step for each of them, which its own threads copy.

Weights of fewer bits stay so in shared memory: a word is unpacked to one of each multiplication that it is for by a
mask, a product with the scale of its group, a sum, and an exclusive or that makes signed bytes of it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch_mlir.dialects import arith, gpu

from dyadic.passes.lower.cuda.kernels.families.product_spec import ANY_ADDRESS, ProductSpec
from dyadic.passes.lower.cuda.kernels.families.product_weights import CHUNK, STEP, TILE_ROWS
from dyadic.passes.lower.cuda.kernels.vocabulary import largest
from dyadic.passes.lower.cuda.kernels.vocabulary.any_address import load_any
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    integer,
    least,
    load,
    mul,
    rem,
    signed_wide,
    sub,
    when,
    wide,
    xor,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Arguments, block, ring, thread
from dyadic.passes.lower.cuda.kernels.vocabulary.staged import store_four, swapped
from dyadic.passes.lower.cuda.kernels.vocabulary.tensor_cores import commit, copy_async, load_matrices, wait
from dyadic.passes.lower.cuda.kernels.vocabulary.words import load_words

BYTES = 0x01010101  # a byte in all of a word's
WORDS = CHUNK // 4


class Block:
    """What the parts of a kernel share: its arguments, and where this thread is."""

    def __init__(self, spec: ProductSpec, arguments: Arguments) -> None:
        self.spec, self.arguments = spec, arguments
        self.pixels = mul(arguments.batch, spec.items)
        self.thread, self.ring = thread(), ring()
        self.slice, self.member = const(0), self.thread  # which of them has this thread, and its number there
        if spec.warps_deep > 1:
            self.slice, self.member = div(self.thread, spec.slice_threads), rem(self.thread, spec.slice_threads)
        self.lane, warp = rem(self.thread, 32), div(self.member, 32)
        down, across = block(gpu.Dimension.x), block(gpu.Dimension.y)
        self.rank = const(0)  # in its cluster, whose blocks are side by side in y, and in the rows that they have
        if spec.cluster > 1:
            self.rank, across = rem(across, spec.cluster), div(across, spec.cluster)
            down = add(mul(down, spec.cluster), self.rank)
        self.first_row = mul(down, spec.block_rows)
        self.group = div(across, spec.group_blocks)
        self.first_column = mul(rem(across, spec.group_blocks), spec.block_columns)  # of the group
        self.warp_rows = spec.block_rows // spec.warps_down
        self.warp_columns = spec.block_columns // spec.warps_across
        self.warp_row = mul(div(warp, spec.warps_across), self.warp_rows)  # within the block
        self.warp_column = mul(rem(warp, spec.warps_across), self.warp_columns)

    def place(self, pixel: Value, image: Value, row: Value | int, step: Value | int) -> Value:
        """Where a pixel of the batch is, from the first one's place: 64 bits."""
        spec = self.spec
        inside = rem(pixel, spec.items)
        if spec.rows == 1:  # where windows are one behind the other anyway
            there = mul(inside, step)
        else:
            y, x = self._coordinates(inside)
            there = add(mul(y, row), mul(x, step))
        return add(wide(there), mul(wide(div(pixel, spec.items)), wide(image)))

    def _coordinates(self, inside: Value) -> tuple[Value, Value]:
        """Row and column of a pixel of the image by its number; pixels of a window have numbers side by side."""
        spec = self.spec
        if not spec.window:
            return div(inside, spec.columns), rem(inside, spec.columns)
        window, cell, across = div(inside, spec.window), rem(inside, spec.window), spec.columns // spec.window_columns
        y = add(mul(div(window, across), spec.window_rows), div(cell, spec.window_columns))
        x = add(mul(rem(window, across), spec.window_columns), rem(cell, spec.window_columns))
        return y, x

    def table(self, number: int) -> Value:
        """Where a table of the parameters begins."""
        return at(self.arguments.params, 4 * self.spec.tables[number])


class _Copy(NamedTuple):
    """What a thread copies in every step."""

    source: Value  # of what the first step needs
    place: Value  # in a stage
    read: Value  # 1; 0 where there is nothing to be read, and zeros are written


class Staging:
    """The ring, and what this thread copies into it."""

    def __init__(self, block: Block) -> None:
        self.block, self.spec = block, block.spec
        self.ring, self.distances = block.ring, block.table(0)
        if self.spec.warps_deep > 1:
            self.ring = at(block.ring, mul(block.slice, self.spec.step_bytes))
        self.chunks = STEP // CHUNK * max(1, self.spec.wgmma)  # of a row in shared memory
        self.row, self.chunk = div(block.member, self.chunks), rem(block.member, self.chunks)
        self.ahead, self.all_rounds = self.spec.stages - 1, self.spec.rounds * self.spec.planes
        self.all_steps = self.spec.steps * self.spec.planes
        self.weights_at = CHUNK * self.chunks * self.spec.block_rows  # within a stage
        self.step_weights = STEP * self.spec.format.bits // 8  # bytes of a channel in a step
        self.scales_at = self.weights_at + self.step_weights * self.spec.block_columns
        self.copied = self.spec.granule > 1 and not self.spec.cells  # else loaded, and stored later
        self.of_input = self._of_input()
        self.of_weights = self._of_weights()

    # --- to shared memory

    def _of_input(self) -> list[_Copy]:
        spec, block, copies = self.spec, self.block, []
        first = mul(block.group, spec.in_group)
        for part in range(spec.block_rows * self.chunks // spec.slice_threads):
            local = add(self.row, part * spec.slice_threads // self.chunks)
            pixel = add(block.first_row, local)
            inside = below(pixel, block.pixels)
            place = block.place(
                arith.select(inside, pixel, const(0)), block.arguments.in_images[0], spec.in_row, spec.in_pixel
            )
            source = at(at(block.arguments.inputs[0], place), wide(first))
            copies.append(_Copy(source, self.swapped(local, self.chunk), arith.select(inside, const(1), const(0))))
        return copies

    def _of_weights(self) -> list[tuple[Value | None, _Copy]]:
        """The condition under which a thread has a part in them, and that part."""
        spec, block, copies = self.spec, self.block, []
        if spec.cluster > 1:  # `product_cluster.py`
            return []
        pieces = self.step_weights // CHUNK * max(1, spec.wgmma)
        whole = spec.block_columns * pieces
        apart = spec.slice_threads // pieces  # rows from one to the next
        even = spec.wgmma and spec.channels % spec.block_columns == 0 and apart % 8 == 0
        for start in range(0, whole, spec.slice_threads):
            number = add(block.member, start)
            inside_all = below(number, whole) if start + spec.slice_threads > whole else None
            if start and even:  # as far from the first as numbers say, which takes no registers
                first, rows = copies[0][1], start // pieces
                source, place = at(first.source, rows * spec.stored_row), add(first.place, rows * pieces * CHUNK)
                copies.append((inside_all, _Copy(source, place, first.read)))
                continue
            local, piece = div(number, pieces), rem(number, pieces)
            channel = add(block.first_column, local)
            inside = below(channel, spec.channels)
            row = add(mul(block.group, spec.channels), arith.select(inside, channel, const(0)))
            if spec.tiled:
                first = add(
                    mul(wide(div(row, TILE_ROWS)), TILE_ROWS * spec.stored_row), wide(mul(rem(row, TILE_ROWS), CHUNK))
                )
                source = add(first, wide(mul(piece, TILE_ROWS * CHUNK)))
            else:
                source = add(mul(wide(row), spec.stored_row), wide(mul(piece, CHUNK)))
            place = add(add(mul(local, pieces * CHUNK), mul(self.turned(local, piece), CHUNK)), self.weights_at)
            copy = _Copy(at(block.arguments.weights, source), place, arith.select(inside, const(1), const(0)))
            copies.append((inside_all, copy))
        return copies

    def swapped(self, row: Value, chunk: Value) -> Value:
        """Where a chunk of a row of the input lies."""
        if self.chunks == STEP // CHUNK:
            return swapped(row, chunk)
        return add(mul(row, self.chunks * CHUNK), mul(xor(chunk, rem(row, self.chunks)), CHUNK))

    def turned(self, row: Value, piece: Value) -> Value:
        """Which of a row's pieces in shared memory holds a piece of its weights."""
        if self.chunks > STEP // CHUNK:
            return xor(piece, rem(row, self.chunks))
        return {8: lambda: xor(piece, rem(div(row, 2), 4)), 4: lambda: xor(piece, rem(div(row, 4), 2))}.get(
            self.spec.format.bits, lambda: piece
        )()

    def start(self, rounds: int) -> None:
        """The first ones."""
        for number in range(rounds):
            stage = const(number * self.spec.stage_bytes)
            if number < self.all_rounds:
                self.copy(self._step(const(number)), stage)
                self.finish(self._loaded(self._step(const(number))), stage)
            commit()

    def copy_ahead(self, number: Value, stage: Value) -> list[list[Value]]:
        """Wait for a round, and begin to copy a later one into `stage`; gives what `finish` stores there."""
        wait(self.ahead - 1)  # this round is here, for this thread
        gpu.barrier()  # and for all, and all are done with the stage that is overwritten now
        later = add(number, self.ahead)
        when(below(later, self.all_rounds), lambda: self.copy(self._step(later), stage))
        commit()
        return self._loaded(self._step(least(later, self.all_rounds - 1)))

    def _step(self, number: Value) -> Value:
        """That this thread's slice has in a round."""
        deep = self.spec.warps_deep
        return number if deep == 1 else add(mul(number, deep), self.block.slice)

    def copy(self, step: Value, stage: Value) -> None:
        """What is copied while this thread goes on."""
        spec = self.spec
        if self.copied:
            distance = self._distance(step)
            for copy in self.of_input:
                target, start = at(self.ring, add(stage, copy.place)), at(copy.source, distance)
                for piece in range(0, CHUNK, spec.granule):
                    copy_async(at(target, piece), at(start, piece), spec.granule, mul(copy.read, spec.granule))
        of_weights = step
        if spec.in_plane:  # the same for both planes
            again = below(step, spec.steps)
            of_weights = arith.select(again, step, sub(step, spec.steps))
        for condition, copy in self.of_weights:

            def begin(copy: _Copy = copy) -> None:
                source = at(copy.source, wide(mul(of_weights, self.step_weights * (TILE_ROWS if spec.tiled else 1))))
                copy_async(at(self.ring, add(stage, copy.place)), source, CHUNK, mul(copy.read, CHUNK))

            begin() if condition is None else when(condition, begin)
        if spec.format.group:
            self._copy_scales(of_weights, stage)

    def _copy_scales(self, step: Value, stage: Value) -> None:
        """A slice's first warp, 16 channels a lane: [groups][steps][scales of a step][channels, filled up]. Lanes
        without any write zeros behind, so that the warp stays together."""
        spec, block = self.spec, self.block
        pieces = spec.block_columns // CHUNK
        which, piece = div(block.member, pieces), rem(block.member, pieces)
        channel = add(block.first_column, mul(piece, CHUNK))
        inside = arith.andi(below(channel, spec.channels), below(which, spec.step_scales))

        def begin() -> None:
            row = add(mul(add(mul(block.group, spec.steps), step), spec.step_scales), which)
            source = arith.select(inside, add(wide(channel), mul(wide(row), spec.scale_row)), const(0, 64))
            place = add(mul(block.member, CHUNK), self.scales_at)
            read = arith.select(inside, const(CHUNK), const(0))
            start = at(block.arguments.weights, add(source, spec.scales_start))
            copy_async(at(self.ring, add(stage, place)), start, CHUNK, read)

        when(below(block.member, 32), begin)

    def _distance(self, step: Value) -> Value:
        number = add(mul(step, 4), self.chunk)
        return signed_wide(load(integer(32), at(self.distances, wide(mul(number, 4))), 4))

    def _loaded(self, step: Value) -> list[list[Value]]:
        """Words of the input that this thread stores itself, since they begin at any byte, or are those of a window."""
        if self.copied:
            return []
        distance = self._distance(step)
        read = self._largest if self.spec.cells else self._chunk
        return [read(at(copy.source, distance)) for copy in self.of_input]

    def _chunk(self, start: Value) -> list[Value]:
        granule = self.spec.granule
        if granule == ANY_ADDRESS:
            return load_any(start, WORDS)
        return [word for piece in range(0, CHUNK, granule) for word in load_words(at(start, piece), granule)]

    def _largest(self, start: Value) -> list[Value]:
        """Of the window whose first pixel's chunk that is."""
        found: list[Value] = []
        for cell in self.spec.cells:
            keys = largest.keys([self._chunk(at(start, cell))])
            found = largest.larger(found, keys) if found else keys
        (words,) = largest.numbers(found, wide=False)
        return words

    def finish(self, loaded: Sequence[Sequence[Value]], stage: Value) -> None:
        """Store what was loaded."""
        for copy, words in zip(self.of_input, loaded, strict=False):
            store_four(words, at(self.ring, add(stage, copy.place)))

    def following(self, stage: Value, count: int = 1) -> Value:
        """The stage behind so many, of which there is a multiple."""
        following = add(stage, count * self.spec.stage_bytes)
        return arith.select(below(following, self.spec.stages * self.spec.stage_bytes), following, const(0))

    # --- to registers

    def rows(self, stage: Value, half: int) -> Callable[[int], Value]:
        """Where this lane's row is, of a tile of 16 rows and half a step."""
        lane = self.block.lane
        row = add(self.block.warp_row, rem(lane, 16))
        start = at(self.ring, add(stage, swapped(row, add(div(lane, 16), 2 * half))))
        return lambda tile: at(start, tile * 16 * STEP)

    def weights(self, stage: Value) -> Callable[[int], list[list[Value]]]:
        """By half a step: two words of every tile of 8 channels."""
        lane, across = self.block.lane, self.block.warp_columns // 8
        matrix, row = div(lane, 8), add(self.block.warp_column, rem(lane, 8))

        def start(row: Value, piece: Value) -> Value:
            there = add(mul(row, self.step_weights), mul(self.turned(row, piece), CHUNK))
            return at(self.ring, add(stage, add(there, self.weights_at)))

        if self.spec.format.bits == 8:
            column = add(row, mul(div(matrix, 2), 8))

            def eight(half: int) -> list[list[Value]]:
                first = start(column, add(rem(matrix, 2), 2 * half))
                pairs = [load_matrices(at(first, pair * 16 * STEP)) for pair in range(across // 2)]
                return [words for pair in pairs for words in (pair[:2], pair[2:])]

            return eight
        if self.spec.format.bits == 4:  # both halves of two tiles at once
            first = start(add(row, mul(div(matrix, 2), 8)), rem(matrix, 2))
            loaded = [load_matrices(at(first, pair * 16 * self.step_weights)) for pair in range(across // 2)]
            words = [[pair[2 * n : 2 * n + 2] for n in range(2)] for pair in loaded]
            tiles = [both for pair in words for both in pair]
        else:  # all of four tiles
            first = start(add(row, mul(matrix, 8)), const(0))
            loaded = [load_matrices(at(first, four * 32 * self.step_weights)) for four in range(across // 4)]
            tiles = [[word, word] for four in loaded for word in four]
        scales = self._scales(stage)

        def few(half: int) -> list[list[Value]]:
            shift = 4 * half if self.spec.format.bits == 2 else 0
            return [
                self._unpacked(both[half], shift, scales(tile, half) if scales else None)
                for tile, both in enumerate(tiles)
            ]

        return few

    def _scales(self, stage: Value) -> Callable[[int, int], Value] | None:
        spec, block = self.spec, self.block
        if not spec.format.group:
            return None
        column = add(block.warp_column, div(block.lane, 4))
        start = at(self.ring, add(stage, add(column, self.scales_at)))

        def scale(tile: int, half: int) -> Value:
            which = half if spec.step_scales == 2 else 0
            return arith.extui(integer(32), load(integer(8), at(start, 8 * tile + which * spec.block_columns), 1))

        return scale

    def _unpacked(self, word: Value, shift: int, scale: Value | None) -> list[Value]:
        """Two words of signed bytes, from bits at `shift` on."""
        format_ = self.spec.format
        mask = BYTES * ((1 << format_.bits) - 1)
        made = []
        for n in range(2):
            by = shift + format_.bits * n
            few = arith.andi(arith.shrui(word, const(by)) if by else word, signed(mask))
            if scale is None:
                made.append(xor(add(few, signed(BYTES * (128 - format_.offset))), signed(BYTES * 128)))
            else:  # (step + offset) * scale + 128 - offset * scale: of no byte more than it holds
                base = mul(sub(const(128), mul(scale, format_.offset)), signed(BYTES))
                made.append(xor(add(mul(few, scale), base), signed(BYTES * 128)))
        return made


def signed(word: int) -> Value:
    """A word as a constant."""
    return const(word - (1 << 32) if word >> 31 else word)
