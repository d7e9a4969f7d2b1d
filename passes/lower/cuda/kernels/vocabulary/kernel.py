"""A kernel as every launch of a program calls it, and where a thread is in it.

    kernel(out, in_0, ..., weights, params, batch: i32, out_image: i32, in_image_0: i32, ...)

`out` and the inputs point to their first element in the first image, `*_image` are bytes from image to image (0 for
what is the same for all). `weights` are bytes and `params` 32-bit words, in the section of constants; a kernel that has
none is given null.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm

from dyadic.passes.lower.cuda.kernels.vocabulary.code import GLOBAL, SHARED, Value, integer, pointer

RING = "ring"  # the shared memory that a launch sizes
# Threads that a processor should hold at least of kernels that keep many sums: each has 128 registers then. With fewer,
# which the assembler likes, some would be spilled.
RESIDENT = 512
MOST_SHARED_BYTES = 99 << 10  # that every architecture from sm_80 on gives a block
MOST_SHARED_BYTES_90 = 227 << 10  # that sm_90 does


class Spec(Protocol):
    """What a launch needs to know of a kernel. The grid is `batch * items / block_items` blocks, rounded up, times
    `grid_y`; a block has `threads` threads."""

    @property
    def inputs(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def shared_bytes(self) -> int: ...
    @property
    def items(self) -> int: ...
    @property
    def block_items(self) -> int: ...
    @property
    def grid_y(self) -> int: ...


@dataclass(frozen=True)
class Arguments:
    """Of a kernel while it is written."""

    out: Value
    inputs: list[Value]
    weights: Value
    params: Value
    batch: Value
    out_image: Value
    in_images: list[Value]


def with_params(arguments: Arguments, params: Value) -> Arguments:
    """The same with parameters that begin elsewhere."""
    return replace(arguments, params=params)


def kernel(
    spec: Spec, symbol: str, body: Callable[[Arguments], None], resident: int = 0, cluster: Sequence[int] = ()
) -> None:
    """`gpu.func @symbol` at the current insertion point, inside of a gpu.module; `body` writes what it does.

    resident: how many blocks a processor should hold at least, which says how many registers a thread may have; 0: as
    the assembler likes. cluster: blocks in x, y and z that run together (sm_90), a divisor of every grid; (): one.
    """
    n = spec.inputs
    kinds = [pointer(GLOBAL)] * (n + 3) + [integer(32)] * (n + 2)

    def write(function: gpu.GPUFuncOp) -> None:
        every = list(function.operation.regions[0].blocks[0].arguments)
        out, *inputs, weights, params = every[: n + 3]
        batch, out_image, *in_images = every[n + 3 :]
        body(Arguments(out, inputs, weights, params, batch, out_image, in_images))
        gpu.return_([])

    function = gpu.GPUFuncOp(
        ir.FunctionType.get(kinds, []), symbol, kernel=True, known_block_size=[spec.threads, 1, 1], body_builder=write
    )
    if resident:
        function.operation.attributes["nvvm.minctasm"] = ir.IntegerAttr.get(integer(32), resident)
    if cluster:
        function.operation.attributes["nvvm.cluster_dim"] = ir.DenseI32ArrayAttr.get(list(cluster))


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
            "alignment": ir.IntegerAttr.get(integer(64), 1024),  # so that patterns of `wgmma` begin with it
            "global_type": ir.TypeAttr.get(ir.Type.parse("!llvm.array<0 x i8>")),
            "linkage": ir.Attribute.parse("#llvm.linkage<external>"),
        },
        regions=1,
    )


def ring() -> Value:
    """Where that memory starts."""
    return llvm.mlir_addressof(pointer(SHARED), RING)
