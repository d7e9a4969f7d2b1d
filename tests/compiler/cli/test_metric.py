"""A metric of the user's own from the command line and from Python: in the table, in the limit, in the report."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import DIGITS, report_of

import dyadic
from dyadic.compiler.cli.main import main
from dyadic.compiler.report_schema import Budget
from dyadic.runtime.artifact import open_artifact

MODEL = DIGITS / "digits.onnx"
SOURCE = """
import numpy as np

def ranks(x):
    return x.argsort().argsort()

def rho(outputs, data):
    \"\"\"Spearman's, of how much the network takes an image for a 3 and what somebody said.\"\"\"
    return np.corrcoef(ranks(outputs["logits"][:, 3]), ranks(data["scores"]))[0, 1]

def top2(outputs, data):
    return (np.argsort(outputs["logits"], 1)[:, -2:] == data["labels"]).any(1)

def absent(outputs, data):
    return data["masks"].mean()

def undefined(outputs, data):
    return float("nan")
"""

pytestmark = pytest.mark.usefixtures("short_fronts")


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """Scores that nearly rank the images as the network does, and labels of a shape that accuracy would refuse."""
    data = np.load(DIGITS / "test.npz")
    (tmp_path / "quality.py").write_text(SOURCE)
    scores = (data["labels"] == 3) + 0.3 * np.random.default_rng(0).standard_normal(len(data["labels"]))
    np.savez(tmp_path / "scored.npz", image=data["image"], scores=scores, labels=data["labels"][:, None])
    return tmp_path


@pytest.fixture
def said(calibration: Path, scored: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """(exit code, standard output, standard error) of a compile with a metric of quality.py."""

    def run(metric: str, *words: str | Path) -> tuple[int, str, str]:
        line = ["compile", MODEL, "--calibration", calibration, "-o", scored / "out.dyq", "--isa", "x86-64"]
        line += ["--evaluate", scored / "scored.npz", "--progress", "off", "--sensitivity", "sqnr"]
        code = main([str(word) for word in (*line, "--metric", f"{scored / 'quality.py'}:{metric}", *words)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def made_of(path: Path) -> dict[str, Any]:
    with open_artifact(path) as file:
        return file.made


def test_a_rank_correlation_stands_where_accuracy_stood(said: Any, scored: Path, capsys: Any) -> None:
    code, out, error = said("rho")
    assert (code, error) == (0, "")
    report, made = report_of(scored / "out.dyq"), made_of(scored / "out.dyq")
    c = report.comparison
    assert c is not None and c.metric == "rho" and c.float_accuracy is c.int8_accuracy is c.agreement is None
    assert c.float_metric is not None and c.int8_metric is not None and c.difference is not None
    assert 0.2 < c.float_metric < 0.9 and c.int8_metric == pytest.approx(c.float_metric, abs=0.02)
    change, low, high = astuple(c.difference)
    assert low < change < high and change == pytest.approx(c.int8_metric - c.float_metric)
    row = next(line for line in out.splitlines() if line.lstrip().startswith("rho"))
    assert f"{c.float_metric:.4g}" in row and "95 % interval" in row and "597 samples" in row
    assert "accuracy" not in out and "same class" not in out
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()
    assert made["options"]["metric"] == {"name": "quality.py", "sha256": digest, "function": "rho"}
    assert str(scored) not in json.dumps(made) + json.dumps(report.to_json())
    assert main(["report", str(scored / "out.dyq")]) == 0
    assert re.search(r"of its size, [+-]0\.\d+ of rho\.", " ".join(capsys.readouterr().out.split()))


def test_a_drop_is_one_of_the_metric(said: Any, scored: Path) -> None:
    code, out, error = said("rho", "--max-drop", "0.03")
    assert (code, error) == (0, "")
    report = report_of(scored / "out.dyq")
    s, c = report.selection, report.comparison
    assert s is not None and c is not None
    float_, int8, chosen = s.variants
    assert (chosen.weight_bytes or 0) < (int8.weight_bytes or 0) and chosen.accuracy is None
    assert chosen.metric is not None and float_.metric is not None and chosen.difference is not None
    assert chosen.metric >= float_.metric - 0.03 and chosen.difference.value < 0.03
    assert chosen.metric == c.int8_metric
    assert s.objective == "the smallest network within --max-drop 0.03 by rho"
    assert s.budgets["drop"] == Budget("0.03", 0.03)
    notes = [note for note in s.notes if note.startswith("a plan of ")]
    assert notes and all(" of rho on 597 samples, at most " in n and "; 0.03 is allowed" in n for n in notes)
    assert all(note in " ".join(out.split()) for note in notes) and "; rho changes by " in out
    assert " --max-drop 0.03 --metric quality.py:rho " in report.commands["headline"]


def test_4_a_drop_that_no_plan_can_be_shown_to_keep(said: Any) -> None:
    code, out, error = said("top2", "--max-drop", "0.1%")
    assert code == 4 and not out
    assert error.startswith("dyadic: no plan was found that loses 0.001 of top2 at most: the most precise one loses ")
    assert " of top2 on 597 samples, at most 0.00" in error and "; 0.001 is allowed" in error


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        (
            "absent",
            "metric absent of quality.py failed on the evaluation data: KeyError: 'masks' (quality.py, line 15)",
        ),
        ("undefined", "metric undefined of quality.py returned nan on the evaluation data"),
        ("rhoo", "quality.py has no function 'rhoo'; did you mean rho?"),
        ("np", "'np' in quality.py is no function but of type module"),
        ("rho x", "is not FILE.py:FUNCTION, such as quality.py:top5"),
    ],
)
def test_2_what_is_wrong_with_a_metric_is_said_before_the_long_work(
    said: Any, monkeypatch: pytest.MonkeyPatch, metric: str, sentence: str
) -> None:
    monkeypatch.setattr("dyadic.compiler.driver.calibrate", lambda *_: pytest.fail("that takes long"))
    code, out, error = said(metric)
    assert code == 2 and not out and error.count("\n") == 1
    assert error.startswith("dyadic: ") and sentence in error


def test_2_a_metric_needs_samples_to_judge(calibration: Path, scored: Path, capsys: Any) -> None:
    words = ["compile", MODEL, "--calibration", calibration, "-o", scored / "out.dyq", "--metric"]
    assert main([*map(str, words), f"{scored / 'quality.py'}:rho"]) == 2
    assert "--metric judges the answers to --evaluate data" in capsys.readouterr().err
    assert main([*map(str, words), f"{scored / 'none.py'}:rho", "--evaluate", str(scored / "scored.npz")]) == 6
    assert "none.py' does not exist" in capsys.readouterr().err


def test_2_without_a_metric_labels_are_classes_and_drops_are_points(
    calibration: Path, scored: Path, capsys: Any
) -> None:
    words = ["compile", MODEL, "--calibration", calibration, "-o", scored / "out.dyq", "--progress", "off"]
    words = [*map(str, words), "--evaluate", str(scored / "scored.npz")]
    assert main([*words, "--max-drop", "0.03"]) == 2
    assert "--max-drop '0.03' is no limit; write it as 1%, in percentage points" in capsys.readouterr().err
    assert main([*words, "--isa", "x86-64"]) == 2
    assert "one whole number a sample is needed, the index of the right class" in capsys.readouterr().err


def test_a_function_from_python_is_asked_as_well(calibration: Path) -> None:
    data, asked = np.load(DIGITS / "test.npz"), list[tuple[set[str], set[str]]]()

    def right(outputs: dict[str, np.ndarray], data: dict[str, np.ndarray]) -> np.ndarray:
        asked.append((set(outputs), set(data)))
        return outputs["logits"].argmax(1) == data["labels"]

    given = {"image": data["image"][:100], "labels": data["labels"][:100]}
    artifact = dyadic.compile(MODEL, calibration, evaluate=given, metric=right, isa=("x86-64",))
    said = dyadic.compile(MODEL, calibration, evaluate=given, isa=("x86-64",)).report.comparison
    c = artifact.report.comparison
    assert asked[0] == ({"logits"}, {"labels"}) and c is not None and c.metric == "right"
    assert said is not None and (c.float_metric, c.int8_metric) == (said.float_accuracy, said.int8_accuracy)
    assert c.difference is not None and said.difference is not None
    assert astuple(c.difference) == pytest.approx(astuple(said.difference), abs=0.03)
    assert artifact.made["options"]["metric"] == {"function": "right"}
    assert said.metric is said.float_metric is None


def test_the_help_says_what_a_metric_is() -> None:
    done = subprocess.run([sys.executable, "-m", "dyadic", "compile", "-h"], capture_output=True, text=True, check=True)
    assert "--metric FILE.py:FUNCTION" in done.stdout and "larger is better" in done.stdout
