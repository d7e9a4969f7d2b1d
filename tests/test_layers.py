"""Imports go one way, `runtime <- dialects <- passes <- compiler`, and running an artifact needs nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("runtime", "dialects", "passes", "compiler")
HEAVY = ("torch", "torch_mlir", "onnx", "onnxruntime", "llvmlite", "iced_x86", "scipy", "rich", "jinja2", "matplotlib")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_itself_and_what_is_below(layer: str) -> None:
    above = {f"dyadic.{name}" for name in LAYERS[LAYERS.index(layer) + 1 :]}
    for path in (ROOT / layer).rglob("*.py"):
        for name in imported(path):
            assert ".".join(name.split(".")[:2]) not in above, f"{path.relative_to(ROOT)} imports {name}"


def test_the_runtime_needs_numpy_alone() -> None:
    allowed = {"numpy", "dyadic", "setuptools"} | set(sys.stdlib_module_names)  # setuptools: the build backend's
    for path in (ROOT / "runtime").rglob("*.py"):
        assert {name.split(".")[0] for name in imported(path)} <= allowed, path


def test_commands_that_run_artifacts_load_nothing_heavy() -> None:
    program = f"""
import sys
for name in {HEAVY!r}:
    sys.modules[name] = None  # importing it fails
from dyadic.compiler import cli
sys.exit(cli.main(["bench", "--help"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--iterations" in done.stdout
