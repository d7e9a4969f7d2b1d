"""Imports go one way, `runtime <- dialects <- passes <- compiler`, and running an artifact needs nothing heavy."""

import ast
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from dyadic.runtime.cpu.levels import BY_NAME

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("runtime", "dialects", "passes", "compiler")
HEAVY = ("torch", "torch_mlir", "onnx", "onnxruntime", "llvmlite", "iced_x86", "scipy", "rich", "jinja2", "matplotlib")


def imported(path: Path, *, for_types: bool = True) -> set[str]:
    """Every module that a file imports, wherever in it; without `for_types`, not what only annotations need."""
    names: set[str] = set()
    tree = ast.parse(path.read_text())
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    guarded = {id(inner) for node in guards for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if not for_types and id(node) in guarded:
            continue
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


def rooms() -> dict[str, dict[str, set[str]]]:
    """Who imports whom: folder -> folder it reads -> the files that do. A file beside the folders of a layer (the
    driver, the pipeline, the options) is a room of its own; what one of those needs for annotations alone does not
    count."""
    files = [path for layer in LAYERS for path in (ROOT / layer).rglob("*.py")]
    modules = {".".join(("dyadic", *path.relative_to(ROOT).with_suffix("").parts)): path for path in files}
    modules |= {name.removesuffix(".__init__"): path for name, path in modules.items() if path.name == "__init__.py"}

    def room(path: Path) -> str:
        relative = path.relative_to(ROOT)
        return str(relative if len(relative.parts) == 2 else relative.parent)

    edges: dict[str, dict[str, set[str]]] = {}
    for path in files:
        for name in imported(path, for_types=len(path.relative_to(ROOT).parts) > 2):
            other = modules.get(name) or modules.get(name.rpartition(".")[0])
            if other is not None and room(other) != room(path):
                edges.setdefault(room(path), {}).setdefault(room(other), set()).add(str(path.relative_to(ROOT)))
    return edges


def test_no_two_folders_import_each_other() -> None:
    edges = rooms()
    order: list[str] = []

    def visit(room: str, trail: tuple[str, ...]) -> None:
        if room in trail:
            circle = [*trail[trail.index(room) :], room]
            said = [f"{a} reads {b} in {', '.join(sorted(edges[a][b]))}" for a, b in pairwise(circle)]
            raise AssertionError("folders import each other: " + "; ".join(said))
        if room not in order:
            for other in edges.get(room, {}):
                visit(other, (*trail, room))
            order.append(room)

    for room in edges:
        visit(room, ())


OF_THE_CPU = ("compiler/targets/cpu", "passes/lower/cpu", "runtime/cpu", "runtime/native")
OF_GPUS = ("compiler/targets/cuda", "passes/lower/cuda", "runtime/cuda")
PIPELINE = ROOT / "passes" / "__init__.py"  # every pass of every target is on its page


def outside_of(folders: tuple[str, ...]) -> list[Path]:
    files = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py")) if path != PIPELINE]
    return [path for path in files if not str(path.relative_to(ROOT)).startswith(folders)]


@pytest.mark.parametrize("folders", [OF_THE_CPU, OF_GPUS], ids=["cpu", "cuda"])
def test_nothing_else_imports_what_knows_a_target(folders: tuple[str, ...]) -> None:
    known = tuple(f"dyadic.{folder.replace('/', '.')}" for folder in folders)
    wrong = {
        str(path.relative_to(ROOT)): names
        for path in outside_of(folders)
        if (names := sorted(name for name in imported(path) if f"{name}.".startswith(tuple(f"{k}." for k in known))))
    }
    assert not wrong


def test_nothing_else_names_its_levels() -> None:
    """Not in what it does: examples in docstrings may."""
    level = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, BY_NAME))})(?![\w-])")
    wrong = []
    for path in outside_of(OF_THE_CPU):
        tree = ast.parse(path.read_text())
        said = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body
            if isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
                wrong += [f"{path.relative_to(ROOT)}:{node.lineno} {node.value[:60]}"] * bool(level.search(node.value))
    assert not wrong


def test_the_runtime_needs_numpy_alone() -> None:
    allowed = {"numpy", "dyadic", "setuptools"} | set(sys.stdlib_module_names)  # setuptools: the build backend's
    for path in (ROOT / "runtime").rglob("*.py"):
        more = {"PIL"} if path.name == "pictures.py" else set()  # for images alone, when there are some
        assert {name.split(".")[0] for name in imported(path)} <= allowed | more, path


def test_commands_that_run_artifacts_load_nothing_heavy() -> None:
    program = f"""
import sys
for name in {HEAVY!r}:
    sys.modules[name] = None  # importing it fails
from dyadic.compiler.cli import main as cli
sys.exit(cli.main(["bench", "--help"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--iterations" in done.stdout
