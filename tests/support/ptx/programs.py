"""Random programs of integer operations as LLVM IR, for a processor and for PTX.

LLVM makes both from the same text, so what differs is a fault of the executor (or of LLVM's back end for PTX). Amounts
of shifts are masked and divisors odd: there is nothing that the two may answer differently.
"""

import ctypes
import random
import re
from collections.abc import Sequence

import llvmlite.binding as llvm
import numpy as np

WORDS = 8  # a thread's inputs, and its results, are so many 64-bit numbers
ARITHMETIC = ("add", "sub", "mul", "and", "or", "xor")
RELATIONS = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")


class Program:
    """One function, statement by statement; `values` are those of each width that later statements may use."""

    def __init__(self, choose: random.Random, length: int) -> None:
        self.choose = choose
        self.lines: list[str] = []
        self.values: dict[int, list[str]] = {8: [], 16: [], 32: [], 64: []}
        self.count = 0
        for k in range(WORDS):
            self.lines.append(f"%p{k} = getelementptr i64, ptr addrspace(AS) %in, i64 {k}")
            self.values[64].append(self.add(f"load i64, ptr addrspace(AS) %p{k}"))
        for width in (8, 16, 32):
            for k in range(3):
                self.values[width].append(self.add(f"trunc i64 {self.values[64][k + 2]} to i{width}"))
        for _ in range(length):
            width = choose.choice([8, 16, 32, 32, 32, 64, 64])
            self.values[width].append(self.statement(width))
        for k in range(WORDS):
            width = choose.choice([8, 16, 32, 64])
            last = self.values[width][-1 - k % 3]
            word = last if width == 64 else self.add(f"{choose.choice(['sext', 'zext'])} i{width} {last} to i64")
            self.lines.append(f"%q{k} = getelementptr i64, ptr addrspace(AS) %out, i64 {k}")
            self.lines.append(f"store i64 {word}, ptr addrspace(AS) %q{k}")

    def add(self, right: str) -> str:
        self.count += 1
        self.lines.append(f"%v{self.count} = {right}")
        return f"%v{self.count}"

    def pick(self, width: int) -> str:
        """Mostly something recent, so that programs are deep; now and then a number."""
        if self.choose.random() < 0.9:
            return self.choose.choice(self.values[width][-6:] + self.values[width][:2])
        return str(self.choose.choice([0, 1, -1, 3, 85, 127, 2 ** (width - 1) - 1, -(2 ** (width - 1))]))

    def statement(self, width: int) -> str:
        choose, pick = self.choose, self.pick
        narrower = [w for w in (8, 16, 32) if w < width]
        wider = [w for w in (16, 32, 64) if w > width]
        kinds = ["arithmetic"] * 4 + ["shift", "select", "extreme", "branchless sign"]
        kinds += ["extend"] * bool(narrower) + ["truncate"] * bool(wider)
        kinds += ["funnel", "bits", "swap"] * (width >= 32) + ["divide", "divide by a number", "high"] * (width == 32)
        match choose.choice(kinds):
            case "shift":
                amount = self.add(f"and i{width} {pick(width)}, {width - 1}")
                return self.add(f"{choose.choice(['shl', 'lshr', 'ashr'])} i{width} {pick(width)}, {amount}")
            case "select":
                held = self.add(f"icmp {choose.choice(RELATIONS)} i{width} {pick(width)}, {pick(width)}")
                return self.add(f"select i1 {held}, i{width} {pick(width)}, i{width} {pick(width)}")
            case "extreme":
                return self.call(choose.choice(["smin", "smax", "umin", "umax"]), width, 2)
            case "branchless sign":
                held = self.add(f"icmp slt i{width} {pick(width)}, {pick(width)}")
                return self.add(f"{choose.choice(['sext', 'zext'])} i1 {held} to i{width}")
            case "extend":
                source = choose.choice(narrower)
                return self.add(f"{choose.choice(['sext', 'zext'])} i{source} {pick_value(self, source)} to i{width}")
            case "truncate":
                source = choose.choice(wider)
                return self.add(f"trunc i{source} {pick_value(self, source)} to i{width}")
            case "funnel":
                both = f"i{width} {pick(width)}, i{width} {pick(width)}"
                name = choose.choice(["fshl", "fshr"])
                return self.add(f"call i{width} @llvm.{name}.i{width}({both}, i{width} {choose.randrange(1, width)})")
            case "bits":
                name = choose.choice(["ctpop", "bitreverse", "ctlz"])
                rest = ", i1 false" if name == "ctlz" else ""
                return self.add(f"call i{width} @llvm.{name}.i{width}(i{width} {pick(width)}{rest})")
            case "swap":
                return self.call("bswap", width, 1)
            case "divide":
                odd = self.add(f"or i32 {pick(32)}, 1")
                return self.add(f"{choose.choice(['udiv', 'urem'])} i32 {pick(32)}, {odd}")
            case "divide by a number":
                number = choose.choice([3, 7, 10, 49, 196, 1000])
                return self.add(f"{choose.choice(['udiv', 'urem', 'sdiv', 'srem'])} i32 {pick(32)}, {number}")
            case "high":
                extend = choose.choice(["sext", "zext"])
                a, b = (self.add(f"{extend} i32 {pick(32)} to i64") for _ in range(2))
                product = self.add(f"mul i64 {a}, {b}")
                return self.add(f"trunc i64 {self.add(f'lshr i64 {product}, 32')} to i32")
            case _:
                return self.add(f"{choose.choice(ARITHMETIC)} i{width} {pick(width)}, {pick(width)}")

    def call(self, name: str, width: int, operands: int) -> str:
        given = ", ".join(f"i{width} {self.pick(width)}" for _ in range(operands))
        return self.add(f"call i{width} @llvm.{name}.i{width}({given})")

    def text(self, space: str) -> str:
        return "\n  ".join(self.lines).replace(" addrspace(AS)", space)


def pick_value(program: Program, width: int) -> str:
    """A computed one: LLVM folds conversions of numbers."""
    return program.choose.choice(program.values[width])


def random_programs(seed: int, count: int, length: int) -> list[Program]:
    choose = random.Random(seed)
    return [Program(choose, length) for _ in range(count)]


def _declarations(programs: Sequence[Program]) -> str:
    found: dict[str, str] = {}
    for line in (line for program in programs for line in program.lines):
        if call := re.search(r"call (i\d+) @(llvm\.[a-z]+\.i\d+)\((.*)\)", line):
            types = ", ".join(one.split()[0] for one in call[3].split(", "))
            found[call[2]] = f"declare {call[1]} @{call[2]}({types})"
    return "\n".join(found.values())


def to_ptx(programs: Sequence[Program], architecture: str = "sm_80") -> str:
    """Kernels f0, f1, ... (in, out): thread t reads words 8 t to 8 t + 7 and writes the same ones."""
    kernels = [
        f"define ptx_kernel void @f{n}(ptr addrspace(1) %a, ptr addrspace(1) %b) {{\n"
        "  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n  %i = mul i32 %t, 8\n"
        "  %in = getelementptr i64, ptr addrspace(1) %a, i32 %i\n"
        f"  %out = getelementptr i64, ptr addrspace(1) %b, i32 %i\n  {program.text(' addrspace(1)')}\n  ret void\n}}"
        for n, program in enumerate(programs)
    ]
    text = "\n".join(["declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()", _declarations(programs), *kernels])
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("nvptx64-nvidia-cuda")
    machine = target.create_target_machine(cpu=architecture, features="+ptx70", opt=3)
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = "nvptx64-nvidia-cuda", str(machine.target_data)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return machine.emit_assembly(module)


def on_the_processor(programs: Sequence[Program], inputs: np.ndarray) -> list[np.ndarray]:
    """What each makes of inputs [threads, 8] int64, unoptimized."""
    functions = [
        f"define void @f{n}(ptr %first, ptr %results, i64 %threads) {{\n"
        "entry:\n  br label %loop\nloop:\n  %t = phi i64 [0, %entry], [%next, %loop]\n  %i = mul i64 %t, 8\n"
        "  %in = getelementptr i64, ptr %first, i64 %i\n  %out = getelementptr i64, ptr %results, i64 %i\n"
        f"  {program.text('')}\n"
        "  %next = add i64 %t, 1\n  %more = icmp ult i64 %next, %threads\n  br i1 %more, label %loop, label %done\n"
        "done:\n  ret void\n}"
        for n, program in enumerate(programs)
    ]
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=0, jit=True)
    module = llvm.parse_assembly("\n".join([_declarations(programs), *functions]))
    results = []
    with llvm.create_mcjit_compiler(module, machine) as engine:
        engine.finalize_object()
        for n in range(len(programs)):
            result = np.zeros_like(inputs)
            address = engine.get_function_address(f"f{n}")
            call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(address)
            call(inputs.ctypes.data, result.ctypes.data, len(inputs))
            results.append(result)
    return results


def random_inputs(seed: int, threads: int) -> np.ndarray:
    """[threads, 8] int64; four in ten are small numbers."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-(2**63), 2**63, (threads, WORDS), dtype=np.int64)
    small = rng.random(inputs.shape) < 0.4
    inputs[small] >>= rng.integers(20, 63, int(small.sum()))
    return inputs
