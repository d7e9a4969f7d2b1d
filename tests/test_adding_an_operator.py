"""docs/adding-an-operator.md is true: its files, put where it says, compile a model that nothing compiled before."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.onnx_models import model

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "adding-an-operator.md").read_text()
# (language, text) in order: the extension, its use; then the class, the importers' function and the lit case
BLOCKS = re.findall(r"^```(python|mlir)\n(.*?)^```", PAGE, re.M | re.S)
EXTENSION, USE, CLASS, INGEST, LIT = (text for _, text in BLOCKS)

# Compile at three mixtures of widths, from both importers; every answer equals the integer reference of the artifact.
CHECK = """
import numpy as np
import torch
import dyadic
from dyadic.compiler.targets.registry import target_of
from dyadic.dialects import new_context
from dyadic.dialects.reference import IntegerReference
from dyadic.runtime.artifact import open_artifact

class Hyperbolic(torch.nn.Module):
    def forward(self, x):
        return torch.sinh(x)

samples = np.load("samples.npz")["x"]
examples = (torch.from_numpy(samples[:1]),)
for model, precision, more in (
    ("model.onnx", "int8", {}),
    ("model.onnx", "w8a16", {}),
    ("model.onnx", "w4a4", {}),
    (Hyperbolic(), "int8", {"example_inputs": examples}),
):
    dyadic.compile(
        model, calibration="samples.npz", precision=precision, progress="off", isa=("x86-64",), measure=False, **more
    ).save("model.dyq")
    with dyadic.load("model.dyq", threads=1, max_batch=len(samples)) as session:
        (got,) = session.run(None, {"x": samples})
    with open_artifact("model.dyq") as file:
        integer = target_of("cpu").unpack(file, new_context())
    kind = "piecewise_linear" if precision == "w8a16" else "table"
    assert f"qi.{kind}" in str(integer), "a hyperbolic sine is a table, of 16 bits lines"
    (want,) = IntegerReference(integer)({"x": samples}).values()
    np.testing.assert_array_equal(got, want)
"""
OTHERS = """    ("model.onnx", "w8a16", {}),
    ("model.onnx", "w4a4", {}),
    (Hyperbolic(), "int8", {"example_inputs": examples}),
"""
BODY = "a = Conv <pads = [1, 1, 1, 1]> (x, w, b)  c = Sinh (a)  y = Conv (c, v, d)"


def run(folder: Path, tree: Path, code: str) -> str:
    """Python in `folder`, with the package of `tree`."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a model that has a Sinh, and samples."""
    constants = {"w": [5, 4, 3, 3], "b": [5], "v": [3, 5, 1, 1], "d": [3]}
    (tmp_path / "model.onnx").write_bytes(model(BODY, constants=constants).SerializeToString())
    np.savez(tmp_path / "samples.npz", x=np.random.default_rng(0).normal(0, 1, (16, 4, 7, 6)).astype(np.float32))
    return tmp_path


def test_the_extension_compiles_a_model_bit_for_bit(folder: Path) -> None:
    (folder / "hyperbolic.py").write_text(EXTENSION)
    use = USE.replace('progress="off"', 'progress="off", isa=("x86-64",)')
    run(folder, ROOT, use + CHECK)
    assert "**1 file**" in PAGE


@pytest.mark.slow
def test_the_files_of_the_tree_make_a_whole_operator(folder: Path) -> None:
    """In a copy of the tree: what lacks nothing there compiles, and its facts hold."""
    tree = folder / "tree"
    for name in ("compiler", "dialects", "passes", "runtime", "dyadic", "docs", "lit_tests", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    before = contents(tree)
    for path, block in (("dialects/qd/trigonometric.py", CLASS), ("passes/ingest/functions.py", INGEST)):
        with (tree / path).open("a") as file:
            file.write("\n\n" + block)
    edit(tree / "dialects/qd/trigonometric.py", "__all__ = [", '__all__ = [\n    "SinhOp",')
    edit(tree / "lit_tests/dialects/qd-ops.mlir", "  return\n", LIT + "  return\n")
    changed = {path for path, text in contents(tree).items() if text != before[path]}
    assert f"**{len(changed)} files**" in PAGE and all(f"`{path}`" in PAGE for path in changed), changed

    run(tree, tree, "import runpy; runpy.run_path('docs/generate.py', run_name='__main__')")
    operators = "tests/dialects/test_operators.py"
    arguments = ["-q", "-n0", "-k", "(sinh or Sinh) and not asinh and not Asinh", operators]
    told = run(tree, tree, f"import sys, pytest; sys.exit(pytest.main({arguments}))")
    assert "5 passed" in told, told
    run(folder, tree, CHECK.replace(OTHERS, ""))


def contents(tree: Path) -> dict[str, str]:
    """Every file that a person may write."""
    files = [path for path in tree.rglob("*") if path.suffix in (".py", ".mlir", ".md", ".toml") and path.is_file()]
    return {
        str(path.relative_to(tree)): path.read_text() for path in files if "dyadic/" not in str(path.relative_to(tree))
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1))
