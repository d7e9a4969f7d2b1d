"""How each ISA level multiplies bytes: four u8 activations by four s8 weights for each of 16 channels, summed into
int32.

Weights are packed `[16 channels][4 bytes of K]`, one cache line a step. A `Dot` says how wide a register tile it likes
and what one step is; everything around it (tiles, loops, epilogue) is the same for all levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels import code as c

LANES = 16


@dataclass(frozen=True)
class Dot:
    """AVX-512 VNNI: `vpdpbusd` on 16 channels; 31 registers hold accumulators, weights and one broadcast."""

    registers: int = 31
    vectors: int = 4  # most vectors of 16 channels in a register tile

    def tile_pixels(self, vectors: int) -> int:
        """Most pixels whose accumulators for `vectors` x 16 channels stay in registers."""
        return max(1, (self.registers - 1 - vectors) // vectors)

    def start(self, bias: c.Value) -> list[c.Value]:
        """Accumulators of one pixel and 16 channels."""
        return [bias]

    def weights(self, pointer: c.Value, offset: c.Value) -> list[c.Value]:
        return [c.bits_as(c.load(c.vec(LANES, 32), pointer, offset, align=64), 4 * LANES, 8)]

    def activations(self, dword: c.Value) -> c.Value:
        return c.bits_as(c.splat(dword, LANES), 4 * LANES, 8)

    def step(self, acc: Sequence[c.Value], activations: c.Value, weights: Sequence[c.Value]) -> list[c.Value]:
        name, kind = "llvm.x86.avx512.vpdpbusd.512", c.vec(LANES, 32)
        return [c.intrinsic(name, kind, acc[0], activations, weights[0])]

    def finish(self, acc: Sequence[c.Value], bias: c.Value) -> c.Value:
        """16 int32, bias included."""
        return acc[0]


@dataclass(frozen=True)
class PortableDot(Dot):
    """Baseline x86-64: `pmaddwd` on bytes widened to 16 bits, exact unlike `pmaddubsw`; pairs are summed at the end."""

    registers: int = 16
    vectors: int = 1

    def tile_pixels(self, vectors: int) -> int:
        return 2

    def start(self, bias: c.Value) -> list[c.Value]:
        return [c.zeros(4, 32) for _ in range(8)]

    def weights(self, pointer: c.Value, offset: c.Value) -> list[c.Value]:
        loaded = [c.load(c.vec(16, 8), pointer, c.add(offset, 16 * i), align=16) for i in range(4)]
        return [c.extend(c.part(w, half, 8), 16, signed=True) for w in loaded for half in (0, 8)]

    def activations(self, dword: c.Value) -> c.Value:
        return c.extend(c.bits_as(c.splat(dword, 2), 8, 8), 16, signed=False)

    def step(self, acc: Sequence[c.Value], activations: c.Value, weights: Sequence[c.Value]) -> list[c.Value]:
        pairs = (c.intrinsic("llvm.x86.sse2.pmadd.wd", c.vec(4, 32), activations, w) for w in weights)
        return [c.add(a, p) for a, p in zip(acc, pairs, strict=True)]

    def finish(self, acc: Sequence[c.Value], bias: c.Value) -> c.Value:
        pairs = c.join(acc)
        return c.add(bias, c.add(c.shuffle(pairs, pairs, range(0, 32, 2)), c.shuffle(pairs, pairs, range(1, 32, 2))))


DOTS: dict[str, Dot] = {"x86-64": PortableDot(), "avx512vnni": Dot(), "amx": Dot(vectors=2)}
