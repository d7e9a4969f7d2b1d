"""Kernels to machine code, in a child process: MLIR -> LLVM dialect -> LLVM IR -> object -> image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets.code_generation import Job, generated, write
from dyadic.compiler.targets.cpu.identity import code_digest
from dyadic.compiler.targets.cpu.link import Image, link
from dyadic.passes.lower.cpu.kernels import registry
from dyadic.passes.lower.cpu.kernels.registry import family_of
from dyadic.runtime.cpu.levels import BY_NAME, PORTABLE

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


MEMORY = "memory functions"  # the name of their object, which has no spec


def job_of(symbol: str, level: str, spec: Any) -> Job:
    """The object of a kernel for a level; without a spec that of the memory functions."""
    if spec is None:
        return Job(symbol, level, code_digest())
    return Job(symbol, level, code_digest(), family_of(spec), asdict(spec))


def compile_kernels(
    specs: Mapping[str, Any], levels: Sequence[str], jobs: int = 0, cache: Cache | None = None
) -> dict[str, Image]:
    """Machine code of every kernel in `specs` (symbol -> spec dataclass) for every ISA level.

    Args:
        jobs: processes to use; 0 means one per available core.
        cache: where objects are kept from compile to compile.

    Raises:
        CodegenError: the child failed.
    """
    every = [job_of(symbol, level, spec) for symbol, spec in {MEMORY: None, **specs}.items() for level in levels]
    known = cache.read("code", [job.key for job in every]) if cache else {}
    missing, made = [job for job in every if job.key not in known], {}
    if missing:
        made = generated(__name__, missing, jobs)
        known |= made
    images = {level: link([known[job.key] for job in every if job.level == level]) for level in levels}
    if cache and missing:  # what cannot be linked is not kept
        cache.write("code", made)
    return images


def llvm_ir(specs: Mapping[str, Any], level: str) -> str:
    """LLVM IR text of the kernels, for `--emit llvm`. Runs in this process: call it from a child."""

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


def machine_code(text: str, level: str, *, unroll: bool = True) -> bytes:
    """An ELF object of LLVM IR text; unroll: whether LLVM may write out the bodies of loops several times."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = BY_NAME[level]
    machine = binding.Target.from_triple("x86_64-unknown-linux-gnu").create_target_machine(
        cpu=target.llvm_cpu, features=target.llvm_features, opt=3, reloc="pic", codemodel="small"
    )
    module = binding.parse_assembly(text)
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_unrolling = unroll
    builder = binding.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


def make(jobs: list[dict[str, Any]]) -> None:
    """Each job's object, at the path that it names."""
    for job in jobs:
        text, unroll = MEMORY_FUNCTIONS, True
        if job["symbol"] != MEMORY:
            spec = registry.from_json(job["family"], job["spec"])
            text = llvm_ir({job["symbol"]: spec}, job["level"])
            unroll = getattr(spec, "unrolls", True) and job["level"] != PORTABLE
        write(job, machine_code(text, job["level"], unroll=unroll))
