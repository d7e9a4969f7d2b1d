"""Kernels to machine code, in a child process: MLIR -> LLVM dialect -> LLVM IR -> object -> image.

LLVM can abort the process on IR it does not like and the translator can crash, so nothing of this runs in the
caller's process. `python -m dyadic.compiler.codegen` reads one JSON job from standard input and writes an object for
each level to the path it names.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dyadic.compiler.link import Image, link
from dyadic.runtime.targets import BY_NAME

TO_LLVM = (
    "builtin.module(canonicalize,cse,convert-scf-to-cf,convert-vector-to-llvm,expand-strided-metadata,"
    "finalize-memref-to-llvm,convert-ub-to-llvm,convert-arith-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,"
    "reconcile-unrealized-casts)"
)

# LLVM turns fill and copy loops into calls of these; an image has no C library, so it brings its own.
MEMORY_FUNCTIONS = """
define void @memset(ptr %p, i32 %value, i64 %n) nounwind "no-builtins" {
entry:
  %byte = trunc i32 %value to i8
  br label %test
test:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %at = getelementptr i8, ptr %p, i64 %i
  store volatile i8 %byte, ptr %at
  %next = add i64 %i, 1
  br label %test
done:
  ret void
}
define void @memcpy(ptr %to, ptr %from, i64 %n) nounwind "no-builtins" {
entry:
  br label %test
test:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %source = getelementptr i8, ptr %from, i64 %i
  %byte = load volatile i8, ptr %source
  %at = getelementptr i8, ptr %to, i64 %i
  store volatile i8 %byte, ptr %at
  %next = add i64 %i, 1
  br label %test
done:
  ret void
}
"""


CHILD_SECONDS = 600  # kernels take about 0.1 s each; LLVM has patterns that it never finishes combining


class CodegenError(RuntimeError):
    """The child process failed: a bug of ours, with what LLVM said."""


def compile_kernels(specs: Mapping[str, Any], levels: Sequence[str], jobs: int = 0) -> dict[str, Image]:
    """Machine code of every kernel in `specs` (symbol -> spec dataclass) for every ISA level.

    Args:
        jobs: child processes to use; 0 means one per available core.

    Raises:
        CodegenError: the child failed.
    """
    from dyadic.passes.lower.cpu.kernels.registry import family_of

    count = max(1, min(jobs or len(os.sched_getaffinity(0)), len(specs)))
    every = [{"symbol": symbol, "family": family_of(spec), **asdict(spec)} for symbol, spec in specs.items()]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(count) as pool:
        # a child does its share of the kernels for all levels, since starting one takes as long as several kernels
        parts = [every[i::count] for i in range(count)]
        objects = [{level: str(Path(folder) / f"{level}.{i}.o") for level in levels} for i in range(count)]
        list(pool.map(lambda i: _child(parts[i], objects[i], memory=i == 0), range(count)))
        return {level: link([Path(paths[level]).read_bytes() for paths in objects]) for level in levels}


def _child(kernels: list[dict[str, Any]], objects: dict[str, str], *, memory: bool) -> None:
    job = {"kernels": kernels, "objects": objects, "memory": memory}
    command = [sys.executable, "-P", "-m", "dyadic.compiler.codegen"]
    names = ", ".join(objects)
    try:
        done = subprocess.run(
            command, input=json.dumps(job), text=True, capture_output=True, check=False, timeout=CHILD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        symbols = ", ".join(kernel["symbol"] for kernel in kernels)
        raise CodegenError(f"code generation for {names} did not finish in {CHILD_SECONDS} s: {symbols}") from error
    if missing := [level for level, path in objects.items() if done.returncode != 0 or not Path(path).exists()]:
        failed = ", ".join(missing)
        raise CodegenError(f"code generation for {failed} failed (exit {done.returncode}):\n{done.stderr[-4000:]}")


def llvm_ir(specs: Mapping[str, Any], level: str) -> str:
    """LLVM IR text of the kernels, for `--emit llvm`. Runs in this process: call it from a child."""
    from dyadic.passes.lower.cpu.kernels import registry

    def build() -> None:
        for symbol, spec in specs.items():
            registry.generate(spec, level, symbol)

    return lowered(build)


def lowered(build: Callable[[], object]) -> str:
    """LLVM IR text of the functions that `build` makes."""
    from torch_mlir import ir, passmanager
    from torch_mlir.dialects import llvm

    with ir.Context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            build()
        passmanager.PassManager.parse(TO_LLVM).run(module.operation)
        _only_llvm(module.operation)
        return str(llvm.translate_module_to_llvmir(module.operation))


def _only_llvm(module: Any) -> None:
    """The translator segfaults on leftovers of other dialects; say so instead."""
    from torch_mlir import ir

    def look(op: ir.Operation) -> ir.WalkResult:
        if not op.name.startswith("llvm.") and op.name != "builtin.module":
            raise ValueError(f"'{op.name}' is left after the lowering to the LLVM dialect")
        return ir.WalkResult.ADVANCE

    module.walk(look)


def machine_code(text: str, level: str) -> bytes:
    """An ELF object of LLVM IR text."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = BY_NAME[level]
    machine = binding.Target.from_triple("x86_64-unknown-linux-gnu").create_target_machine(
        cpu=target.llvm_cpu, features=target.llvm_features, opt=3, reloc="pic", codemodel="small"
    )
    module = binding.parse_assembly(text)
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


def main() -> None:
    from dyadic.passes.lower.cpu.kernels.registry import FAMILIES

    job = json.load(sys.stdin)
    specs = {}
    for kernel in job["kernels"]:
        symbol, family = kernel.pop("symbol"), kernel.pop("family")
        fields = {key: tuple(value) if isinstance(value, list) else value for key, value in kernel.items()}
        specs[symbol] = FAMILIES[family][0](**fields)
    for level, path in job["objects"].items():
        text = llvm_ir(specs, level)
        if job["memory"]:
            text += MEMORY_FUNCTIONS
        Path(path).write_bytes(machine_code(text, level))


if __name__ == "__main__":
    main()
