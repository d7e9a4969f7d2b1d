"""What kept results depend on besides their input: the compiler's own source."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
CODE_SOURCES = (  # all that decides which bytes a kernel becomes
    "passes/lower/cpu/kernels",
    "compiler/codegen.py",
    "runtime/fixedpoint.py",
    "runtime/targets.py",
)
CODE_PACKAGES = ("llvmlite", "torch-mlir")


@cache
def digest(sources: Sequence[str], packages: Sequence[str]) -> str:
    """One hash of files, folders of Python files, and the versions of packages."""
    total = hashlib.sha256()
    for source in sources:
        path = TREE / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(TREE)} {content}\n".encode())
    for package in packages:
        total.update(f"{package} {version(package)}\n".encode())
    return total.hexdigest()[:32]


def code_digest() -> str:
    """Of whatever decides the machine code of a kernel."""
    return digest(CODE_SOURCES, CODE_PACKAGES)
