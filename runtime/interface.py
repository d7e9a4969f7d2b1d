"""What is checked of a program's inputs, outputs and scalars before a session trusts them, whatever the target is."""

import math
from collections.abc import Sequence

from dyadic.runtime.last_function import FUNCTIONS, RANKINGS
from dyadic.runtime.program import (
    ANSWERED,
    FIXED,
    LIMIT,
    MAX_SCALARS,
    Input,
    Output,
    Program,
    between,
    check_shape,
    results_of,
)
from dyadic.runtime.program_fields import wrong


def check_interface(program: Program) -> None:
    """Inputs, outputs and scalars as far as they are the same for all targets."""
    for kind, tensors in (("inputs", program.inputs), ("outputs", program.outputs)):
        if not tensors:
            raise wrong(f"program.{kind}", [], "at least one")
        for i, tensor in enumerate(tensors):
            check_shape(tensor, f"program.{kind}[{i}]")
    different("program.inputs", [tensor.name for tensor in program.inputs])
    different("program.outputs", [parts[0].name for parts in results_of(program.outputs)])
    for i, parts in enumerate(results_of(program.outputs)):
        check_parts(parts, f"program.outputs[{i}]")
    for kind, tensors in (("inputs", program.inputs), ("outputs", program.outputs)):
        for i, tensor in enumerate(tensors):
            between(tensor.tokens, 0, len(tensor.shape) - 1, f"program.{kind}[{i}].tokens")
            if tensor.fixed not in FIXED or bool(tensor.fixed) != bool(program.inputs[0].fixed):
                raise wrong(f"program.{kind}[{i}].fixed", tensor.fixed, "one of '', 'one' and 'none', alike for all")
    if len({t.shape[t.tokens] for t in (*program.inputs, *program.outputs) if t.tokens}) > 1:
        raise wrong("program.inputs", [t.shape for t in program.inputs], "as many tokens everywhere")
    different("program.scalars", [scalar.name for scalar in program.scalars])
    between(len(program.scalars), 0, MAX_SCALARS, "number of scalars")
    for i, scalar in enumerate(program.scalars):
        between(scalar.low, -(1 << 63), (1 << 63) - 1, f"program.scalars[{i}].low")
        between(scalar.high, scalar.low, (1 << 63) - 1, f"program.scalars[{i}].high")


def different(where: str, names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise wrong(where, names, "different names")


def check_parts(parts: Sequence[Output], where: str) -> None:
    """All parts are of one array, which they fill and do not leave; none covers another."""
    first, whole = parts[0], parts[0].whole
    if first.last.name not in ("", *FUNCTIONS, *RANKINGS) or any(part.last != first.last for part in parts):
        raise wrong(f"{where}.last", first.last, f"one of {', '.join((*FUNCTIONS, *RANKINGS))} for all parts")
    check_last(first, where)
    between(first.batch_axis, 0, len(first.answer) - 1, f"{where}.batch_axis")
    if first.given not in ANSWERED or any(part.given != first.given for part in parts):
        raise wrong(f"{where}.given", first.given, f"one of {', '.join(ANSWERED[1:])} for all parts")
    if not whole:
        if len(parts) > 1 or first.start:
            raise wrong(where, [part.start for part in parts], "one output of that name, or parts of a whole")
        return
    for part in parts:
        if part.whole != whole or len(part.start) != len(whole) or len(part.shape) != len(whole) + 1:
            raise wrong(f"{where}.whole", part.whole, f"{whole} and a start in it, as the other parts have")
        if bool(part.layout.plane) != bool(first.layout.plane):
            raise wrong(f"{where}.layout.plane", part.layout.plane, "integers of one width for all parts")
        for begin, size, most in zip(part.start, part.shape[1:], whole, strict=True):
            between(begin, 0, most - int(size), f"{where}.start")
    boxes = [part.place[1:] for part in parts]
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            if all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True)):
                raise wrong(f"{where}.start", parts[i].start, "a place that no other part has")
    if sum(math.prod(int(size) for size in part.shape[1:]) for part in parts) != math.prod(whole):
        raise wrong(where, whole, "a shape that its parts fill")


def check_last(output: Output, where: str) -> None:
    """What a model does last fits the array that it does it to."""
    last, sizes = output.last, output.array
    between(last.axis, 0, len(sizes) - 1, f"{where}.last.axis")
    if not last.ranks:
        return
    between(last.axis, 1, len(sizes) - 1, f"{where}.last.axis")
    between(last.entries, 1, int(sizes[last.axis]), f"{where}.last.entries")
    for size in last.shape:
        between(size, 1, LIMIT, f"{where}.last.shape")
    made = math.prod(int(size) for d, size in enumerate(sizes) if d not in (0, last.axis)) * last.entries
    if math.prod(last.shape) != made:
        raise wrong(f"{where}.last.shape", last.shape, f"a shape of {made} entries")
    if output.tokens:
        raise wrong(f"{where}.tokens", output.tokens, "0, since entries are ranked")


def check_alike(longest: Program, other: Program) -> None:
    """A program for fewer tokens takes and gives the same as the longest, but for how many there are."""
    for kind in ("inputs", "outputs"):
        one, two = ([_told(t) for t in getattr(program, kind)] for program in (longest, other))
        if one != two:
            raise wrong(f"program.{kind}", f"another for '{other.name}'", f"as for '{longest.name}'")
    if len(longest.scalars) != len(other.scalars):
        raise wrong("program.scalars", other.scalars, "as of the other lengths")


def _told(t: Input | Output) -> tuple[object, ...]:
    """What users are told of a tensor, without the number of tokens."""
    shape = tuple(0 if d and d == t.tokens else size for d, size in enumerate(t.shape))
    mine = (t.dtype,) if isinstance(t, Input) else (t.batch_axis, t.last, len(t.whole))
    return (t.name, shape, t.given, t.fixed, t.tokens, bool(t.layout.plane), *mine)
