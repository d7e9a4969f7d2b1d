"""Kernels to PTX, in a child process: `gpu` and `nvvm` -> LLVM dialect -> LLVM IR -> PTX."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets.code_generation import Job, generated, write
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

ENTRY = ".visible .entry "


def job_of(symbol: str, architecture: str, spec: Any) -> Job:
    """The PTX of a kernel for an architecture."""
    return Job(symbol, architecture, code_digest(), REGISTRY.family_of(spec), asdict(spec))


def compile_kernels(specs: Mapping[str, Any], architecture: str, cache: Cache | None = None, jobs: int = 0) -> str:
    """PTX with a kernel for every spec, named by its symbol.

    Args:
        architecture: one of PTX_VERSIONS; code for sm_80 runs on all later ones, too.
        cache: where the text of each kernel is kept from compile to compile.
        jobs: processes to use; 0 means one per available core.

    Raises:
        CodegenError: the child failed.
        ValueError: there is no code for this architecture.
    """
    if architecture not in PTX_VERSIONS:
        raise ValueError(f"no code for {architecture}: there is some for {', '.join(PTX_VERSIONS)}")
    every = [job_of(symbol, architecture, spec) for symbol, spec in specs.items()]
    known = cache.read("code", [job.key for job in every]) if cache else {}
    missing = [job for job in every if job.key not in known]
    if missing:
        made = generated(__name__, missing, jobs)
        known |= made
        if cache:
            cache.write("code", made)
    return joined([known[job.key].decode() for job in every])


def joined(texts: Sequence[str]) -> str:
    """One module of several: the header and the declarations of shared memory once, then every kernel."""
    heads, bodies = zip(*(text.split(ENTRY, 1) for text in texts), strict=True)
    lines = dict.fromkeys(line for head in heads for line in head.splitlines() if line.startswith("."))
    return "\n".join(lines) + "\n\n" + "\n".join(f"{ENTRY}{body.strip()}\n" for body in bodies)


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


def make(jobs: Sequence[Mapping[str, Any]]) -> None:
    """Each job's PTX, at the path that it names."""
    for job in jobs:
        spec = REGISTRY.from_json(job["family"], job["spec"])
        write(job, ptx(llvm_ir({job["symbol"]: spec}), job["level"]).encode())
