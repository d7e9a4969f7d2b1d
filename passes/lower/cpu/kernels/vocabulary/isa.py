"""How each ISA level multiplies bytes: four u8 activations by four s8 weights for each of 16 channels, summed into
int32.

Weights are packed `[16 channels][4 bytes of K]`, one cache line a step. A `Dot` says how wide a register tile it likes
and what one step is; everything around it (tiles, loops, epilogue) is the same for all levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c

LANES = 16
HALF = LANES // 2  # int32 in a ymm register
EVEN_BYTES = 0x00FF00FF
READ_TOGETHER = 4  # dwords


def _picked(pointer: c.Value, offset: int, dwords: Sequence[int]) -> c.Value:
    """Dwords of memory by number, as lanes; up to three more are read."""
    size = -(-(max(dwords) + 1) // READ_TOGETHER) * READ_TOGETHER
    read = c.load(c.vec(size, 32), pointer, offset)
    return c.shuffle(read, read, dwords)


def _halves(dwords: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    return dwords[:HALF], dwords[HALF:]


@dataclass(frozen=True)
class Dot:
    """AVX-512 VNNI: `vpdpbusd` on 16 channels; 31 registers hold accumulators, weights and one broadcast."""

    registers: int = 31
    vectors: int = 4  # most vectors of 16 channels in a register tile
    phases: int = 1  # passes over the pixels of a tile that one step takes

    def tile_pixels(self, vectors: int) -> int:
        """Most pixels whose accumulators for `vectors` x 16 channels stay in registers."""
        return max(1, (self.registers - 1 - vectors) // vectors)

    def start(self, bias: c.Value) -> list[c.Value]:
        """Accumulators of one pixel and 16 channels."""
        return [bias]

    def weights(self, pointer: c.Value, offset: c.Value, phase: int) -> list[c.Value]:
        return [c.bits_as(c.load(c.vec(LANES, 32), pointer, offset, align=64), 4 * LANES, 8)]

    def activations(self, pointer: c.Value, offset: int, phase: int) -> c.Value:
        """Four bytes for every channel."""
        return c.bits_as(c.splat(c.load(c.integer(32), pointer, offset), LANES), 4 * LANES, 8)

    def lane_activations(self, pointer: c.Value, offset: int, phase: int, dwords: Sequence[int]) -> list[c.Value]:
        """Four bytes for each of 16 channels, which `dwords` counts from the pointer: vectors as weights have them."""
        return [c.bits_as(_picked(pointer, offset, dwords), 4 * LANES, 8)]

    def step(
        self, acc: Sequence[c.Value], activations: c.Value, weights: Sequence[c.Value], phase: int
    ) -> list[c.Value]:
        name, kind = "llvm.x86.avx512.vpdpbusd.512", c.vec(LANES, 32)
        return [c.intrinsic(name, kind, acc[0], activations, weights[0])]

    def finish(self, acc: Sequence[c.Value], bias: c.Value) -> c.Value:
        """16 int32, bias included."""
        return acc[0]


@dataclass(frozen=True)
class VexDot(Dot):
    """AVX-VNNI: `vpdpbusd` on 8 channels: 16 registers hold 6 pixels x 16 channels, their weights and one broadcast.

    With 8 channels after the others, 7 pixels fit, but each is broadcast twice: 3 % slower on ResNet-50.
    """

    vectors: int = 1

    def tile_pixels(self, vectors: int) -> int:
        return 6

    def start(self, bias: c.Value) -> list[c.Value]:
        return [c.part(bias, 0, HALF), c.part(bias, HALF, HALF)]

    def weights(self, pointer: c.Value, offset: c.Value, phase: int) -> list[c.Value]:
        return [c.load(c.vec(4 * HALF, 8), pointer, c.add(offset, 4 * HALF * i), align=32) for i in (0, 1)]

    def activations(self, pointer: c.Value, offset: int, phase: int) -> c.Value:
        return c.bits_as(c.splat(c.load(c.integer(32), pointer, offset), HALF), 4 * HALF, 8)

    def lane_activations(self, pointer: c.Value, offset: int, phase: int, dwords: Sequence[int]) -> list[c.Value]:
        return [c.bits_as(_picked(pointer, offset, half), 4 * HALF, 8) for half in _halves(dwords)]

    def step(
        self, acc: Sequence[c.Value], activations: c.Value, weights: Sequence[c.Value], phase: int
    ) -> list[c.Value]:
        name, kind = "llvm.x86.avx512.vpdpbusd.256", c.vec(HALF, 32)  # LLVM's name for the VEX form, too
        return [c.intrinsic(name, kind, a, activations, w) for a, w in zip(acc, weights, strict=True)]

    def finish(self, acc: Sequence[c.Value], bias: c.Value) -> c.Value:
        return c.join(acc)


@dataclass(frozen=True)
class WordDot(VexDot):
    """AVX2: `vpmaddwd`, exact unlike `vpmaddubsw`, first on the even, then on the odd bytes of activations and weights.

    Even bytes of a dword of activations are a mask away, odd bytes are the even ones of the dword one byte further. So
    no register lives through both phases: 16 hold 6 pixels x 16 channels, weights, one broadcast and one product.
    """

    phases: int = 2

    def weights(self, pointer: c.Value, offset: c.Value, phase: int) -> list[c.Value]:
        places = [c.at(pointer, c.add(offset, 4 * HALF * i)) for i in (0, 1)]
        words = [c.load(c.vec(2 * HALF, 16), place, align=32, plain=True) for place in places]
        return [c.shift_right(w if phase else c.shift_left(w, 8), 8) for w in words]

    def activations(self, pointer: c.Value, offset: int, phase: int) -> c.Value:
        # opaque: LLVM would mask the scalar before the broadcast, which no longer could come from memory
        dword = c.opaque(c.splat(c.load(c.integer(32), pointer, offset + phase), HALF))
        return c.bits_as(c.both(dword, EVEN_BYTES), 2 * HALF, 16)

    def lane_activations(self, pointer: c.Value, offset: int, phase: int, dwords: Sequence[int]) -> list[c.Value]:
        picked = [_picked(pointer, offset + phase, half) for half in _halves(dwords)]
        return [c.bits_as(c.both(dwords, EVEN_BYTES), 2 * HALF, 16) for dwords in picked]

    def step(
        self, acc: Sequence[c.Value], activations: c.Value, weights: Sequence[c.Value], phase: int
    ) -> list[c.Value]:
        name, kind = "llvm.x86.avx2.pmadd.wd", c.vec(HALF, 32)
        return [c.add(a, c.intrinsic(name, kind, activations, w)) for a, w in zip(acc, weights, strict=True)]


@dataclass(frozen=True)
class PortableDot(Dot):
    """Baseline x86-64: `pmaddwd` on bytes widened to 16 bits, exact unlike `pmaddubsw`; pairs are summed at the end."""

    registers: int = 16
    vectors: int = 1

    def tile_pixels(self, vectors: int) -> int:
        return 2

    def start(self, bias: c.Value) -> list[c.Value]:
        return [c.zeros(4, 32) for _ in range(8)]

    def weights(self, pointer: c.Value, offset: c.Value, phase: int) -> list[c.Value]:
        loaded = [c.load(c.vec(16, 8), pointer, c.add(offset, 16 * i), align=16) for i in range(4)]
        return [c.extend(c.part(w, half, 8), 16, signed=True) for w in loaded for half in (0, 8)]

    def activations(self, pointer: c.Value, offset: int, phase: int) -> c.Value:
        dword = c.load(c.integer(32), pointer, offset)
        return c.extend(c.bits_as(c.splat(dword, 2), 8, 8), 16, signed=False)

    def lane_activations(self, pointer: c.Value, offset: int, phase: int, dwords: Sequence[int]) -> list[c.Value]:
        pairs = [_picked(pointer, offset, dwords[i : i + 2]) for i in range(0, LANES, 2)]
        return [c.extend(c.bits_as(pair, 8, 8), 16, signed=False) for pair in pairs]

    def step(
        self, acc: Sequence[c.Value], activations: c.Value, weights: Sequence[c.Value], phase: int
    ) -> list[c.Value]:
        pairs = (c.intrinsic("llvm.x86.sse2.pmadd.wd", c.vec(4, 32), activations, w) for w in weights)
        return [c.add(a, p) for a, p in zip(acc, pairs, strict=True)]

    def finish(self, acc: Sequence[c.Value], bias: c.Value) -> c.Value:
        pairs = c.join(acc)
        return c.add(bias, c.add(c.shuffle(pairs, pairs, range(0, 32, 2)), c.shuffle(pairs, pairs, range(1, 32, 2))))


DOTS: dict[str, Dot] = {
    "x86-64": PortableDot(),
    "avx2": WordDot(),
    "avxvnni": VexDot(),
    "avx512vnni": Dot(),
    "amx": Dot(vectors=2),
}
