"""Passes and operators that are not of this repository: from `--load-passes FILE.py` and from installed packages.

A package names a module in its `pyproject.toml`, which is imported when something is compiled or `dyadic-opt` runs:

    [project.entry-points."dyadic.extensions"]
    hyperbolic = "hyperbolic"

What the module registers (`passes/extending.py`, the marks of `docs/adding-an-operator.md`) is there from then on.
"""

import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from dyadic.compiler import knobs, python_file
from dyadic.passes import PIPELINE
from dyadic.passes.extending import EXTENSIONS
from dyadic.passes.rewriting import Pass
from dyadic.runtime.errors import UsageError

GROUP = "dyadic.extensions"
OPTION = "--load-passes"

_files: dict[Path, str] = {}  # file -> hash of what was run
_installed: dict[str, EntryPoint] = {}


def load_extensions(files: Iterable[Path] = ()) -> None:
    """Import what is installed, and these files, each once; a file that has changed since is run again.

    Raises:
        FileError: a file cannot be read.
        UsageError: something cannot be run, or registers what cannot be.
    """
    if knobs.extensions():
        for point in entry_points(group=GROUP):
            if point.name not in _installed:
                load_installed(point)
                _installed[point.name] = point
    for path in files:
        load_file(path.resolve())


def load_installed(point: EntryPoint) -> None:
    try:
        point.load()
    except UsageError:
        raise
    except Exception as error:  # whatever a user's own code may raise
        package = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
        raise UsageError(
            f"the extension '{point.name}'{package} cannot be loaded: {python_file.said(error)}; DYADIC_EXTENSIONS=off "
            "leaves all of them out"
        ) from error


def load_file(path: Path) -> None:
    if path.suffix != ".py":
        raise UsageError(f"{OPTION} takes a Python file, not '{path.name}'")
    text = python_file.read(path, OPTION)
    digest = hashlib.sha256(text).hexdigest()
    if _files.get(path) != digest:
        module = python_file.run(path, text, module_name(path), f"the file of {OPTION}")
        for one in vars(module).values():
            if isinstance(one, Pass) and one.run.__module__ == module.__name__ and one.name not in EXTENSIONS:
                raise UsageError(f"{OPTION} {path.name}: the pass '{one.name}' is in no stage: put @runs_in above it")
        _files[path] = digest


def module_name(path: Path) -> str:
    """One for each file: passes of files of the same name do not replace each other.

    >>> module_name(Path("/work/my-passes.py"))[:25]
    'dyadic_passes_my_passes_a'
    """
    stem = "".join(c if c.isalnum() else "_" for c in path.stem)
    return f"dyadic_passes_{stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def record() -> list[dict[str, Any]]:
    """For the artifact: each pass of the pipeline that is not of this repository, and what it comes from."""
    by_module = {module_name(path): {"name": path.name, "sha256": digest} for path, digest in _files.items()}
    by_module |= {
        point.module: {"name": point.dist.name, "version": point.dist.version}
        for point in _installed.values()
        if point.dist is not None
    }
    return [
        {"pass": name, "stage": one.stage, "from": by_module.get(one.module, {"name": one.module})}
        for name, one in EXTENSIONS.items()
    ]


def passes_of(made: Mapping[str, Any], stage: str, path: str) -> list[Pass]:
    """The passes of a stage that an artifact was made with, of `made`, its record.

    Raises:
        UsageError: one of another package was not loaded.
    """
    used = {one["pass"]: one["from"] for one in made.get("extensions", ()) if one["stage"] == stage}
    if absent := [f"{name} of {whose['name']}" for name, whose in used.items() if name not in EXTENSIONS]:
        raise UsageError(
            f"'{path}' was made with passes of others, without which it cannot be lowered again: {', '.join(absent)}; "
            f"install them, or give their file with {OPTION}"
        )
    return [one for one in PIPELINE[stage] if one.name not in EXTENSIONS or one.name in used]
