"""What code and times for this target depend on: the sources that decide them. The device says itself what it is."""

from dyadic.compiler.keep.identity import digest

CODE_ROOTS = ("passes/lower/cuda/kernels", "compiler/targets/cuda/codegen.py")
TUNE_ROOTS = ("compiler/targets/cuda/tuning.py", "compiler/targets/cuda/tuning_runner.py")
CODE_PACKAGES = ("llvmlite", "torch-mlir")


def code_digest() -> str:
    """Of whatever decides the PTX of a kernel."""
    return digest(CODE_ROOTS, CODE_PACKAGES)


def tune_digest() -> str:
    """Of whatever decides which tiles are timed, and how."""
    return digest(TUNE_ROOTS, CODE_PACKAGES)
