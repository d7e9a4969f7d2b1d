"""AMX on machines without it: kernels of that level, their tile instructions replaced by functions that do the same.

Tiles are an array in memory; everything else of a kernel runs as it is, on AVX-512 VNNI. Tiles are as wide as all that
ours are, 64 bytes; rows beyond those configured are zeros, as they are in the registers.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from dyadic.compiler.targets.cpu.codegen import llvm_ir
from dyadic.runtime.cpu.levels import BY_NAME, usable

INSTRUCTIONS = ("ldtilecfg", "tilerelease", "tilezero", "tileloadd64", "tilestored64", "tdpbusd")
EMULATOR = """
@tiles = internal global [8 x [16 x <64 x i8>]] zeroinitializer, align 64
@rows = internal global [8 x i8] zeroinitializer
declare <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32>, <64 x i8>, <64 x i8>)

define internal ptr @row(i8 %tile, i64 %row) {
  %t = zext i8 %tile to i64
  %p = getelementptr [8 x [16 x <64 x i8>]], ptr @tiles, i64 0, i64 %t, i64 %row
  ret ptr %p
}
define internal i64 @rows_of(i8 %tile) {
  %t = zext i8 %tile to i64
  %p = getelementptr [8 x i8], ptr @rows, i64 0, i64 %t
  %n = load i8, ptr %p
  %w = zext i8 %n to i64
  ret i64 %w
}
define internal void @emulated_ldtilecfg(ptr %config) {
  %from = getelementptr i8, ptr %config, i64 48
  %all = load <8 x i8>, ptr %from, align 1
  store <8 x i8> %all, ptr @rows, align 1
  ret void
}
define internal void @emulated_tilerelease() {
  store <8 x i8> zeroinitializer, ptr @rows, align 1
  ret void
}
define internal void @emulated_tilezero(i8 %tile) {
  br label %loop
loop:
  %r = phi i64 [0, %0], [%next, %loop]
  %p = call ptr @row(i8 %tile, i64 %r)
  store <64 x i8> zeroinitializer, ptr %p
  %next = add i64 %r, 1
  %more = icmp ult i64 %next, 16
  br i1 %more, label %loop, label %done
done:
  ret void
}
define internal void @emulated_tileloadd64(i8 %tile, ptr %from, i64 %stride) {
  call void @emulated_tilezero(i8 %tile)
  %n = call i64 @rows_of(i8 %tile)
  br label %test
test:
  %r = phi i64 [0, %0], [%next, %loop]
  %more = icmp ult i64 %r, %n
  br i1 %more, label %loop, label %done
loop:
  %at = mul i64 %r, %stride
  %source = getelementptr i8, ptr %from, i64 %at
  %line = load <64 x i8>, ptr %source, align 1
  %p = call ptr @row(i8 %tile, i64 %r)
  store <64 x i8> %line, ptr %p
  %next = add i64 %r, 1
  br label %test
done:
  ret void
}
define internal void @emulated_tilestored64(i8 %tile, ptr %to, i64 %stride) {
  %n = call i64 @rows_of(i8 %tile)
  br label %test
test:
  %r = phi i64 [0, %0], [%next, %loop]
  %more = icmp ult i64 %r, %n
  br i1 %more, label %loop, label %done
loop:
  %at = mul i64 %r, %stride
  %target = getelementptr i8, ptr %to, i64 %at
  %p = call ptr @row(i8 %tile, i64 %r)
  %line = load <64 x i8>, ptr %p
  store <64 x i8> %line, ptr %target, align 1
  %next = add i64 %r, 1
  br label %test
done:
  ret void
}
define internal void @emulated_tdpbusd(i8 %sums, i8 %left, i8 %right) {
  %n = call i64 @rows_of(i8 %left)
  br label %test
test:
  %r = phi i64 [0, %0], [%next, %stored]
  %more = icmp ult i64 %r, %n
  br i1 %more, label %line, label %done
line:
  %p = call ptr @row(i8 %sums, i64 %r)
  %start = load <16 x i32>, ptr %p
  %q = call ptr @row(i8 %left, i64 %r)
  br label %step
step:
  %k = phi i64 [0, %line], [%after, %step]
  %acc = phi <16 x i32> [%start, %line], [%sum, %step]
  %dword = getelementptr i32, ptr %q, i64 %k
  %four = load i32, ptr %dword
  %one = insertelement <16 x i32> poison, i32 %four, i32 0
  %every = shufflevector <16 x i32> %one, <16 x i32> poison, <16 x i32> zeroinitializer
  %bytes = bitcast <16 x i32> %every to <64 x i8>
  %w = call ptr @row(i8 %right, i64 %k)
  %weights = load <64 x i8>, ptr %w
  %sum = call <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32> %acc, <64 x i8> %bytes, <64 x i8> %weights)
  %after = add i64 %k, 1
  %again = icmp ult i64 %after, 16
  br i1 %again, label %step, label %stored
stored:
  store <16 x i32> %sum, ptr %p
  %next = add i64 %r, 1
  br label %test
done:
  ret void
}
"""


def needed() -> bool:
    """Whether this machine has no AMX, but what its emulation takes."""
    return "amx" not in usable() and "avx512vnni" in usable()


class Emulated:
    """Kernels by symbol, for as long as this lives."""

    def __init__(self, specs: Mapping[str, Any], signature: Any) -> None:
        import llvmlite.binding as binding

        text = llvm_ir(specs, "amx")
        used = set(re.findall(r"@llvm\.x86\.(\w+)\(", text)) & set(INSTRUCTIONS)
        assert used or "tile" not in text
        for name in INSTRUCTIONS:
            text = re.sub(rf"^declare .*@llvm\.x86\.{name}\(.*$", "", text, flags=re.M)
            text = text.replace(f"@llvm.x86.{name}(", f"@emulated_{name}(")
        declared = "declare <16 x i32> @llvm.x86.avx512.vpdpbusd.512"
        emulator = EMULATOR if declared not in text else re.sub(rf"^{re.escape(declared)}.*$", "", EMULATOR, flags=re.M)
        self.engine = _engine(text + emulator, binding)
        self.tiles = used
        self.calls = {symbol: signature(self.engine.get_function_address(symbol)) for symbol in specs}


def _engine(text: str, binding: Any) -> Any:
    _initialize()
    level = BY_NAME["avx512vnni"]
    target = binding.Target.from_triple("x86_64-unknown-linux-gnu")
    machine = target.create_target_machine(cpu=level.llvm_cpu, features=level.llvm_features, opt=2, jit=True)
    module = binding.parse_assembly(text)
    module.verify()
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


@cache
def _initialize() -> None:
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
