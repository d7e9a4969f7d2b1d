"""Faults planted in a finished kernel, one at a time: an instruction less, or another operand or modifier in one."""

import random
import re
from dataclasses import dataclass

# What a slip of the pen makes of an instruction: a pattern and what stands there instead.
SLIPS = (
    (r"\bsetp\.lt\b", "setp.le"),
    (r"\bsetp\.ge\b", "setp.gt"),
    (r"\bsetp\.eq\b", "setp.ne"),
    (r"\bsetp\.ne\b", "setp.eq"),
    (r"\bmax\.s32", "min.s32"),
    (r"\bmin\.s32", "max.s32"),
    (r"\badd\.s32", "sub.s32"),
    (r"\badd\.u32", "sub.u32"),
    (r"\bshl\.b32", "shr.u32"),
    (r"\bshr\.s64", "shr.u64"),
    (r"\bshr\.u32", "shl.b32"),
    (r"\bxor\.b32", "or.b32"),
    (r"\band\.b32", "or.b32"),
    (r"\.u8\.s8\.", ".s8.s8."),
    (r"\.u8\.s8\.", ".u8.u8."),
    (r"\.x4\.shared", ".x4.trans.shared"),
    (r"(ld|st)(\.[\w.]+ .*\[[%\w]+)\]", r"\1\2+4]"),
    (r"(ld|st)(\.[\w.]+ .*\[[%\w]+)\+\d+\]", r"\1\2]"),
    (r"(cp\.async.*\[%r\d+)\]", r"\1+16]"),
    (r"(cp\.async.*\[%d\d+)\]", r"\1+16]"),
    (r"@%p", "@!%p"),
    (r"\bbfly\b", "down"),
)


@dataclass(frozen=True)
class Fault:
    what: str
    ptx: str


def _instructions(lines: list[str]) -> list[int]:
    return [n for n, line in enumerate(lines) if re.match(r"\t[@a-z].*;$", line) and not line.startswith("\tret")]


def deleted(ptx: str) -> list[Fault]:
    """One instruction less, each in turn."""
    lines = ptx.split("\n")
    return [
        Fault(f"line {n + 1} deleted: {lines[n].strip()}", "\n".join(lines[:n] + lines[n + 1 :]))
        for n in _instructions(lines)
    ]


def slipped(ptx: str, choose: random.Random) -> list[Fault]:
    """One instruction that is another, each as each slip makes it; and numbers that are one more or another power."""
    lines = ptx.split("\n")
    faults = []
    for n in _instructions(lines):
        line = lines[n]
        others = [re.sub(pattern, instead, line, count=1) for pattern, instead in SLIPS]
        numbers = list(re.finditer(r"(?<=, )\d+(?=[,;])", line))
        if numbers and not re.search(r"cp\.async|shfl|bar\.", line):
            number = choose.choice(numbers)
            others.append(line[: number.start()] + str(int(number[0]) + 1) + line[number.end() :])
        registers = list(re.finditer(r"(?<=, )%(r|acc|d)(\d+)(?=[,;])", line))
        if registers and "mma" not in line:
            one = choose.choice(registers)
            others.append(line[: one.start()] + f"%{one[1]}{int(one[2]) + 1}" + line[one.end() :])
        faults += [
            Fault(f"line {n + 1}: {line.strip()} -> {other.strip()}", "\n".join([*lines[:n], other, *lines[n + 1 :]]))
            for other in dict.fromkeys(others)
            if other != line
        ]
    return faults
