"""Faults planted in a finished kernel, one at a time: an instruction less, or another operand or modifier in one; and
what notices them."""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from support.ptx.gpu import DriverError

INVALID_PTX = 218
Right = Callable[[str], bool]

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


# And of what four warps do together.
TOGETHER = (
    (r"\.u8\.s8 ", ".s8.s8 "),
    (r"\.u8\.s8 ", ".u8.u8 "),
    (r"(wgmma\.wait_group\.sync\.aligned )1", r"\g<1>2"),
    (r"(cp\.async\.wait_group\s+)(\d)", r"\g<1>1\2"),
    (r"(wgmma\.mma_async.*\}, )(%rd\d+), (%rd\d+)", r"\1\3, \2"),
    (r"(wgmma\.mma_async.*), 1;", r"\1, 0;"),
    (r"wgmma\.fence", "wgmma.commit_group"),
    (r"wgmma\.commit_group", "wgmma.fence"),
    (r"bar\.sync", "bar.arrive"),
    (r"fence\.proxy\.async\.shared::cta", "fence.proxy.async.global"),
    # ... and blocks of a cluster
    (r"(mbarrier\.init.*), 1;", r"\1, 2;"),
    (r"(expect_tx.*), (\d+);", r"\1, 1\2;"),
    (r"(expect_tx.*), \d+;", r"\1, 512;"),
    (r"(mbarrier\.arrive)\.expect_tx(.*), \d+;", r"\1\2;"),
    (r"\.multicast::cluster (.*), %rs\d+;", r" \1;"),
    (r"(multicast::cluster \[%r\d+)\]", r"\1+512]"),
    (r"barrier\.cluster\.arrive\.release", "barrier.cluster.wait.acquire"),
    (r"barrier\.cluster\.wait\.acquire", "barrier.cluster.arrive.release"),
    (r"(mapa.*, %r\d+), %r\d+;", r"\1, 0;"),
    (r"(try_wait.*\[%r\d+)\], (%r\d+)", r"\1+8], \2"),
    (r"(try_wait.*\]), %r\d+", r"\1, 0"),
    (r"(try_wait.*\]), %r\d+", r"\1, 1"),
)


@dataclass(frozen=True)
class Fault:
    what: str
    ptx: str


def _instructions(lines: list[str]) -> list[int]:
    return [
        n for n, line in enumerate(lines) if re.match(r"\t(?:[@a-z].*;|\{.*\})$", line) and not line.startswith("\tret")
    ]


def deleted(ptx: str) -> list[Fault]:
    """One instruction less, each in turn."""
    lines = ptx.split("\n")
    return [
        Fault(f"line {n + 1} deleted: {lines[n].strip()}", "\n".join(lines[:n] + lines[n + 1 :]))
        for n in _instructions(lines)
    ]


def misspelt(ptx: str) -> list[Fault]:
    """One instruction that is another, each as each slip makes it."""
    lines = ptx.split("\n")
    return [
        Fault(f"line {n + 1}: {lines[n].strip()} -> {other.strip()}", "\n".join([*lines[:n], other, *lines[n + 1 :]]))
        for n in _instructions(lines)
        for other in dict.fromkeys(re.sub(one, instead, lines[n], count=1) for one, instead in (*SLIPS, *TOGETHER))
        if other != lines[n]
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


def silent(right: Right, planted: Sequence[Fault], found: Counter[str]) -> list[str]:
    """What nothing notices; how the others were noticed is counted."""
    missed = []
    for fault in planted:
        try:
            if right(fault.ptx):
                missed.append(fault.what)
            else:
                found["by the bits"] += 1
        except DriverError as error:
            found["as no PTX" if error.result == INVALID_PTX else "by a check"] += 1
    return missed


def told(total: int, seed: int, found: Counter[str], missed: Sequence[str]) -> str:
    """How many of how many were noticed, by what, and which were not."""
    how = ", ".join(f"{count} {way}" for way, count in sorted(found.items()))
    head = f"\n{total} planted faults, seed {seed}: {total - len(missed)} noticed ({how})"
    return "\n  not: ".join([head, *missed])
