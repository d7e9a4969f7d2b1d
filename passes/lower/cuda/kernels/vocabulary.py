"""What kernels of a GPU are written with: 32-bit numbers, pointers to global and shared memory, warps.

Thin names over `arith`, `llvm`, `gpu` and `nvvm`. Every function builds at the current insertion point. Offsets are
bytes; those within an image have 32 bits, those between images are widened before they are multiplied.
"""

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm, nvvm, scf

Value = ir.Value

GLOBAL, SHARED = 1, 3  # address spaces of NVPTX
DYNAMIC = -(2**31)  # of llvm.getelementptr: the index is an operand
RING = "ring"  # the shared memory that a launch sizes


def integer(bits: int) -> ir.Type:
    """The signless integer type of so many bits."""
    return ir.IntegerType.get_signless(bits)


def pointer(space: int) -> ir.Type:
    """The type of pointers to a space."""
    return ir.Type.parse(f"!llvm.ptr<{space}>")


def const(value: int, bits: int = 32) -> Value:
    """A constant of so many bits."""
    return arith.constant(integer(bits), value)


def like(a: Value, b: Value | int) -> Value:
    """`b` as a value of a's type, when it is a plain integer."""
    return const(b, ir.IntegerType(a.type).width) if isinstance(b, int) else b


def add(a: Value, b: Value | int) -> Value:
    """`a + b`, wrapping; `b` may be a plain integer, as in all that follow."""
    return arith.addi(a, like(a, b))


def sub(a: Value, b: Value | int) -> Value:
    """`a - b`, wrapping."""
    return arith.subi(a, like(a, b))


def mul(a: Value, b: Value | int) -> Value:
    """`a * b`, wrapping."""
    return arith.muli(a, like(a, b))


def div(a: Value, b: int) -> Value:
    """`a / b` for a number, unsigned; LLVM makes a product of it."""
    return arith.divui(a, like(a, b))


def rem(a: Value, b: int) -> Value:
    """`a % b` for a number, unsigned."""
    return arith.remui(a, like(a, b))


def xor(a: Value, b: Value | int) -> Value:
    """`a ^ b`."""
    return arith.xori(a, like(a, b))


def least(a: Value, b: Value | int) -> Value:
    """The smaller one, unsigned."""
    return arith.minui(a, like(a, b))


def below(a: Value, b: Value | int) -> Value:
    """Whether `a < b`, unsigned, as i1."""
    return arith.cmpi(arith.CmpIPredicate.ult, a, like(a, b))


def clamp(a: Value, lo: int, hi: int) -> Value:
    """`a` between two numbers, signed."""
    return arith.minsi(arith.maxsi(a, like(a, lo)), like(a, hi))


def wide(a: Value) -> Value:
    """Zero-extended to 64 bits."""
    return arith.extui(integer(64), a)


def signed_wide(a: Value) -> Value:
    """Sign-extended to 64 bits."""
    return arith.extsi(integer(64), a)


def at(base: Value, offset: Value | int) -> Value:
    """A pointer so many bytes further on."""
    if isinstance(offset, int):
        return llvm.getelementptr(base.type, base, [], [offset], integer(8), 0)
    return llvm.getelementptr(base.type, base, [offset], [DYNAMIC], integer(8), 0)


def load(kind: ir.Type, source: Value, alignment: int) -> Value:
    """A value of a type, from an address that is a multiple of `alignment`."""
    return llvm.LoadOp(kind, source, alignment=alignment).result


def store(value: Value, target: Value, alignment: int) -> None:
    """To an address that is a multiple of `alignment`."""
    llvm.StoreOp(value, target, alignment=alignment)


def thread() -> Value:
    """Which thread of its block this is, in x."""
    return arith.index_cast(integer(32), gpu.thread_id(gpu.Dimension.x))


def block(dimension: gpu.Dimension) -> Value:
    """Which block of the grid this is, in one dimension."""
    return arith.index_cast(integer(32), gpu.block_id(dimension))


def declare_ring() -> None:
    """Shared memory as large as the launch says, under the name RING; once a module."""
    ir.Operation.create(
        "llvm.mlir.global",
        attributes={
            "sym_name": ir.StringAttr.get(RING),
            "addr_space": ir.IntegerAttr.get(integer(32), SHARED),
            "alignment": ir.IntegerAttr.get(integer(64), 128),
            "global_type": ir.TypeAttr.get(ir.Type.parse("!llvm.array<0 x i8>")),
            "linkage": ir.Attribute.parse("#llvm.linkage<external>"),
        },
        regions=1,
    )


def ring() -> Value:
    """Where that memory starts."""
    return llvm.mlir_addressof(pointer(SHARED), RING)


def when(condition: Value, body: Callable[[], None]) -> None:
    """Do it where the condition holds."""
    inside = scf.IfOp(condition)
    with ir.InsertionPoint(inside.then_block):
        body()
        scf.yield_([])


def copy_async(target: Value, source: Value, size: int, read: Value) -> None:
    """Copy `size` bytes to shared memory, to arrive with a later `wait`: `read` of them (i32), zeros behind. 16 bytes
    go past the first cache, where nothing else would find them; fewer cannot."""
    modifier = ir.Attribute.parse(f"#nvvm<load_cache_modifier {'cg' if size == 16 else 'ca'}>")
    nvvm.CpAsyncOp(target, source, size, modifier, cpSize=read)


def commit() -> None:
    """What was copied since the last commit is a group."""
    nvvm.CpAsyncCommitGroupOp()


def wait(in_flight: int) -> None:
    """Until all groups of this thread but so many have arrived."""
    nvvm.CpAsyncWaitGroupOp(in_flight)


def _parts(struct: Value) -> list[Value]:
    return [llvm.extractvalue(integer(32), struct, [k]) for k in range(4)]


def _four_words() -> ir.Type:
    return ir.Type.parse("!llvm.struct<(i32, i32, i32, i32)>")


def load_matrices(row: Value) -> list[Value]:
    """Four matrices of 8 rows of 16 bytes; lane l gives the address of row l % 8 of matrix l / 8."""
    attributes = ("#nvvm.mma_layout<row>", "#nvvm.ld_st_matrix_shape<m = 8, n = 8>", "#nvvm.ld_st_matrix_elt_type<b16>")
    layout, shape, kind = map(ir.Attribute.parse, attributes)
    return _parts(nvvm.LdMatrixOp(row, 4, layout, shape, kind, results=[_four_words()]).result)


def multiply(a: Sequence[Value], b: Sequence[Value], sums: Sequence[Value]) -> list[Value]:
    """16 rows of u8 times 8 columns of s8, 32 of k, and sums of 32 bits."""
    shape, row, column, wrapped, left, right = map(
        ir.Attribute.parse,
        (
            "#nvvm.shape<m = 16, n = 8, k = 32>", "#nvvm.mma_layout<row>", "#nvvm.mma_layout<col>",
            "#nvvm.mma_int_overflow<wrapped>", "#nvvm.mma_type<u8>", "#nvvm.mma_type<s8>",
        ),
    )  # fmt: skip
    product = nvvm.MmaOp(
        _four_words(), shape, row, column, a, b, sums,
        intOverflowBehavior=wrapped, multiplicandAPtxType=left, multiplicandBPtxType=right,
    )  # fmt: skip
    return _parts(product.result)
