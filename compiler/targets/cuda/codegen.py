"""Kernels to PTX, in a child process: `gpu` and `nvvm` -> LLVM dialect -> LLVM IR -> PTX.

LLVM aborts the process on what an architecture does not have, so nothing of this runs in the caller's.
`python -m dyadic.compiler.targets.cuda.codegen` reads JSON jobs from standard input and writes a list of texts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.targets.cuda.identity import code_digest
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY

TO_LLVM = (
    "builtin.module(gpu.module(convert-scf-to-cf,convert-gpu-to-nvvm{index-bitwidth=32},convert-nvvm-to-llvm,"
    "reconcile-unrealized-casts,canonicalize,cse))"
)

# The oldest PTX of each that has all we use, so that as many drivers as possible take it. There is no cp.async before
# sm_80, and code for sm_90a is for nothing else; that of sm_90 is without what it alone has (`wgmma`).
PTX_VERSIONS = {
    "sm_80": "70",
    "sm_86": "71",
    "sm_89": "78",
    "sm_90": "78",
    "sm_90a": "84",
    "sm_100": "86",
    "sm_120": "87",
}

CHILD_SECONDS = 600
ENTRY = ".visible .entry "


class CodegenError(RuntimeError):
    """The child process failed: a bug of ours, with what LLVM said."""


@dataclass(frozen=True)
class Job:
    """One kernel to make for an architecture."""

    symbol: str
    architecture: str
    spec: Any

    @property
    def key(self) -> str:
        """All that its text depends on."""
        said = {"symbol": self.symbol, "level": self.architecture, "spec": asdict(self.spec)}
        return key_of({"compiler": code_digest(), "family": REGISTRY.family_of(self.spec), **said})

    def to_json(self) -> list[Any]:
        return [self.symbol, self.architecture, REGISTRY.family_of(self.spec), asdict(self.spec)]


def compile_kernels(specs: Mapping[str, Any], architecture: str, cache: Cache | None = None, jobs: int = 0) -> str:
    """PTX with a kernel for every spec, named by its symbol.

    Args:
        architecture: one of PTX_VERSIONS; code for sm_80 runs on all later ones, too.
        cache: where the text of each kernel is kept from compile to compile.
        jobs: child processes to use; 0 means one per available core.

    Raises:
        CodegenError: the child failed.
        ValueError: there is no code for this architecture.
    """
    if architecture not in PTX_VERSIONS:
        raise ValueError(f"no code for {architecture}: there is some for {', '.join(PTX_VERSIONS)}")
    every = [Job(symbol, architecture, spec) for symbol, spec in specs.items()]
    known = cache.read("code", [job.key for job in every]) if cache else {}
    missing = [job for job in every if job.key not in known]
    if missing:
        made = _texts(missing, max(1, min(jobs or len(os.sched_getaffinity(0)), len(missing))))
        known |= made
        if cache:
            cache.write("code", made)
    return joined([known[job.key].decode() for job in every])


def joined(texts: Sequence[str]) -> str:
    """One module of several: the header and the declarations of shared memory once, then every kernel."""
    heads, bodies = zip(*(text.split(ENTRY, 1) for text in texts), strict=True)
    lines = dict.fromkeys(line for head in heads for line in head.splitlines() if line.startswith("."))
    return "\n".join(lines) + "\n\n" + "\n".join(f"{ENTRY}{body.strip()}\n" for body in bodies)


def _texts(jobs: Sequence[Job], count: int) -> dict[str, bytes]:
    """PTX by key, made by `count` child processes."""
    parts = [jobs[i::count] for i in range(count)]
    with ThreadPoolExecutor(count) as pool:
        made = list(pool.map(_child, parts))
    return {
        job.key: text.encode()
        for part, texts in zip(parts, made, strict=True)
        for job, text in zip(part, texts, strict=True)
    }


def _child(jobs: Sequence[Job]) -> list[str]:
    names = f"{jobs[0].symbol} for {jobs[0].architecture}" + f" and {len(jobs) - 1} more" * (len(jobs) > 1)
    command = [sys.executable, "-P", "-m", "dyadic.compiler.targets.cuda.codegen"]
    said = json.dumps([job.to_json() for job in jobs])
    try:
        done = subprocess.run(command, input=said, text=True, capture_output=True, check=False, timeout=CHILD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CodegenError(f"code generation of {names} did not finish in {CHILD_SECONDS} s") from error
    if done.returncode:
        raise CodegenError(f"code generation of {names} failed (exit {done.returncode}):\n{done.stderr[-4000:]}")
    return json.loads(done.stdout)


def llvm_ir(specs: Mapping[str, Any]) -> str:
    """LLVM IR text of the kernels. Runs in this process: call it from a child."""
    from torch_mlir import ir, passmanager
    from torch_mlir.dialects import gpu, llvm

    from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import declare_ring

    with ir.Context(), ir.Location.unknown():
        module = ir.Module.create()
        module.operation.attributes["gpu.container_module"] = ir.UnitAttr.get()
        with ir.InsertionPoint(module.body):
            kernels = gpu.GPUModuleOp("kernels")
            region = kernels.bodyRegion
            body = region.blocks[0] if len(region.blocks) else region.blocks.append()
        with ir.InsertionPoint(body):
            declare_ring()
            for symbol, spec in specs.items():
                REGISTRY.generate(spec, symbol)
        module.operation.verify()
        passmanager.PassManager.parse(TO_LLVM).run(module.operation)
        (lowered,) = [op for op in module.body.operations if op.operation.name == "gpu.module"]
        return str(llvm.translate_module_to_llvmir(lowered.operation))


def ptx(text: str, architecture: str) -> str:
    """PTX of LLVM IR text. Runs in this process, and changes how LLVM makes PTX from then on: call it from a child."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    binding.set_option("dyadic", "--nvptx-short-ptr")  # shared addresses in 32-bit registers
    triple = "nvptx64-nvidia-cuda"
    machine = binding.Target.from_triple(triple).create_target_machine(
        cpu=architecture, features=f"+ptx{PTX_VERSIONS[architecture]}", opt=3
    )
    module = binding.parse_assembly(text)
    module.triple, module.data_layout = triple, str(machine.target_data)
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return machine.emit_assembly(module)


def make(jobs: Sequence[Sequence[Any]]) -> list[str]:
    """PTX of each job as `Job.to_json` writes it."""
    every = [({symbol: REGISTRY.from_json(family, spec)}, to) for symbol, to, family, spec in jobs]
    return [ptx(llvm_ir(specs), architecture) for specs, architecture in every]


if __name__ == "__main__":
    json.dump(make(json.load(sys.stdin)), sys.stdout)
