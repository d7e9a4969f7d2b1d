"""Decode every instruction of every kernel and say what must not be there.

Exactly to each kernel's end, and nothing else: every instruction must be on the list of integer instructions, and
control must stay among what was decoded. An offender is named by the user's layers and its address. Kernels that are
declared to be float islands may have the float instructions of islands, too; all others may not call them.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping

from iced_x86 import Decoder, FlowControl, Formatter, FormatterSyntax, Instruction, InstructionInfoFactory, OpKind

from dyadic.compiler.targets.certificate import ImageCertificate, Offender
from dyadic.compiler.targets.cpu.integer_instructions import objection
from dyadic.compiler.targets.cpu.stack_discipline import Effect, Paths, effect, mistrusted
from dyadic.dialects import qi
from dyadic.runtime.cpu.program import Step

# symbol -> (offset, length, the user's names of the layers that it computes)
Entries = Mapping[str, tuple[int, int, Iterable[str]]]

NEXT = FlowControl.NEXT


def island_layers(steps: Iterable[Step]) -> tuple[str, ...]:
    """The layers that a program computes in float, each once."""
    return tuple(dict.fromkeys(step.layer for step in steps if computes_in_float(step)))


def island_kernels(steps: Iterable[Step], layers: Collection[str]) -> set[str]:
    """The kernels that compute these layers in float, and nothing else.

    What fills the ring around an island's result is a step of the same operator, but computes nothing.
    """
    steps = list(steps)
    others = {step.kernel for step in steps if not (computes_in_float(step) and step.layer in layers)}
    return {step.kernel for step in steps} - others


def computes_in_float(step: Step) -> bool:
    return step.op in qi.float_operators() and step.weights >= 0


def certify_image(
    code: bytes,
    entries: Entries,
    text_length: int | None = None,
    level: str = "x86-64",
    islands: Collection[str] = (),
) -> ImageCertificate:
    """Sweep every kernel of an image. What follows `text_length` is constants and may not be executed.

    islands: symbols of the kernels that may compute in float.
    """
    text = len(code) if text_length is None else text_length
    offenders: list[Offender] = []
    instructions = island_instructions = 0
    starts = {offset for symbol, (offset, _, _) in entries.items() if symbol not in islands}
    last = ("", 0)
    for symbol, (offset, length, layers) in sorted(entries.items(), key=lambda entry: entry[1][:2]):
        names = tuple(layers)
        end = offset + length
        if offset < 0 or length <= 0 or end > text:
            offenders.append(Offender(symbol, names, offset, f"a kernel of {length} bytes", "leaves the image's code"))
            continue
        if offset < last[1]:
            offenders.append(Offender(symbol, names, offset, "its first instruction", f"lies inside {last[0]}"))
        last = (symbol, end)
        island = symbol in islands
        found, count = sweep(code, offset, end, starts, island=island)
        instructions += count
        island_instructions += count * island
        offenders += [Offender(symbol, names, address, shown, why) for address, shown, why in found]
    digest = hashlib.sha256(code).hexdigest()
    kernels, among = len(entries), len(set(entries) & set(islands))
    return ImageCertificate(
        level, digest, len(code), kernels, instructions, tuple(offenders), among, island_instructions
    )


def sweep(
    code: bytes, start: int, end: int, starts: set[int], *, island: bool = False
) -> tuple[list[tuple[int, str, str]], int]:
    """([(address, instruction, objection)], instructions) of the kernel in `code[start:end]`.

    A jump lands on an instruction of the same kernel, a call or tail call on the first of some kernel that is no island
    (`starts`), and every return goes back to the caller (`stack_discipline.py`): so what was decoded here is what will
    run. Targets that a register or memory holds cannot be known and are refused.
    """
    decoder, factory = Decoder(64, code[start:end], ip=start), InstructionInfoFactory()
    found: list[tuple[int, str, str]] = []
    boundaries: set[int] = set()
    targets: list[tuple[int, int, str, bool]] = []
    effects: list[Effect] = []
    instruction = Instruction()
    while decoder.can_decode:
        decoder.decode_out(instruction)
        boundaries.add(instruction.ip)
        info = factory.info(instruction)
        if (done := effect(instruction, info)) is not None:
            effects.append(done)
        why = objection(instruction.mnemonic, island=island) or mistrusted(instruction, info, code)
        if why is not None:
            found.append((instruction.ip, shown(instruction, code), why))
        elif (flow := instruction.flow_control) != NEXT:
            if flow in (FlowControl.INDIRECT_BRANCH, FlowControl.INDIRECT_CALL):
                found.append((instruction.ip, shown(instruction, code), "goes where only a register or memory says"))
            elif instruction.op_count and instruction.op0_kind == OpKind.NEAR_BRANCH64:
                call = flow == FlowControl.CALL
                targets.append((instruction.ip, instruction.near_branch_target, shown(instruction, code), call))
    for address, target, text, call in targets:
        if target in starts or (target in boundaries and not call):
            continue
        inside = 0 <= target < len(code)
        why = "goes to what is no kernel's instruction" if inside else "leaves the image"
        found.append((address, text, why))
    if not boundaries or not ends_there(instruction):
        found.append((end, "the end of the kernel", "can be reached and run past"))
    known = {address for address, _, _ in found}
    for address, why in Paths(effects, boundaries).follow().items():
        if address not in known:
            decoder = Decoder(64, code[address:end], ip=address)
            found.append((address, shown(decoder.decode(), code), why))
    return sorted(found), len(boundaries)


def ends_there(last: Instruction) -> bool:
    """Whether control never runs past the last instruction (padding between kernels is not decoded)."""
    return last.flow_control in (FlowControl.RETURN, FlowControl.UNCONDITIONAL_BRANCH, FlowControl.EXCEPTION)


def shown(instruction: Instruction, code: bytes) -> str:
    if instruction.is_invalid:
        return f"the byte {code[instruction.ip]:#04x}"
    return Formatter(FormatterSyntax.INTEL).format(instruction)
