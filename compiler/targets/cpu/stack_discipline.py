"""That a kernel goes back to whoever called it, and nowhere else.

The list of instructions and the targets of jumps say what runs while control is in the image. `ret` takes its target
from memory, so an address that was pushed, or written over the one that is there, would take control to code that was
never decoded. Here every path through a kernel is followed with what its registers hold of the stack:

* the stack pointer is the address of the return address plus a known distance, or a known range of distances where it
  was aligned; nothing is written at or above the return address; `ret` and tail calls find it where it was;
* what callers rely on (rbx, rbp, r12 to r15) is what it was at the start: a caller that finds its stack by another rbp
  would go astray in its stead;
* neither an address of the stack nor what those registers held leaves for a place that is not followed, and nothing is
  read from the caller's part of the stack, where there are more of both.

What this does not say: where stores through the pointers go that a kernel is given. None of these is an address of the
stack: the runtime keeps the table of inputs elsewhere.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple

from iced_x86 import FlowControl, Instruction, InstructionInfo, MemorySizeExt, Mnemonic, OpAccess, OpKind, Register

NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
RSP, RBP = NAMES.index("rsp"), NAMES.index("rbp")
KEPT = tuple(NAMES.index(name) for name in ("rbx", "rbp", "r12", "r13", "r14", "r15"))  # by whoever is called
WHOLE = {getattr(Register, name.upper()): number for number, name in enumerate(NAMES)}
NARROW = {  # a general register by the name of a part of it
    **{getattr(Register, name): i % 4 for i, name in enumerate("AL CL DL BL AH CH DH BH AX CX DX BX".split())},
    **{getattr(Register, name): 4 + i % 4 for i, name in enumerate("SPL BPL SIL DIL SP BP SI DI".split())},
    **{getattr(Register, f"E{name}"): i for i, name in enumerate("AX CX DX BX SP BP SI DI".split())},
    **{getattr(Register, f"R{n}{part}"): n for n in range(8, 16) for part in "LWD"},
}
GENERAL = WHOLE | NARROW
FOLLOWED = frozenset(register for register, number in GENERAL.items() if number in (RSP, *KEPT))
WRITES = {OpAccess.WRITE, OpAccess.COND_WRITE, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE}
READS = {OpAccess.READ, OpAccess.COND_READ, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE}
BITS = {Mnemonic.BT, Mnemonic.BTS, Mnemonic.BTR, Mnemonic.BTC}  # a register's bit of memory may lie anywhere
THREAD = {Register.FS, Register.GS}
PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
WORD = 8
ARGUMENTS = (
    2 * WORD
)  # where those end that a kernel is given on the stack: behind the return address, the last of seven
FAR = 1 << 62

ASTRAY = "does not return to where the kernel was called from"
ABOVE = "may overwrite where the kernel returns to"
LEAKS = "lets an address of the stack, or what its caller relies on, out of sight"
PIVOT = "takes the stack from where only a register or memory says"


class Span(NamedTuple):
    """An address of the stack: this many bytes from the return address, at least and at most."""

    low: int
    high: int


# What a register holds: an address of the stack, what a caller's register held at the start (its number), or neither.
Value = Span | int | None
ANYWHERE = Span(-FAR, FAR)


class Kind(Enum):
    OTHER = auto()
    COMPARE = auto()  # reads, and gives nothing away
    PUSH = auto()
    POP = auto()
    LEAVE = auto()
    MOVE = auto()  # register to register
    LOAD = auto()
    STORE = auto()
    ADD = auto()  # `amount` to `source`, into `target`
    ALIGN = auto()  # `target` down to a multiple of `amount`
    CALL = auto()
    RETURN = auto()
    JUMP = auto()


class Place(NamedTuple):
    """Memory that an instruction writes or reads; registers are their numbers, None where there is none."""

    base: int | None
    scaled: int | None
    displacement: int
    bytes: int  # 0: not known, or several times as many


class Effect(NamedTuple):
    """What one instruction does, as far as it matters here."""

    address: int
    kind: Kind
    target: int | None = None
    source: int | None = None
    amount: int = 0
    read: tuple[int, ...] = ()  # whole registers, as numbers and not as addresses
    written: tuple[int, ...] = ()
    stores: tuple[Place, ...] = ()
    load: Place | None = None
    goes: int | None = None  # where a jump or call does


@dataclass
class State:
    """Registers and what the kernel put on its stack, by distance."""

    registers: list[Value] = field(default_factory=lambda: entry())
    slots: dict[int, Value] = field(default_factory=dict)

    def copy(self) -> "State":
        return State([*self.registers], {**self.slots})

    def at(self, number: int | None) -> Value:
        return None if number is None else self.registers[number]

    def slots_in(self, low: int, high: int) -> list[int]:
        """Those that share a byte with low..high."""
        return [slot for slot in self.slots if slot < high and slot + WORD > low]

    def join(self, other: "State") -> bool:
        """Take in what another path brings; whether anything changed. What differs is not known any more."""
        changed = False
        for i, (mine, theirs) in enumerate(zip(self.registers, other.registers, strict=True)):
            if mine != theirs and mine != ANYWHERE:
                self.registers[i], changed = ANYWHERE, True
        for slot in [slot for slot, value in self.slots.items() if other.slots.get(slot, ANYWHERE) != value]:
            del self.slots[slot]
            changed = True
        return changed


def entry() -> list[Value]:
    start: list[Value] = [None] * len(NAMES)
    for number in KEPT:
        start[number] = number
    start[RSP] = Span(0, 0)
    return start


# --- instructions


def effect(instruction: Instruction, info: InstructionInfo) -> Effect | None:
    """What matters of an instruction; None if nothing does: it neither goes anywhere nor touches a register of those
    that are followed."""
    flow = instruction.flow_control
    if flow != FlowControl.NEXT:
        return transfer(instruction, flow)
    written = []
    touched = False
    for used in info.used_registers():
        if used.register in FOLLOWED:
            touched = True
            if used.access in WRITES:
                written.append(GENERAL[used.register])
    if not touched:
        return None
    stores, load = [], None
    for used in info.used_memory():
        many = instruction.is_string_instruction or instruction.is_vsib or instruction.mnemonic in BITS
        size = 0 if many else MemorySizeExt.size(used.memory_size)
        place = Place(GENERAL.get(used.base), GENERAL.get(used.index), signed(used.displacement), size)
        if used.access in WRITES:
            stores.append(place)
        else:
            load = place
    read = tuple(
        WHOLE[instruction.op_register(i)]
        for i in range(instruction.op_count)
        if instruction.op_kind(i) == OpKind.REGISTER
        and instruction.op_register(i) in WHOLE
        and info.op_access(i) in READS
    )
    plain = Effect(instruction.ip, Kind.OTHER, None, None, 0, read, tuple(written), tuple(stores), load)
    alike = not written and not read and instruction.mnemonic != Mnemonic.LEA
    return plain if alike else plain._replace(**special(instruction))


def transfer(instruction: Instruction, flow: int) -> Effect:
    address = instruction.ip
    if flow == FlowControl.RETURN:
        return Effect(address, Kind.RETURN, amount=instruction.op_count)
    if flow in (FlowControl.CALL, FlowControl.INDIRECT_CALL):
        return Effect(address, Kind.CALL)
    if flow in (FlowControl.UNCONDITIONAL_BRANCH, FlowControl.CONDITIONAL_BRANCH):
        on = flow == FlowControl.CONDITIONAL_BRANCH
        return Effect(address, Kind.JUMP, amount=on, goes=instruction.near_branch_target)
    return Effect(address, Kind.JUMP)  # to where no one can say, or the end of the process


def special(instruction: Instruction) -> dict[str, Any]:
    """What sets an instruction apart that moves addresses of the stack around in a way that is followed."""
    mnemonic = instruction.mnemonic
    kinds = tuple(instruction.op_kind(i) for i in range(instruction.op_count))
    first, second = (
        WHOLE.get(instruction.op_register(i)) if kinds[i : i + 1] == (OpKind.REGISTER,) else None for i in (0, 1)
    )
    if mnemonic in (Mnemonic.CMP, Mnemonic.TEST):
        return {"kind": Kind.COMPARE}
    if mnemonic == Mnemonic.LEAVE:
        return {"kind": Kind.LEAVE}
    if mnemonic == Mnemonic.PUSH and instruction.stack_pointer_increment == -WORD:
        return {"kind": Kind.PUSH, "source": first if kinds == (OpKind.REGISTER,) else None}
    if first is not None and mnemonic == Mnemonic.POP:
        return {"kind": Kind.POP, "target": first}
    if mnemonic == Mnemonic.MOV:
        if first is not None and second is not None:
            return {"kind": Kind.MOVE, "target": first, "source": second}
        if first is not None and kinds == (OpKind.REGISTER, OpKind.MEMORY):
            return {"kind": Kind.LOAD, "target": first}
        if second is not None and kinds == (OpKind.MEMORY, OpKind.REGISTER):
            return {"kind": Kind.STORE, "source": second}
    if mnemonic == Mnemonic.LEA and first is not None:
        base, index = GENERAL.get(instruction.memory_base), GENERAL.get(instruction.memory_index)
        if index is None and base is not None:
            displacement = signed(instruction.memory_displacement)
            return {"kind": Kind.ADD, "target": first, "source": base, "amount": displacement}
        return {"read": tuple(number for number in (base, index) if number is not None)}
    constant = len(kinds) == 2 and kinds[1] not in (OpKind.REGISTER, OpKind.MEMORY)
    if first is not None and constant and kinds[0] == OpKind.REGISTER:
        amount = signed(instruction.immediate(1))
        if mnemonic in (Mnemonic.ADD, Mnemonic.SUB):
            amount = amount if mnemonic == Mnemonic.ADD else -amount
            return {"kind": Kind.ADD, "target": first, "source": first, "amount": amount}
        if mnemonic == Mnemonic.AND and amount < 0 and amount & -amount == -amount:
            return {"kind": Kind.ALIGN, "target": first, "amount": -amount}
    if mnemonic in (Mnemonic.SBB, Mnemonic.XOR, Mnemonic.SUB) and first is not None and first == second:
        return {"read": ()}  # of the carry, or of nothing
    return {}


def signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def mistrusted(instruction: Instruction, info: InstructionInfo, code: bytes) -> str | None:
    """What is wrong with an instruction wherever it stands."""
    if instruction.flow_control != FlowControl.NEXT and code[instruction.ip] in PREFIXES:
        return "has a prefix by which processors differ"
    for used in info.used_memory():
        base, index = used.base, used.index
        if base in WHOLE and index not in NARROW and used.segment not in THREAD:
            continue  # nearly all
        if used.segment in THREAD:
            return "reaches memory of the thread that runs it"
        if base in NARROW or index in NARROW:
            return "has an address of fewer than 64 bits"
        if used.access in WRITES and index == Register.NONE:
            return "writes to a fixed address"
    return None


# --- paths


class Paths:
    """Every path through one kernel. `found` is address -> objection.

    effects: of its instructions, in order of their addresses. boundaries: where all its instructions begin.
    """

    def __init__(self, effects: list[Effect], boundaries: Collection[int]) -> None:
        self.effects, self.boundaries = effects, boundaries
        self.addresses = [one.address for one in effects]
        self.found: dict[int, str] = {}

    def follow(self) -> dict[int, str]:
        jumps = {one.goes for one in self.effects if one.kind is Kind.JUMP and one.goes is not None}
        heads = {self.index(target) for target in jumps & set(self.boundaries)}
        states, work = {0: State()}, [0]
        while work:
            index = work.pop()
            state = states[index].copy()
            for successor in self.block(index, heads, state):
                if successor not in states:
                    states[successor] = state.copy()
                elif not states[successor].join(state):
                    continue
                work.append(successor)
        return self.found

    def index(self, address: int) -> int:
        """Of the first effect there or later."""
        return bisect_left(self.addresses, address)

    def block(self, index: int, heads: Collection[int], state: State) -> Iterator[int]:
        """Run to the end of a straight line, changing `state`; yields where it may go on."""
        while index < len(self.effects):
            one = self.effects[index]
            index += 1
            self.step(one, state)
            if one.kind is Kind.RETURN:
                return
            if one.kind is Kind.JUMP:
                if one.goes is not None and one.goes in self.boundaries:
                    yield self.index(one.goes)
                elif one.goes is not None:
                    self.leave(one, state)
                if one.amount:
                    yield index
                return
            if index in heads:
                yield index
                return

    def object(self, one: Effect, why: str) -> None:
        self.found.setdefault(one.address, why)

    def step(self, one: Effect, state: State) -> None:
        """Do to `state` what one instruction does, and say what it must not."""
        registers = state.registers
        value = None if one.source is None else registers[one.source]
        for place in one.stores:
            self.store(one, place, state)
        if one.kind is Kind.OTHER and any(registers[number] is not None for number in one.read):
            self.object(one, LEAKS)
        if one.kind in (Kind.OTHER, Kind.PUSH, Kind.COMPARE) and one.load is not None:
            self.look(one, one.load, state)
        match one.kind, one.target:
            case Kind.CALL, _:
                self.call(one, state)
            case Kind.RETURN, _:
                self.leave(one, state)
            case Kind.PUSH, _:
                self.keep(one, value, state)
                registers[RSP] = moved(registers[RSP], -WORD)
            case Kind.STORE, _:
                self.keep(one, value, state)
            case Kind.LEAVE, _:
                registers[RSP] = registers[RBP]
                self.pop(one, RBP, state)
            case Kind.POP, int(target):
                self.pop(one, target, state)
            case Kind.LOAD, int(target) if one.load is not None:
                self.put(one, target, self.loaded(one, one.load, state), state)
            case ((Kind.MOVE | Kind.ADD), int(target)):
                if isinstance(value, int) and one.amount:
                    self.object(one, LEAKS)
                self.put(one, target, moved(value, one.amount), state)
            case Kind.ALIGN, int(target):
                self.put(one, target, self.aligned(one, registers[target]), state)
            case _:
                for number in one.written:
                    registers[number] = None
        if not isinstance(registers[RSP], Span):
            self.object(one, PIVOT)
            registers[RSP] = ANYWHERE

    def store(self, one: Effect, place: Place, state: State) -> None:
        """Whatever lies there is not known any more; it must lie below the return address."""
        base, index = state.at(place.base), state.at(place.scaled)
        if base is None and index is None:
            return
        if not isinstance(base, Span) or place.scaled is not None or not place.bytes:
            self.object(one, ABOVE)
            return
        low, high = base.low + place.displacement, base.high + place.displacement + place.bytes
        if high > 0:
            self.object(one, ABOVE)
        for slot in state.slots_in(low, high):
            del state.slots[slot]

    def keep(self, one: Effect, value: Value, state: State) -> None:
        """Remember what a caller's register held and where it was put, which must be known to the byte."""
        if value is None:
            return
        place = one.stores[0]
        base = state.at(place.base)
        if isinstance(value, Span) or not isinstance(base, Span) or base.low != base.high or place.scaled is not None:
            self.object(one, LEAKS)
        else:
            state.slots[base.low + place.displacement] = value

    def loaded(self, one: Effect, place: Place, state: State) -> Value:
        base = state.at(place.base)
        if isinstance(base, Span) and base.low == base.high and place.scaled is None:
            if (slot := base.low + place.displacement) in state.slots:
                return state.slots[slot]
        self.look(one, place, state)
        return None

    def look(self, one: Effect, place: Place, state: State) -> None:
        """What a caller's register held may be read back by pop and mov alone, the caller's own memory not at all."""
        base = state.at(place.base)
        if isinstance(base, Span):
            low, high = base.low + place.displacement, base.high + place.displacement + place.bytes
            if place.scaled is not None or not place.bytes or state.slots_in(low, high):
                self.object(one, LEAKS)
            elif high > ARGUMENTS:
                self.object(one, "reads memory of its caller")

    def aligned(self, one: Effect, value: Value) -> Value:
        if isinstance(value, int):
            self.object(one, LEAKS)
        if isinstance(value, Span) and value != ANYWHERE:
            return Span(value.low - one.amount + 1, value.high)
        return value

    def put(self, one: Effect, target: int, value: Value, state: State) -> None:
        if value is not None and target not in (RSP, *KEPT):
            self.object(one, LEAKS)
        else:
            state.registers[target] = value

    def pop(self, one: Effect, target: int, state: State) -> None:
        stack = state.registers[RSP]
        exact = isinstance(stack, Span) and stack.low == stack.high
        value = state.slots.get(stack.low) if isinstance(stack, Span) and exact else None
        state.registers[RSP] = moved(stack, WORD)
        self.put(one, target, value, state)

    def call(self, one: Effect, state: State) -> None:
        """Whoever is called keeps what must be kept, which was checked there, and may use all that lies below."""
        self.store(one, Place(RSP, None, -WORD, WORD), state)
        stack = state.registers[RSP]
        for slot in state.slots_in(-FAR, stack.low if isinstance(stack, Span) else FAR):
            del state.slots[slot]

    def leave(self, one: Effect, state: State) -> None:
        if state.registers[RSP] != Span(0, 0) or (one.kind is Kind.RETURN and one.amount):
            self.object(one, ASTRAY)
        for number in KEPT:
            if state.registers[number] != number:
                self.object(one, f"leaves {NAMES[number]} changed, by which its caller may find its way back")


def moved(value: Value, by: int) -> Value:
    return Span(value.low + by, value.high + by) if isinstance(value, Span) and value != ANYWHERE else value
