"""Vectors of bytes as 128-bit lanes: interleaved to wider integers on the way in, packed back by the exact inverse on
the way out.

`unpack` and `pack` instructions work inside 128-bit lanes. Widening with the one and narrowing with the other puts
every byte back in its place at any vector size, so all levels share one description of a kernel. Bytes are loaded
whole (memory ends in readable slack) and stored exactly.

16-bit numbers lie in two planes of bytes, low ones and, 128 larger so that they are unsigned, high ones. Interleaving
the two makes the same words that widening makes of bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dyadic.passes.lower.cpu.kernels.vocabulary import code as c
from dyadic.passes.lower.cpu.kernels.vocabulary.requantize import HIGH, Requantize
from dyadic.runtime.cpu.levels import BY_NAME

LANE = 16  # bytes
SIGN = 0x80  # what makes a high byte unsigned, and signed again
# Bytes of the widest vectors of a level.
WIDTHS = {"x86-64": 16, "avx2": 32, "avxvnni": 32, "avx512vnni": 64, "amx": 64}
_VNNI = frozenset({"avxvnni", "avx512vnni", "amx"})
_PREFIX = {16: "llvm.x86.sse2", 32: "llvm.x86.avx2", 64: "llvm.x86.avx512"}
_SUFFIX = {16: ".128", 32: "", 64: ".512"}


def with_dot_words(level: str) -> str:
    """LLVM's features of a level, and that `vpdpwssd` takes no longer than its two parts: LLVM would take it apart."""
    return BY_NAME[level].llvm_features + (",+fast-dpwssd" if level in _VNNI else "")


@dataclass(frozen=True)
class ByteLanes:
    """Vectors of `size` bytes: 16, 32 or 64, as the level has them."""

    size: int
    vnni: bool

    @staticmethod
    def of(level: str, size: int | None = None) -> "ByteLanes":
        """Vectors of a level: its widest, or the narrowest that hold `size` bytes."""
        width = WIDTHS[level]
        while size is not None and width > LANE and size <= width // 2:
            width //= 2
        return ByteLanes(width, level in _VNNI)

    @property
    def dwords(self) -> int:
        return self.size // 4

    def load(self, pointer: c.Value, offset: c.Value | int = 0) -> c.Value:
        return c.load(c.vec(self.size, 8), pointer, offset)

    def interleave(self, a: c.Value, b: c.Value, bits: int) -> tuple[c.Value, c.Value]:
        """Elements of `bits` from a and b in turn, as elements of 2*bits: low and high half of every 128-bit lane."""
        count, half = self.size * 8 // bits, LANE * 4 // bits
        a, b = c.bits_as(a, count, bits), c.bits_as(b, count, bits)

        def mask(start: int) -> list[int]:
            every = range(0, count, 2 * half)
            return [lane + start + i + source for lane in every for i in range(half) for source in (0, count)]

        return tuple(c.bits_as(c.shuffle(a, b, mask(s)), count // 2, 2 * bits) for s in (0, half))  # type: ignore[return-value]

    def zero_bytes(self) -> c.Value:
        return c.zeros(self.size, 8)

    def to_words(self, a: c.Value) -> tuple[c.Value, c.Value]:
        return self.interleave(a, self.zero_bytes(), 8)

    def from_planes(self, low: c.Value, high: c.Value) -> tuple[c.Value, c.Value]:
        """Signed words of `to_words` order from both bytes of 16-bit numbers."""
        return self.interleave(low, c.exclusive(high, SIGN), 8)

    def to_planes(self, low: c.Value, high: c.Value) -> list[c.Value]:
        """The inverse of `from_planes`."""
        words = (low, high)
        return [
            self._pack_words([c.both(w, 0xFF) for w in words]),
            self._pack_words([c.shift_right_logical(c.exclusive(w, SIGN << 8), 8) for w in words]),
        ]

    def to_signed_dwords(self, low: c.Value, high: c.Value) -> list[c.Value]:
        """Signed words of `to_words` order to four vectors of int32."""
        return [part for w in (low, high) for part in self.interleave(w, c.shift_right(w, 15), 16)]

    def to_dwords(self, low: c.Value, high: c.Value) -> list[c.Value]:
        """Unsigned words of `to_words` order to four vectors of int32."""
        zero = c.zeros(self.size // 2, 16)
        return [*self.interleave(low, zero, 16), *self.interleave(high, zero, 16)]

    def multiply_words(self, a: tuple[c.Value, c.Value], b: tuple[c.Value, c.Value]) -> list[c.Value]:
        """Signed 16 x 16 -> 32 products of words in `to_words` order, as four vectors of int32."""
        every: list[c.Value] = []
        for x, y in zip(a, b, strict=True):
            product = c.mul(c.extend(x, 32, signed=True), c.extend(y, 32, signed=True))
            low, high = c.truncate(product, 16), c.truncate(c.shift_right(product, 16), 16)  # pmullw, pmulhw
            every += self.interleave(low, high, 16)
        return every

    def add_products(self, acc: c.Value, a: c.Value, b: c.Value) -> c.Value:
        """`acc` + sums of two neighbouring products of signed words."""
        a, b = c.bits_as(a, self.size // 2, 16), c.bits_as(b, self.size // 2, 16)
        kind = c.vec(self.dwords, 32)
        name = {16: "llvm.x86.sse2.pmadd.wd", 32: "llvm.x86.avx2.pmadd.wd", 64: "llvm.x86.avx512.pmaddw.d.512"}
        return c.add(acc, c.intrinsic(name[self.size], kind, a, b))  # LLVM makes it vpdpwssd where there is one

    def dot_words(self, acc: c.Value, a: c.Value, b: c.Value) -> c.Value:
        """The same as one instruction where there is VNNI, in kernels with the features `with_dot_words`."""
        if not self.vnni:
            return self.add_products(acc, a, b)
        a, b = c.bits_as(a, self.size // 2, 16), c.bits_as(b, self.size // 2, 16)
        name, kind = f"llvm.x86.avx512.vpdpwssd.{self.size * 8}", c.vec(self.dwords, 32)
        return c.intrinsic(name, kind, acc, a, b)

    def dot(self, acc: c.Value, quads: c.Value, weights: c.Value) -> c.Value:
        """`acc` + sums of four neighbouring products of u8 `quads` and s8 `weights`, where there is VNNI."""
        quads, weights = c.bits_as(quads, self.size, 8), c.bits_as(weights, self.size, 8)
        name = f"llvm.x86.avx512.vpdpbusd.{self.size * 8}"
        return c.intrinsic(name, c.vec(self.dwords, 32), acc, quads, weights)

    def split(self, quads: c.Value, *, signed: bool) -> tuple[c.Value, c.Value]:
        """Even and odd bytes as words."""
        words = c.bits_as(quads, self.size // 2, 16)
        right = c.shift_right if signed else c.shift_right_logical
        return right(c.shift_left(words, 8), 8), right(words, 8)

    def pack(self, dwords: Sequence[c.Value], narrow: "Narrow") -> list[c.Value]:
        """Four vectors of rounded int32 to the bytes of each plane: zero point, clamp.

        Saturation on the way is monotone, hence exact.
        """
        words = self.saturated(dwords, narrow)
        if narrow.wide:
            return self.to_planes(*words)
        packed = self._pack_words(words)
        if narrow.limits is None:
            return [packed]
        low, high = (c.splat(limit, self.size) for limit in narrow.limits)
        return [c.smallest_unsigned(c.largest_unsigned(packed, low), high)]

    def saturated(self, dwords: Sequence[c.Value], narrow: "Narrow") -> tuple[c.Value, c.Value]:
        """Four vectors of rounded int32 to signed words: zero point, and the clamp of a result of 16 bits."""
        prefix, suffix = _PREFIX[self.size], _SUFFIX[self.size]
        words = []
        for a, b in (dwords[:2], dwords[2:]):
            word = c.intrinsic(f"{prefix}.packssdw{suffix}", c.vec(self.size // 2, 16), a, b)
            if narrow.zero_point is not None:
                word = c.add_saturated(word, c.splat(narrow.zero_point, self.size // 2))
            if narrow.wide and narrow.limits is not None:
                low, high = (c.splat(limit, self.size // 2) for limit in narrow.limits)
                word = c.smallest(c.largest(word, low), high)
            words.append(word)
        return words[0], words[1]

    def _pack_words(self, words: Sequence[c.Value]) -> c.Value:
        """Two vectors of signed words to bytes, saturated."""
        return c.intrinsic(f"{_PREFIX[self.size]}.packuswb{_SUFFIX[self.size]}", c.vec(self.size, 8), *words)

    def store_planes(
        self, planes: Sequence[c.Value], pointer: c.Value, offset: c.Value | int, count: int, distance: int
    ) -> None:
        """`store` each plane, `distance` bytes apart."""
        for i, value in enumerate(planes):
            self.store(value, c.at(pointer, i * distance), offset, count)

    def store(
        self, value: c.Value, pointer: c.Value, offset: c.Value | int, count: int, *, plain: bool = False
    ) -> None:
        """The first `count` bytes and nothing beyond them: a neighbour may belong to another thread."""
        pointer = c.at(pointer, offset)
        done = 0
        while done < count:
            piece = min(self.size, 1 << ((count - done).bit_length() - 1))
            c.store(value if piece == self.size else c.part(value, done, piece), pointer, done, plain=plain)
            done += piece


@dataclass
class Narrow:
    """What is left to do on the way to bytes: scalars from the first three int32 of the parameters.

    No zero point (i16) where the rounding has added it or there is none; no limits (low and high, of the result's
    bits) where they are all that those hold. `wide` results have 16 bits.
    """

    zero_point: c.Value | None
    limits: tuple[c.Value, c.Value] | None
    wide: bool = False

    @staticmethod
    def load(params: c.Value, form: str, *, clamp: bool = True, wide: bool = False) -> "Narrow":
        def scalar(place: int, bits: int) -> c.Value:
            return c.truncate(c.load(c.integer(32), params, 4 * place, align=4), bits)

        bits = 16 if wide else 8
        limits = (scalar(1, bits), scalar(2, bits)) if clamp else None
        return Narrow(None if wide or form == HIGH else scalar(0, 16), limits, wide)


def uniform(params: c.Value, form: str, lanes: ByteLanes) -> Requantize:
    """The first block of parameters, whose lanes are all equal, for vectors of this size."""
    return Requantize(params, c.const(0), form, lanes=lanes.dwords)
