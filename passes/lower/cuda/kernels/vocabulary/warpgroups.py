"""Products of matrices by four warps together, of sm_90a: they read shared memory by themselves, and go on while the
warps do other things.

Operands are [rows][64 or 128 bytes of k] in the manual's swizzle of as many bytes: the chunks of 16 bytes of a row
change places by bits 7 and 8, or 7 to 9, of their address. A pattern has eight rows, and begins at a multiple of 512 or
1,024 bytes. Its descriptor says where the first row begins; 32 more bytes of k are 32 bytes further on, for places are
swapped by the address alone ("Matrix Descriptor Format" of the PTX manual).

What was written for a product has to be shown to it (`show`), before a barrier. Its sums belong to it from `begin` on
until they are `finished`: both hand them on, so that the compiler touches none between.
"""

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from dyadic.passes.lower.cuda.kernels.vocabulary.assembly import assembly
from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, const, integer, wide

WARPS = 4  # that multiply together
ROWS, DEPTH = 64, 32  # of a product; its columns are any multiple of 16 up to
MOST_COLUMNS = 256
PATTERN_ROWS = 8
UNIT = 16  # of addresses and distances in descriptors
SWIZZLES = {128: 1, 64: 2}  # by bytes of a row


def _words(count: int) -> ir.Type:
    return ir.Type.parse(f"!llvm.struct<({', '.join(['i32'] * count)})>")


def _with_sums(text: str, sums: Sequence[Value], more: Sequence[Value] = ()) -> list[Value]:
    """An instruction that writes sums in their own registers; `more`: numbers of 64 bits that it reads."""
    count = len(sums)
    constraints = ",".join(["=r"] * count + ["l"] * len(more) + [str(n) for n in range(count)] + ["~{memory}"])
    made = assembly(text, constraints, [*more, *sums], _words(count))
    return [llvm.extractvalue(integer(32), made.results[0], [n]) for n in range(count)]


def show() -> None:
    """What this thread wrote to shared memory, to products after the next barrier."""
    assembly("fence.proxy.async.shared::cta;", "~{memory}")


def together() -> None:
    """The lanes of a warp meet; no memory is touched before that is needed behind it."""
    assembly("bar.warp.sync -1;", "~{memory}")


def begin(sums: Sequence[Value]) -> list[Value]:
    """Sums in the registers where products may be added to them."""
    return _with_sums("wgmma.fence.sync.aligned;", sums)


def descriptor(address: Value, row_bytes: int) -> Value:
    """Of an operand whose first row begins there in shared memory (i32, a multiple of 8 rows), 64 bits."""
    # Above the address: no distance along k, from pattern to pattern, the swizzle.
    described = 1 << 16 | (PATTERN_ROWS * row_bytes // UNIT) << 32 | SWIZZLES[row_bytes] << 62
    return arith.ori(wide(arith.shrui(address, const(UNIT.bit_length() - 1))), const(_signed(described), 64))


def plain_descriptor(address: Value, row_bytes: int) -> Value:
    """Of an operand that is not swizzled: eight rows of a chunk are 128 bytes, then those of the next chunk follow."""
    described = (PATTERN_ROWS * UNIT // UNIT) << 16 | (PATTERN_ROWS * row_bytes // UNIT) << 32
    return arith.ori(wide(arith.shrui(address, const(UNIT.bit_length() - 1))), const(described, 64))


def further(descriptor: Value, depth: int) -> Value:
    """The same operand so many bytes of k later; of one that is not swizzled, eight times as many."""
    return arith.addi(descriptor, const(depth // UNIT, 64)) if depth else descriptor


def multiply_together(rows: Value, columns: Value, sums: Sequence[Value]) -> list[Value]:
    """64 rows of u8 times 2 * len(sums) columns of s8, 32 of k, added to sums that lie as those of `mma`: of a tile of
    16 rows a warp, and 8 columns after 8 columns. They are in flight."""
    count = len(sums)
    every = ", ".join(f"${n}" for n in range(count))
    text = f"wgmma.mma_async.sync.aligned.m64n{2 * count}k32.s32.u8.s8 {{{every}}}, ${count}, ${count + 1}, 1;"
    return _with_sums(text, sums, [rows, columns])


def commit_products() -> None:
    """The products since the last commit are a group."""
    assembly("wgmma.commit_group.sync.aligned;", "~{memory}")


def wait_products(in_flight: int) -> None:
    """Until all groups but so many are done."""
    assembly(f"wgmma.wait_group.sync.aligned {in_flight};", "~{memory}")


def finished(sums: Sequence[Value]) -> list[Value]:
    """Wait for all groups; sums that may be read."""
    return _with_sums("wgmma.wait_group.sync.aligned 0;", sums)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number
