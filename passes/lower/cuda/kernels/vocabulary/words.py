"""A group of neighbouring channels as words of four bytes, and those bytes as numbers.

A thread takes `width` channels of a pixel at once: 1, 2, 4, 8 or 16, what divides every address of its operands. The
last group of a pixel may be ragged: all of it is read (a buffer has 16 readable bytes behind it), but no more than the
channels that there are is written. Numbers of 16 bits are two planes of such bytes, the high ones 128 larger.
"""

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, nvvm, scf

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, at, const, integer, load, store, xor

FLIP = 0x80808080 - (1 << 32)  # what makes high bytes of unsigned numbers those of signed ones, and back


def load_words(source: Value, width: int) -> list[Value]:
    """`width` bytes, from an address that is a multiple of it; zeros behind fewer than four."""
    if width < 4:
        return [arith.extui(integer(32), load(integer(8 * width), source, width))]
    if width == 4:
        return [load(integer(32), source, 4)]
    vector = load(ir.VectorType.get([width // 4], integer(32)), source, width)
    return [llvm.extractelement(vector, const(k)) for k in range(width // 4)]


def gather_words(source: Value, step: int, size: int, width: int) -> list[Value]:
    """`width` bytes that lie `step` apart, as words; where they are neighbours, `size` at once."""
    size = size if step == 1 else 1
    if size >= min(width, 4):
        return [word for n in range(0, width, size) for word in load_words(at(source, n), size)]
    words = []
    for first in range(0, width, 4):
        pieces = range(0, min(4, width - first), size)
        word = const(0)
        for n in pieces:
            (piece,) = load_words(at(source, (first + n) * step), size)
            word = arith.ori(word, arith.shli(piece, const(8 * n)))
        words.append(word)
    return words


def store_words(words: Sequence[Value], target: Value, width: int) -> None:
    """`width` bytes, to an address that is a multiple of it."""
    if width < 4:
        store(arith.trunci(integer(8 * width), words[0]), target, width)
    elif width == 4:
        store(words[0], target, 4)
    else:
        store(side_by_side(words), target, width)


def side_by_side(words: Sequence[Value]) -> Value:
    """Several words as one vector."""
    vector = llvm.mlir_undef(ir.VectorType.get([len(words)], integer(32)))
    for k, word in enumerate(words):
        vector = llvm.insertelement(vector, word, const(k))
    return vector


def store_first(words: Sequence[Value], target: Value, count: int, width: int) -> None:
    """The first `count` of `width` bytes, in pieces."""
    done = 0
    while done < count:
        piece = next(n for n in (4, 2, 1) if n <= min(count - done, width))
        word = words[done // 4]
        if done % 4:
            word = arith.shrui(word, const(8 * (done % 4)))
        store_words([word], at(target, done), piece)
        done += piece


def store_group(words: Sequence[Value], target: Value, width: int, channels: int, group: Value) -> None:
    """Group number `group` of a pixel with so many channels: as much of it as there is."""
    whole, rest = divmod(channels, width)
    if not rest:
        store_words(words, target, width)
        return
    is_whole = arith.cmpi(arith.CmpIPredicate.ult, group, const(whole))
    either = scf.IfOp(is_whole, has_else=True)
    with ir.InsertionPoint(either.then_block):
        store_words(words, target, width)
        scf.yield_([])
    with ir.InsertionPoint(either.else_block):
        store_first(words, target, rest, width)
        scf.yield_([])


def permute(a: Value, b: Value, selector: int) -> Value:
    """`prmt`: byte k of the result is byte number `selector >> 4 * k & 7` of a (0 to 3) and b (4 to 7)."""
    return nvvm.prmt(a, const(selector), nvvm_mode(), hi=b)


def nvvm_mode() -> ir.Attribute:
    """Of `prmt`: its selector means what `permute` says."""
    return ir.Attribute.parse("#nvvm.permute_mode<default>")


def dot(word: Value, by: Value | int, total: Value, *, signed: bool = False, by_signed: bool = False) -> Value:
    """`dp4a`: `total` and the sum of the four bytes of `word` times those of `by`."""
    four = ir.VectorType.get([4], integer(8))
    kinds = [ir.Attribute.parse(f"#nvvm.dot_accumulate_type<{name}>") for name in ("unsigned", "signed")]
    other = const(by) if isinstance(by, int) else by
    left, right = llvm.bitcast(four, word), llvm.bitcast(four, other)
    return nvvm.dot_accumulate_4way(left, kinds[signed], right, kinds[by_signed], total)


def byte_of(word: Value, k: int) -> Value:
    """Byte k as a number from 0 to 255."""
    moved = arith.shrui(word, const(8 * k)) if k else word
    return moved if k == 3 else arith.andi(moved, const(255))


def bytes_of(words: Sequence[Value], width: int) -> list[Value]:
    """The `width` bytes as numbers from 0 to 255."""
    return [byte_of(words[k // 4], k % 4) for k in range(width)]


def signed_halves(word: Value) -> list[Value]:
    """Both signed halves of a word."""
    low = arith.shrsi(arith.shli(word, const(16)), const(16))
    return [low, arith.shrsi(word, const(16))]


def numbers_of(low: Sequence[Value], high: Sequence[Value], width: int) -> list[Value]:
    """The `width` signed numbers of 16 bits of two planes."""
    numbers = []
    for a, b in zip(low, high, strict=True):
        signed = xor(b, FLIP)
        numbers += [n for selector in (0x5140, 0x7362) for n in signed_halves(permute(a, signed, selector))]
    return numbers[:width]


def packed(numbers: Sequence[Value], byte: int = 0) -> list[Value]:
    """One byte of each number, the lowest, in words; zeros behind the last."""
    words = []
    for first in range(0, len(numbers), 4):
        four = [*numbers[first : first + 4]]
        four += [const(0)] * (4 - len(four))
        pair = byte | (4 + byte) << 4
        words.append(permute(permute(four[0], four[1], pair), permute(four[2], four[3], pair), 0x5410))
    return words


def planes_of(numbers: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """The two planes of signed numbers of 16 bits."""
    return packed(numbers), [xor(word, FLIP) for word in packed(numbers, 1)]
