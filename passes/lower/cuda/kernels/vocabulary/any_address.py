"""Words from addresses that are no multiples of four."""

from torch_mlir.dialects import arith, llvm

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, at, below, const, integer, load, mul, sub, wide


def load_any(start: Value, words: int) -> list[Value]:
    """So many words that begin at any byte of global memory. Read are the aligned ones that they share bytes with."""
    address = arith.trunci(integer(32), llvm.ptrtoint(integer(64), start))
    odd = arith.andi(address, const(3))
    first = at(start, sub(const(0, 64), wide(odd)))
    last = arith.select(below(const(0), odd), const(4 * words), const(4 * words - 4))
    found = [load(integer(32), at(first, 4 * n), 4) for n in range(words)]
    found.append(load(integer(32), at(first, wide(last)), 4))
    bits = mul(odd, 8)
    return [llvm.intr_fshr(found[n + 1], found[n], bits) for n in range(words)]
