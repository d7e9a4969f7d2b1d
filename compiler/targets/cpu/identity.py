"""What code and times for this target depend on: the sources that decide them. The processor says itself what it is
(`runtime/cpu/processor.py`)."""

from dyadic.compiler.keep.identity import digest

CODE_ROOTS = ("passes/lower/cpu/kernels", "compiler/targets/cpu/codegen.py")
TUNE_ROOTS = ("compiler/targets/cpu/tuning.py", "compiler/targets/cpu/tuning_runner.py")
CODE_PACKAGES = ("llvmlite", "torch-mlir")


def code_digest() -> str:
    """Of whatever decides the machine code of a kernel."""
    return digest(CODE_ROOTS, CODE_PACKAGES)


def tune_digest() -> str:
    """Of whatever decides which kernels are measured, and how."""
    return digest(TUNE_ROOTS, CODE_PACKAGES)
