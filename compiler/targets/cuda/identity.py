"""What code for this target depends on: the sources that decide it."""

from dyadic.compiler.keep.identity import digest

CODE_ROOTS = ("passes/lower/cuda/kernels", "compiler/targets/cuda/codegen.py")
CODE_PACKAGES = ("llvmlite", "torch-mlir")


def code_digest() -> str:
    """Of whatever decides the PTX of a kernel."""
    return digest(CODE_ROOTS, CODE_PACKAGES)
