"""What kept results depend on besides their input: the compiler's own source, and the processor."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dyadic.runtime import targets

TREE = Path(__file__).resolve().parents[2]
# Files and folders under TREE that decide a kept result, with everything that they import.
CODE_ROOTS = ("passes/lower/cpu/kernels", "compiler/targets/cpu/codegen.py")
TUNE_ROOTS = ("compiler/tune",)
CALIBRATE_ROOTS = ("compiler/calibrate",)
SENSITIVITY_ROOTS = ("compiler/sensitivity",)
REFINE_ROOTS = ("compiler/refine", "passes/refine")
# The list of all passes is followed by no import: what a root runs of it is a root, too.
LISTS = ("passes/__init__.py",)
IMPORT = re.compile(r"^[ ]*from (dyadic[\w.]*) import (\([^)]*\)|.*)$|^[ ]*import (dyadic[\w.]*)", re.M)
CODE_PACKAGES = ("llvmlite", "torch-mlir")
CALIBRATE_PACKAGES = ("torch", "torch-mlir", "numpy")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
LEVEL_TWO_BYTES = 2 << 20
PROCESSOR = Path("/proc/cpuinfo")


@cache
def digest(roots: Sequence[str], packages: Sequence[str]) -> str:
    """One hash of files, folders of Python files, everything that they import of ours, and the versions of packages."""
    total = hashlib.sha256()
    for file in closure(roots):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(TREE)} {content}\n".encode())
    for package in packages:
        total.update(f"{package} {version(package)}\n".encode())
    return total.hexdigest()[:32]


def closure(roots: Iterable[str]) -> list[Path]:
    """The files of the roots, and those that they import, directly or not, inside functions too; sorted."""
    paths = [TREE / root for root in roots]
    waiting = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
    known = set(waiting)
    lists = {TREE / name for name in LISTS}
    while waiting:
        new = imported(waiting.pop()) - known - lists
        known |= new
        waiting += new
    return sorted(known)


def imported(file: Path) -> set[Path]:
    """The files of ours that a file imports by name; of packages on the way to them, nothing."""
    found = set()
    for package, names, module in IMPORT.findall(file.read_text(encoding="utf-8")):
        every = [module] if module else [package, *(f"{package}.{name}" for name in re.findall(r"\w+", names))]
        for one in every:
            path = TREE.joinpath(*one.split(".")[1:])
            found |= {each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()}
    return found


def code_digest() -> str:
    """Of whatever decides the machine code of a kernel."""
    return digest(CODE_ROOTS, CODE_PACKAGES)


def tune_digest() -> str:
    """Of whatever decides which kernels are measured, and how."""
    return digest(TUNE_ROOTS, CODE_PACKAGES)


def calibrate_digest() -> str:
    """Of whatever decides what a model's ranges are."""
    return digest(CALIBRATE_ROOTS, CALIBRATE_PACKAGES)


def sensitivity_digest() -> str:
    """Of whatever decides what rounding is measured to cost."""
    return digest(SENSITIVITY_ROOTS, CALIBRATE_PACKAGES)


def refine_digest() -> str:
    """Of whatever decides how weights are rounded."""
    return digest(REFINE_ROOTS, CALIBRATE_PACKAGES)


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
