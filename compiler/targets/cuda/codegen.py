"""Kernels to PTX, in a child process: `gpu` and `nvvm` -> LLVM dialect -> LLVM IR -> PTX.

LLVM aborts the process on what an architecture does not have, so nothing of this runs in the caller's.
`python -m dyadic.compiler.targets.cuda.codegen` reads a JSON job from standard input and writes PTX to standard output.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dyadic.passes.lower.cuda.kernels.registry import REGISTRY

TO_LLVM = (
    "builtin.module(gpu.module(convert-scf-to-cf,convert-gpu-to-nvvm{index-bitwidth=32},convert-nvvm-to-llvm,"
    "reconcile-unrealized-casts,canonicalize,cse))"
)

# The oldest PTX of each that has all we use, so that as many drivers as possible take it. There is no cp.async before
# sm_80, and code for sm_90a is for nothing else.
PTX_VERSIONS = {"sm_80": "70", "sm_86": "71", "sm_89": "78", "sm_90a": "80", "sm_100": "86", "sm_120": "87"}

CHILD_SECONDS = 600


class CodegenError(RuntimeError):
    """The child process failed: a bug of ours, with what LLVM said."""


def compile_kernels(specs: Mapping[str, Any], architecture: str) -> str:
    """PTX with a kernel for every spec, named by its symbol.

    Args:
        architecture: one of PTX_VERSIONS; code for sm_80 runs on all later ones, too.

    Raises:
        CodegenError: the child failed.
        ValueError: there is no code for this architecture.
    """
    if architecture not in PTX_VERSIONS:
        raise ValueError(f"no code for {architecture}: there is some for {', '.join(PTX_VERSIONS)}")
    job = {
        "architecture": architecture,
        "specs": {symbol: [REGISTRY.family_of(spec), asdict(spec)] for symbol, spec in specs.items()},
    }
    command = [sys.executable, "-P", "-m", "dyadic.compiler.targets.cuda.codegen"]
    try:
        done = subprocess.run(
            command, input=json.dumps(job), text=True, capture_output=True, check=False, timeout=CHILD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise CodegenError(f"code generation for {architecture} did not finish in {CHILD_SECONDS} s") from error
    if done.returncode:
        how = f"failed (exit {done.returncode})"
        raise CodegenError(f"code generation for {architecture} {how}:\n{done.stderr[-4000:]}")
    return done.stdout


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


def make(job: Mapping[str, Any]) -> str:
    """PTX of a job as `compile_kernels` writes it."""
    return ptx(
        llvm_ir({symbol: REGISTRY.from_json(*spec) for symbol, spec in job["specs"].items()}), job["architecture"]
    )


if __name__ == "__main__":
    sys.stdout.write(make(json.load(sys.stdin)))
