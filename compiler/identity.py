"""What kept results depend on besides their input: the compiler's own source, and the processor."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dyadic.runtime import targets

TREE = Path(__file__).resolve().parent.parent
CODE_SOURCES = (  # all that decides which bytes a kernel becomes
    "passes/lower/cpu/kernels",
    "compiler/codegen.py",
    "runtime/fixedpoint.py",
    "runtime/targets.py",
)
TUNE_SOURCES = (*CODE_SOURCES, "compiler/identity.py", "compiler/link.py", "compiler/tune", "runtime/program.py")
CALIBRATE_SOURCES = ("compiler/calibrate", "dialects")
SENSITIVITY_SOURCES = (
    "compiler/sensitivity",
    "compiler/calibrate/width_ranges.py",
    "compiler/select/points.py",
    "compiler/select/scheme.py",
    "compiler/simulate.py",
    "dialects",
    "passes/integerize",
    "passes/refine/weight_grid.py",
    "passes/rewriting.py",
)
REFINE_SOURCES = (
    *CALIBRATE_SOURCES,
    "compiler/refine",
    "compiler/select/points.py",
    "compiler/simulate.py",
    "passes/integerize",  # where simulation rounds
    "passes/refine",
)
CODE_PACKAGES = ("llvmlite", "torch-mlir")
CALIBRATE_PACKAGES = ("torch", "torch-mlir", "numpy")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
LEVEL_TWO_BYTES = 2 << 20
PROCESSOR = Path("/proc/cpuinfo")


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


def tune_digest() -> str:
    """Of whatever decides which kernels are measured, and how."""
    return digest(TUNE_SOURCES, CODE_PACKAGES)


def calibrate_digest() -> str:
    """Of whatever decides what a model's ranges are."""
    return digest(CALIBRATE_SOURCES, CALIBRATE_PACKAGES)


def sensitivity_digest() -> str:
    """Of whatever decides what rounding is measured to cost."""
    return digest(SENSITIVITY_SOURCES, CALIBRATE_PACKAGES)


def refine_digest() -> str:
    """Of whatever decides how weights are rounded."""
    return digest(REFINE_SOURCES, CALIBRATE_PACKAGES)


@cache
def processor(level: str) -> dict[str, Any]:
    """What makes the processor as fast as it is, for code of a level."""
    lines = PROCESSOR.read_text(encoding="utf-8").split("\n\n")[0].splitlines() if PROCESSOR.exists() else []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    names = ("vendor_id", "cpu family", "model", "model name", "stepping")
    caches = [" ".join(read(index / name) for name in ("level", "type", "size")) for index in sorted(CACHES.glob("i*"))]
    features = sorted(targets.BY_NAME[level].needs & targets.features())
    return {name: said.get(name, "") for name in names} | {"features": features, "caches": caches}


def level_two_bytes() -> int:
    """The size of one processor's second level of cache; a guess where the system does not say."""
    sizes = [read(index / "size") for index in CACHES.glob("i*") if read(index / "level") == "2"]
    return int(sizes[0].removesuffix("K")) << 10 if sizes else LEVEL_TWO_BYTES


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
