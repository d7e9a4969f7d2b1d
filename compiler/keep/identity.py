"""What kept results depend on besides their input: the compiler's own source."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
# Files and folders under TREE that decide a kept result, with everything that they import.
CALIBRATE_ROOTS = ("compiler/calibrate", "compiler/datafree")
SENSITIVITY_ROOTS = ("compiler/sensitivity",)
REFINE_ROOTS = ("compiler/refine", "passes/refine")
# The list of all passes is followed by no import: what a root runs of it is a root, too.
LISTS = ("passes/__init__.py",)
IMPORT = re.compile(r"^[ ]*from (dyadic[\w.]*) import (\([^)]*\)|.*)$|^[ ]*import (dyadic[\w.]*)", re.M)
CALIBRATE_PACKAGES = ("torch", "torch-mlir", "numpy")


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


def calibrate_digest() -> str:
    """Of whatever decides what a model's ranges are."""
    return digest(CALIBRATE_ROOTS, CALIBRATE_PACKAGES)


def sensitivity_digest() -> str:
    """Of whatever decides what rounding is measured to cost."""
    return digest(SENSITIVITY_ROOTS, CALIBRATE_PACKAGES)


def refine_digest() -> str:
    """Of whatever decides how weights are rounded."""
    return digest(REFINE_ROOTS, CALIBRATE_PACKAGES)
