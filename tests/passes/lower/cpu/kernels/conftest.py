"""Compile kernels for every level that this machine runs, certify them, run them as a team of threads would, and
compare every byte of memory with what it should be."""

import ctypes
import itertools
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import amx_emulator
from support.code_cache import code_cache

from dyadic.compiler.targets.cpu.code_sweep import certify_image
from dyadic.compiler.targets.cpu.codegen import compile_kernels
from dyadic.passes.lower.cpu.kernels.registry import symbol_of
from dyadic.runtime.cpu import levels as isa

LEVELS = tuple(level.name for level in isa.LEVELS)
SAME_AS = {"amx": "avx512vnni"}  # all families but convolution and attention have the same code there
SLACK = 64  # readable bytes after everything

Bytes = npt.NDArray[np.uint8]
SIGNATURE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5, *[ctypes.c_int64] * 2)


@dataclass
class Case:
    """One kernel call. `expected` is the whole result buffer, with the bytes of `before` that must stay."""

    spec: Any
    inputs: Sequence[tuple[Bytes, int]]  # (buffer, byte offset of the reference)
    before: Bytes
    expected: Bytes
    out_offset: int = 0
    weights: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(64, np.int8))
    params: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(16, np.int32))
    images: int = 1


def aligned(data: npt.NDArray[Any]) -> Bytes:
    """A copy on a cache line, with slack after it."""
    raw = np.ascontiguousarray(data).view(np.uint8).reshape(-1)
    room = np.full(len(raw) + SLACK + 64, 0xA5, np.uint8)
    start = -room.ctypes.data % 64
    room[start : start + len(raw)] = raw
    return room[start : start + len(raw)]


class Kernels:
    """What the tests of all families need."""

    Case = Case
    levels = LEVELS

    @staticmethod
    def view(buffer: Bytes, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Bytes:
        """A strided view into a flat buffer."""
        return np.ndarray(tuple(shape), np.uint8, buffer, offset, tuple(strides))

    def check(self, cases: Sequence[Case], rng: np.random.Generator, *, every_level: bool = False) -> None:
        """Every case at the levels that this machine runs, its tiles cut at random places and run in random order."""
        levels = [
            level for level in LEVELS if level in isa.usable() and (every_level or SAME_AS.get(level) not in LEVELS)
        ]
        for level, calls in self.compiled(cases, levels):
            self.compare(level, calls, cases, rng)

    def check_emulated(self, cases: Sequence[Case], rng: np.random.Generator) -> None:
        """Every case at the AMX level, its tiles emulated where this machine has none."""
        if amx_emulator.needed():
            emulated = amx_emulator.Emulated({symbol_of(case.spec): case.spec for case in cases}, SIGNATURE)
            assert "tdpbusd" in emulated.tiles
            self.compare("emulated amx", [emulated.calls[symbol_of(case.spec)] for case in cases], cases, rng)
        elif "amx" in isa.usable():
            for level, calls in self.compiled(cases, ["amx"]):
                self.compare(level, calls, cases, rng)

    def compare(self, level: str, calls: Sequence[Any], cases: Sequence[Case], rng: np.random.Generator) -> None:
        """What kernels make of their cases, which are cut at random places, with what they should."""
        for case, call in zip(cases, calls, strict=True):
            tiles = case.spec.units * case.images
            cuts = sorted({0, tiles, *rng.integers(0, tiles + 1, 3).tolist()})
            ranges = list(itertools.pairwise(cuts))
            got = self.run(call, case, [ranges[i] for i in rng.permutation(len(ranges))])
            wrong = np.flatnonzero(got != case.expected)
            assert not len(wrong), (
                f"{level}: {len(wrong)} of {len(got)} bytes differ, the first at {wrong[0]}: "
                f"{got[wrong[0]]} instead of {case.expected[wrong[0]]} in {case.spec}"
            )

    def writes(self, case: Case) -> list[set[int]]:
        """The bytes of the result buffer that each unit writes, at every level: there, what was before is gone."""
        levels: list[list[set[int]]] = []
        for _, (call,) in self.compiled([case], [level for level in LEVELS if level in isa.usable()]):
            units = []
            for unit in range(case.spec.units * case.images):
                first, second = (replace(case, before=before) for before in (case.before, ~case.before))
                same = self.run(call, first, [(unit, unit + 1)]) == self.run(call, second, [(unit, unit + 1)])
                units.append(set(np.flatnonzero(same).tolist()))
            levels.append(units)
        assert all(units == levels[0] for units in levels)
        return levels[0]

    @staticmethod
    def compiled(cases: Sequence[Case], levels: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        """What to call for each case, level by level; certified, and there until the next level is asked for."""
        specs = {symbol_of(case.spec): case.spec for case in cases}
        for level, image in compile_kernels(specs, levels, cache=code_cache()).items():
            isa.prepare(level)
            entries = {symbol: (*place, [symbol]) for symbol, place in image.entries.items()}
            islands = {symbol for symbol in entries if symbol.startswith("float_conv_")}
            assert certify_image(image.code, entries, image.text_length, level, islands).offenders == ()
            code = mmap.mmap(-1, len(image.code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            code.write(image.code)
            base = ctypes.addressof(ctypes.c_char.from_buffer(code))
            yield level, [SIGNATURE(base + image.entries[symbol_of(case.spec)][0]) for case in cases]

    @staticmethod
    def run(call: Any, case: Case, ranges: Sequence[tuple[int, int]]) -> Bytes:
        """The result buffer after these ranges of units, one after the other."""
        out = aligned(case.before)
        inputs = [(aligned(buffer), offset) for buffer, offset in case.inputs]
        pointers = (ctypes.c_void_p * 4)(*[buffer.ctypes.data + offset for buffer, offset in inputs])
        weights, params = aligned(case.weights), aligned(case.params)
        scratch = aligned(np.full(getattr(case.spec, "scratch_bytes", 0), 0x5A, np.uint8))  # as others leave it
        memory = (out.ctypes.data + case.out_offset, *(m.ctypes.data for m in (weights, params, scratch)))
        for first, last in ranges:
            call(ctypes.addressof(pointers), *memory, first, last)
        return out


@pytest.fixture(scope="session")
def kernels() -> Kernels:
    return Kernels()
