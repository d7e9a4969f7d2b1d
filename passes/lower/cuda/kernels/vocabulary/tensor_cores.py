"""Copies to shared memory that arrive later, and products of matrices by whole warps."""

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import llvm, nvvm

from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, integer


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


def multiply(a: Sequence[Value], b: Sequence[Value], sums: Sequence[Value], right: str = "s8") -> list[Value]:
    """16 rows of u8 times 8 columns of s8 (or u8), 32 of k, and sums of 32 bits, which wrap."""
    shape, row, column, wrapped, left, kind = map(
        ir.Attribute.parse,
        (
            "#nvvm.shape<m = 16, n = 8, k = 32>", "#nvvm.mma_layout<row>", "#nvvm.mma_layout<col>",
            "#nvvm.mma_int_overflow<wrapped>", "#nvvm.mma_type<u8>", f"#nvvm.mma_type<{right}>",
        ),
    )  # fmt: skip
    product = nvvm.MmaOp(
        _four_words(), shape, row, column, a, b, sums,
        intOverflowBehavior=wrapped, multiplicandAPtxType=left, multiplicandBPtxType=kind,
    )  # fmt: skip
    return _parts(product.result)
