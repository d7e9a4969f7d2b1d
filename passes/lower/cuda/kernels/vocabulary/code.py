"""Numbers of 32 and 64 bits, and pointers to global and shared memory.

Thin names over `arith`, `llvm` and `scf`. Every function builds at the current insertion point. Offsets are bytes;
those within an image have 32 bits, those between images are widened before they are multiplied.
"""

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm, scf

Value = ir.Value

GLOBAL, SHARED = 1, 3  # address spaces of NVPTX
DYNAMIC = -(2**31)  # of llvm.getelementptr: the index is an operand


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


def clamp_between(a: Value, low: Value | int, high: Value | int) -> Value:
    """`a`, but at least `low` and at most `high`, signed."""
    return arith.minsi(arith.maxsi(a, like(a, low)), like(a, high))


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


def when(condition: Value, body: Callable[[], None]) -> None:
    """Do it where the condition holds."""
    inside = scf.IfOp(condition)
    with ir.InsertionPoint(inside.then_block):
        body()
        scf.yield_([])


def where(condition: Value, body: Callable[[], Sequence[Value]], otherwise: Sequence[Value]) -> list[Value]:
    """What the body gives where the condition holds, `otherwise` elsewhere."""
    either = scf.IfOp(condition, [value.type for value in otherwise], has_else=True)
    with ir.InsertionPoint(either.then_block):
        scf.yield_(list(body()))
    with ir.InsertionPoint(either.else_block):
        scf.yield_(list(otherwise))
    return list(either.results)


def loop(
    count: Value | int, body: Callable[[Value, list[Value]], Sequence[Value]], start: Sequence[Value] = ()
) -> list[Value]:
    """`body(i, carried)` for i in 0..count-1; it returns what it hands to the next one. Gives what the last one did."""
    every = scf.ForOp(const(0), const(count) if isinstance(count, int) else count, const(1), list(start))
    with ir.InsertionPoint(every.body):
        scf.yield_(list(body(every.induction_variable, list(every.inner_iter_args))))
    return list(every.results)
