"""The example's commands, as its page has them, and docs/passes.md's pass."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from support.onnx_models import model

from dyadic.compiler.opt.main import main as opt
from dyadic.passes import PIPELINE
from dyadic.passes.extending import EXTENSIONS
from dyadic.runtime.artifact import open_artifact

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "own_pass"
COMMANDS = re.findall(r"^(dyadic\S*) (.*?)(?:\s{2,}#.*)?$", (EXAMPLE / "README.md").read_text(), re.M)
BODY = "a = Conv <pads=[1,1,1,1]> (x,w,b) e = Exp(a) t = Tanh(e) g = Mul(a,t) y = Conv(g,v,d)"
# in a process of its own: an operator that is defined stays
RUN = """
import sys
from dyadic.compiler.cli.main import main
from dyadic.compiler.opt.main import main as opt
for tool, words in {commands}:
    assert (opt if tool == "dyadic-opt" else main)(words.split()) == 0, words
"""


def test_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in EXAMPLE.glob("*.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    onnx.save(model(BODY, constants={"w": [8, 4, 3, 3], "b": [8], "v": [3, 8, 1, 1], "d": [3]}), "model.onnx")
    np.savez("samples.npz", x=np.random.default_rng(0).normal(0, 1, (16, 4, 7, 6)).astype(np.float32))
    assert len(COMMANDS) == 3
    words = [sys.executable, "-c", RUN.format(commands=COMMANDS)]
    done = subprocess.run(words, env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "recognize-tanh-exp in prepare, of tanh_exp.py" in done.stdout
    with open_artifact("model.dyq") as file:
        steps = [step.op for step in file.programs[0].timed_steps]
    assert len(steps) == 3, f"one table in place of two and a product: {steps}"


def test_its_lit_test() -> None:
    lit = Path(sys.executable).parent / "lit"
    done = subprocess.run([lit, "-q", EXAMPLE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/passes.md: the file, and where it runs."""
    whole, placed = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "passes.md").read_text(), re.M | re.S)
    decorator = re.search(r"^@runs_in.*?(?=\s+#)", placed, re.M)
    assert decorator
    file, text = tmp_path / "mine.py", tmp_path / "clamps.mlir"
    imported = placed.partition("\n\n\n")[0]
    file.write_text(f"{imported}\n{whole}".replace("@module_pass", f"{decorator[0]}\n@module_pass"))
    clamp = '"qd.clamp"(%{x}) {{high = 6.0 : f32, low = 0.0 : f32}} : (tensor<1x8xf32>) -> tensor<1x8xf32>'
    lines = (f"%0 = {clamp.format(x='x')}", f"%1 = {clamp.format(x='0')}", "return %1 : tensor<1x8xf32>")
    text.write_text(f"func.func @f(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {{\n{chr(10).join(lines)}\n}}\n")
    before = PIPELINE["prepare"]
    try:
        assert opt(["--load-passes", str(file), "-p", "merge-equal-clamps", str(text)]) == 0
    finally:
        PIPELINE["prepare"] = before
        EXTENSIONS.pop("merge-equal-clamps", None)
    assert capsys.readouterr().out.count("qd.clamp") == 1
