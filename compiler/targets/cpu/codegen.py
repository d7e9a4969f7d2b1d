"""Kernels to machine code, in a child process: MLIR -> LLVM dialect -> LLVM IR -> object -> image.

LLVM can abort the process on IR it does not like and the translator can crash, so nothing of this runs in the
caller's process: `maker.py` has a process that does it, which writes an object for each job to the path that it names.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.targets.cpu import maker
from dyadic.compiler.targets.cpu.identity import code_digest
from dyadic.compiler.targets.cpu.link import Image, link
from dyadic.compiler.workers.processors import processors
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


CHILD_SECONDS = 600  # kernels take about 0.1 s each; LLVM has patterns that it never finishes combining
MOST_JOBS = 200  # of one child
MEMORY = "memory functions"  # the name of their object


class CodegenError(RuntimeError):
    """The child process failed: a bug of ours, with what LLVM said."""


@dataclass(frozen=True)
class Job:
    """One object to make: a kernel for a level (or the memory functions, which have no spec)."""

    symbol: str
    level: str
    spec: Any

    @property
    def key(self) -> str:
        """All that its bytes depend on."""
        spec = {} if self.spec is None else asdict(self.spec)
        return key_of({"compiler": code_digest(), "level": self.level, "symbol": self.symbol, "spec": spec})

    def to_json(self, path: Path) -> dict[str, Any]:
        said: dict[str, Any] = {"symbol": self.symbol, "level": self.level, "path": str(path)}
        if self.spec is not None:
            said |= {"family": family_of(self.spec), "spec": asdict(self.spec)}
        return said


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
    every = [Job(symbol, level, spec) for symbol, spec in {MEMORY: None, **specs}.items() for level in levels]
    known = cache.read("code", [job.key for job in every]) if cache else {}
    missing, made = [job for job in every if job.key not in known], {}
    if missing:
        made = _objects(missing, max(1, min(jobs or processors(), len(missing))))
        known |= made
    images = {level: link([known[job.key] for job in every if job.level == level]) for level in levels}
    if cache and missing:  # what cannot be linked is not kept
        cache.write("code", made)
    return images


def _objects(jobs: Sequence[Job], count: int) -> dict[str, bytes]:
    """Objects by key, made by `count` processes at a time."""
    number = max(count, -(-len(jobs) // MOST_JOBS))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.o" for i in range(len(jobs))]
        said = [job.to_json(path) for job, path in zip(jobs, paths, strict=True)]
        parts = [said[i::number] for i in range(number)]
        for part, (code, wrote) in zip(parts, _made(parts, count), strict=True):
            _check(part, code, wrote)
        return {job.key: path.read_bytes() for job, path in zip(jobs, paths, strict=True)}


def _made(parts: Sequence[list[dict[str, Any]]], count: int) -> list[maker.End]:
    """How the processes that made the parts ended, `count` at a time."""
    try:
        return maker.forked(parts, count, CHILD_SECONDS)
    except OSError as error:
        raise CodegenError(f"no code is generated: {error}") from error


def _check(jobs: list[dict[str, Any]], code: int | None, said: str) -> None:
    """That a process made all of its jobs."""
    end = f"did not finish in {CHILD_SECONDS} s" if code is None else f"failed (exit {code})"
    missing = [job for job in jobs if not Path(job["path"]).exists()]  # it writes each as soon as it has it
    if code != 0 or missing:
        first = (missing or jobs[-1:])[0]
        raise CodegenError(f"code generation of {first['symbol']} for {first['level']} {end}:\n{said[-4000:]}")


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
        part = Path(job["path"] + ".part")  # what has the right name is whole
        part.write_bytes(machine_code(text, job["level"], unroll=unroll))
        part.replace(job["path"])
