"""The vocabulary that kernels are written in: i64 arithmetic, byte pointers, vectors of integers, loops.

Thin names over `arith`, `scf`, `vector` and `llvm` so that a generator reads like the loop nest it makes. Every
function builds at the current insertion point. Pointers are bare `!llvm.ptr` and offsets are bytes, as the kernel ABI
(`KernelArguments`) has them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import arith, func, llvm, scf, vector

Value = ir.Value
SLT = 2  # arith.cmpi predicates
EQ = 0


def integer(bits: int) -> ir.Type:
    """The signless integer type of so many bits."""
    return ir.IntegerType.get_signless(bits)


def vec(lanes: int, bits: int) -> ir.VectorType:
    """The vector type of `lanes` integers of so many bits."""
    return ir.VectorType.get([lanes], integer(bits))


def const(value: int, bits: int = 64) -> Value:
    """A constant of so many bits."""
    return arith.constant(integer(bits), value)


def lanes(values: Sequence[int], bits: int) -> Value:
    """A constant vector."""
    dtype = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}[bits]
    array = np.array(values, np.int64).astype(dtype)
    return arith.constant(vec(len(array), bits), ir.DenseElementsAttr.get(array, type=vec(len(array), bits)))


def zeros(count: int, bits: int) -> Value:
    """A vector of zeros."""
    return fill(0, count, bits)


def fill(value: int, count: int, bits: int) -> Value:
    """A constant vector, every lane `value`."""
    kind = vec(count, bits)
    return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, ir.IntegerAttr.get(integer(bits), value)))


def like(a: Value, b: Value | int) -> Value:
    """`b` as a value of a's type, when it is a plain integer."""
    if not isinstance(b, int):
        return b
    if isinstance(a.type, ir.VectorType):
        kind = ir.VectorType(a.type)
        return fill(b, kind.shape[0], ir.IntegerType(kind.element_type).width)
    return const(b, ir.IntegerType(a.type).width)


def add(a: Value, b: Value | int) -> Value:
    """`a + b`, wrapping; `b` may be a plain integer, as in all that follow."""
    return arith.addi(a, like(a, b))


def sub(a: Value, b: Value | int) -> Value:
    """`a - b`, wrapping."""
    return arith.subi(a, like(a, b))


def mul(a: Value, b: Value | int) -> Value:
    """`a * b`, wrapping."""
    return arith.muli(a, like(a, b))


def floor_div(a: Value, b: int) -> Value:
    """Non-negative `a` divided by a constant: LLVM makes it a multiplication and a shift."""
    return a if b == 1 else arith.divui(a, like(a, b))


def remainder(a: Value, b: int) -> Value:
    """`a mod b` of numbers that are not negative."""
    return const(0) if b == 1 else arith.remui(a, like(a, b))


def shift_left(a: Value, b: Value | int) -> Value:
    """`a << b`, zeros from below."""
    return arith.shli(a, like(a, b))


def shift_right(a: Value, b: Value | int) -> Value:
    """Arithmetic: rounds toward minus infinity."""
    return arith.shrsi(a, like(a, b))


def shift_right_logical(a: Value, b: Value | int) -> Value:
    """`a >> b`, zeros from above."""
    return arith.shrui(a, like(a, b))


def either(a: Value, b: Value) -> Value:
    """`a | b`, bit by bit."""
    return arith.ori(a, b)


def both(a: Value, b: Value | int) -> Value:
    """`a & b`, bit by bit."""
    return arith.andi(a, like(a, b))


def exclusive(a: Value, b: Value | int) -> Value:
    """Bits that are in one of the two only."""
    return arith.xori(a, like(a, b))


def smallest(a: Value, b: Value | int) -> Value:
    """The smaller of two signed numbers, lane by lane."""
    return arith.minsi(a, like(a, b))


def largest(a: Value, b: Value | int) -> Value:
    """The larger of two signed numbers, lane by lane."""
    return arith.maxsi(a, like(a, b))


def smallest_unsigned(a: Value, b: Value | int) -> Value:
    """The smaller of two unsigned numbers, lane by lane."""
    return arith.minui(a, like(a, b))


def largest_unsigned(a: Value, b: Value | int) -> Value:
    """The larger of two unsigned numbers, lane by lane."""
    return arith.maxui(a, like(a, b))


def add_saturated(a: Value, b: Value) -> Value:
    """Signed saturating addition of vectors."""
    kind = ir.VectorType(a.type)
    name = f"llvm.sadd.sat.v{kind.shape[0]}{kind.element_type}"
    return intrinsic(name, kind, a, b)


def extend(a: Value, bits: int, *, signed: bool) -> Value:
    """A vector's lanes widened to `bits`, with their sign or with zeros."""
    kind = integer(bits)
    if isinstance(a.type, ir.VectorType):
        kind = ir.VectorType.get(ir.VectorType(a.type).shape, kind)
    return arith.extsi(kind, a) if signed else arith.extui(kind, a)


def leading_zeros(a: Value) -> Value:
    """How many bits are 0 above the highest that is not, lane by lane."""
    kind = ir.VectorType(a.type) if isinstance(a.type, ir.VectorType) else None
    name = f"v{kind.shape[0]}{kind.element_type}" if kind else str(a.type)
    return intrinsic(f"llvm.ctlz.{name}", a.type, a, const(0, 1))


def truncate(a: Value, bits: int) -> Value:
    """The low `bits` of every lane."""
    kind = integer(bits)
    if isinstance(a.type, ir.VectorType):
        kind = ir.VectorType.get(ir.VectorType(a.type).shape, kind)
    return arith.trunci(kind, a)


def lane_count(a: Value) -> int:
    """How many lanes a vector has."""
    return ir.VectorType(a.type).shape[0]


def splat(scalar: Value, count: int) -> Value:
    """A vector of `count` lanes that all hold `value`."""
    return vector.broadcast(ir.VectorType.get([count], scalar.type), scalar)


def bits_as(a: Value, count: int, bits: int) -> Value:
    """The same bits seen as `count` lanes of `bits`."""
    return vector.bitcast(vec(count, bits), a)


def shuffle(a: Value, b: Value, mask: Sequence[int]) -> Value:
    """Lanes of `a`, then of `b`, picked by number."""
    return vector.shuffle(a, b, list(mask))


def part(a: Value, start: int, count: int) -> Value:
    """`count` lanes of `a` from `start` on."""
    return shuffle(a, a, range(start, start + count))


def element(a: Value, lane: int) -> Value:
    """One lane as a scalar."""
    return vector.extract(a, [], [lane])


def join(parts: Sequence[Value]) -> Value:
    """Vectors of one type (a power of two of them) end to end."""
    parts = list(parts)
    while len(parts) > 1:
        size = ir.VectorType(parts[0].type).shape[0]
        parts = [shuffle(a, b, range(2 * size)) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def intrinsic(name: str, result: ir.Type | None, *arguments: Value) -> Any:
    """A call of an LLVM intrinsic by its full name."""
    return llvm.call_intrinsic(result, name, list(arguments), [], [])


def gather(pointer: Value, index: Value, size: int = 4) -> Value:
    """Lanes of int32 from places `index * size` bytes behind a pointer; `index` is a vector of int32, not negative."""
    count = lane_count(index)
    pointers = llvm.getelementptr(
        ir.Type.parse(f"vector<{count}x!llvm.ptr>"),
        pointer,
        [index],
        [-(1 << 31)],
        integer(8 * size),
        0,
    )
    kind = vec(count, 1)
    every = arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, ir.BoolAttr.get(True)))
    return llvm.intr_masked_gather(vec(count, 32), pointers, every, [zeros(count, 32)], 4)


def at(pointer: Value, offset: Value | int) -> Value:
    """`pointer + offset` bytes."""
    if isinstance(offset, int):
        if offset == 0:
            return pointer
        offset = const(offset)
    dynamic = -(1 << 31)
    return llvm.getelementptr(llvm.PointerType.get(), pointer, [offset], [dynamic], integer(8), 0)


def opaque(a: Value) -> Value:
    """The same pointer or vector, but LLVM does not know, and neither merges nor moves what is done with it."""
    register = "x" if isinstance(a.type, ir.VectorType) else "r"
    return llvm.InlineAsmOp(a.type, [a], "", f"={register},0").result


def load(kind: ir.Type, pointer: Value, offset: Value | int = 0, align: int = 1, *, plain: bool = False) -> Value:
    """`plain` loads stay as they are: LLVM does not keep a value in a register instead of loading it again."""
    return llvm.load(kind, at(pointer, offset), alignment=align, volatile_=plain)


def store(value: Value, pointer: Value, offset: Value | int = 0, align: int = 1, *, plain: bool = False) -> None:
    """`plain` stores stay as they are: LLVM does not see a memset or memcpy in a loop of them."""
    llvm.store(value, at(pointer, offset), alignment=align, volatile_=plain)


def prefetch(pointer: Value, offset: Value | int = 0) -> None:
    """Ask for a cache line in L2. A hint: any address may be named."""
    llvm.intr_prefetch(at(pointer, offset), rw=0, hint=2, cache=1)


def loop(
    low: Value | int,
    high: Value | int,
    body: Callable[..., Sequence[Value] | None],
    carried: Sequence[Value] = (),
    step: int = 1,
) -> list[Value]:
    """`for i in range(low, high, step)`; `body(i, *carried)` returns the next carried values."""
    low = const(low) if isinstance(low, int) else low
    high = const(high) if isinstance(high, int) else high
    op = scf.ForOp(low, high, const(step), list(carried))
    with ir.InsertionPoint(op.body):
        after = body(op.induction_variable, *op.inner_iter_args)
        scf.yield_(list(after or ()))
    return list(op.results)


def choose(condition: Value, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
    """`if condition: then() else: otherwise()`, written as code."""
    op = scf.IfOp(condition, has_else=True)
    with ir.InsertionPoint(op.then_block):
        then()
        scf.yield_([])
    with ir.InsertionPoint(op.else_block):
        otherwise()
        scf.yield_([])


def less(a: Value, b: Value | int) -> Value:
    """Whether `a < b`, signed."""
    return arith.cmpi(SLT, a, like(a, b))


def equal(a: Value, b: Value | int) -> Value:
    """Whether `a == b`."""
    return arith.cmpi(EQ, a, like(a, b))


def select(condition: Value, then: Value, otherwise: Value) -> Value:
    """`a` where the condition holds, else `b`, lane by lane; both are computed."""
    return arith.select(condition, then, otherwise)


class KernelArguments:
    """The kernel ABI by name."""

    def __init__(self, block: ir.Block) -> None:
        self.inputs, self.out, self.weights, self.params, self.scratch, self.first, self.last = block.arguments

    def input(self, index: int) -> Value:
        return load(llvm.PointerType.get(), self.inputs, 8 * index, align=8)


def kernel(
    symbol: str, body: Callable[[KernelArguments], None], *, reload: bool = False, features: str = ""
) -> func.FuncOp:
    """`void symbol(in, out, weights, params, scratch, first, last)` with the body that `body` builds.

    With `reload` the compiler may not assume that results leave weights and parameters alone: it reads them again
    instead of keeping copies. `features` are LLVM's for this kernel, those of the level among them.
    """
    pointer, i64 = llvm.PointerType.get(), integer(64)
    function = func.FuncOp(symbol, ir.FunctionType.get([pointer] * 5 + [i64] * 2, []))
    # spilled vectors must not straddle cache lines; LLVM aligns the stack only if it knows before register allocation
    attributes: list[ir.Attribute] = [ir.StringAttr.get("stackrealign")]
    if features:
        attributes.append(ir.ArrayAttr.get([ir.StringAttr.get("target-features"), ir.StringAttr.get(features)]))
    function.attributes["llvm.passthrough"] = ir.ArrayAttr.get(attributes)
    noalias = ir.DictAttr.get({"llvm.noalias": ir.UnitAttr.get()})
    nothing = ir.DictAttr.get({})
    function.arg_attrs = ir.ArrayAttr.get([nothing] + [nothing if reload else noalias] * 4 + [nothing] * 2)
    with ir.InsertionPoint(function.add_entry_block()):
        body(KernelArguments(function.entry_block))
        func.return_([])
    return function
