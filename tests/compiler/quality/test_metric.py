"""A metric of the user's own: where it is found, what it is asked, and one sentence for whatever goes wrong."""

import doctest
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyadic.compiler.quality import metric
from dyadic.compiler.quality.metric import FORM, Metric, load_metric
from dyadic.runtime.errors import FileError, UsageError

OUTPUTS = {"logits": np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 2.0]])}
DATA = {"labels": np.array([[0], [1]], np.uint8), "names": np.array(["a", "b"])}
SOURCE = """
from __future__ import annotations
from dataclasses import dataclass
import numpy as np

@dataclass
class Best:
    count: int

BEST = Best(2)

def top2(outputs, data):
    best = np.argsort(outputs["logits"], 1)[:, -BEST.count:]
    return (best == data["labels"]).any(1).mean()

def broken(outputs, data):
    rows = outputs["logits"]
    return rows[data["masks"]]

number = 3
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "quality.py"
    path.write_text(SOURCE)
    return path


def test_a_function_of_a_file_is_asked_for_everything_at_once(source: Path) -> None:
    found = load_metric(f"{source}:top2")
    assert found(OUTPUTS, DATA, 2) == 0.5 and str(found) == "metric top2 of quality.py"
    assert found.record == {
        "name": "quality.py",
        "sha256": hashlib.sha256(SOURCE.encode()).hexdigest(),
        "function": "top2",
    }
    assert [path.name for path in source.parent.iterdir()] == ["quality.py"], "nothing is written beside it"


def test_a_function_from_python_has_its_name_and_no_file() -> None:
    class Scored:
        def __call__(self, outputs: Any, data: Any) -> float:
            return 1.0

    def rho(outputs: Any, data: Any) -> float:
        return 1.0

    assert [load_metric(one).name for one in (rho, lambda o, d: 1.0, Scored())] == ["rho", "metric", "Scored"]
    assert load_metric(rho).record == {"function": "rho"}


@pytest.mark.parametrize(
    ("returned", "value"),
    [
        (1, 1.0),
        (np.float32(0.5), 0.5),
        (np.array(-3.25), -3.25),
        (True, 1.0),
        (np.array([True, False]), [1.0, 0.0]),
        ([3, 4], [3.0, 4.0]),
    ],
)
def test_a_number_or_one_a_sample_is_an_answer(returned: Any, value: Any) -> None:
    seen = Metric("m", lambda outputs, data: returned)(OUTPUTS, DATA, 2)
    assert seen.dtype == np.float64 and seen.tolist() == value


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "metric m returned None on the evaluation data; a number is needed, larger is better"),
        ("0.9", "metric m returned str on"),
        ({}, "metric m returned dict on"),
        (1 + 2j, "metric m returned complex on"),
        (np.ones(3), "metric m returned an array of shape [3] on the evaluation data; a number is needed, larger is "
                     "better, or one for each of the 2 samples"),
        (np.ones((2, 1)), "metric m returned an array of shape [2, 1] on"),
        (float("nan"), "metric m returned nan on the evaluation data; it needs to be a finite number for any samples"),
        (np.array([1.0, np.inf]), "metric m returned inf on"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_said(returned: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Metric("m", lambda outputs, data: returned)(OUTPUTS, DATA, 2)
    assert str(caught.value).startswith(said)


def test_what_a_function_raises_is_said_with_its_place_and_what_it_was_given(source: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_metric(f"{source}:broken")(OUTPUTS, DATA, 2, drawn=True)
    assert str(caught.value) == (
        "metric broken of quality.py failed on samples drawn from the evaluation data, with repetitions: KeyError: "
        """'masks' (quality.py, line 18); it was given the outputs "logits" float64 [2, 3] and the data """
        '"labels" uint8 [2, 1], "names" <U1 [2]'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ValueError('not\\ntoday')", "cannot be run: ValueError: not today"),
        ("import no_such_module", "cannot be run: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f(:", "cannot be run: SyntaxError: invalid syntax (quality.py, line 1)"),
        ("import sys; sys.exit('bye')", "cannot be run: SystemExit: bye"),
        ("\0", "cannot be run: SyntaxError: source code"),
    ],
)
def test_a_file_that_cannot_be_run_is_said_to_be_so(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "quality.py").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_metric(f"{tmp_path / 'quality.py'}:f")
    assert f"the metric's file '{tmp_path / 'quality.py'}' {said}" in str(caught.value)


def test_names_that_there_are_not(source: Path, tmp_path: Path) -> None:
    for name, said in [
        ("top3", "quality.py has no function 'top3'; did you mean top2?"),
        ("miou", "quality.py has no function 'miou'; it has Best, top2, broken"),
        ("number", "'number' in quality.py is no function but of type int"),
    ]:
        with pytest.raises(UsageError) as caught:
            load_metric(f"{source}:{name}")
        assert str(caught.value) == said
    with pytest.raises(FileError, match=r"none\.py' does not exist"):
        load_metric(f"{tmp_path / 'none.py'}:f")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        load_metric(f"{tmp_path / 'folder.py'}:f")


@pytest.mark.parametrize("text", ["quality.py", "quality.py:", ":top2", "quality:top2", "q.py:a b", "q.py:a.b", ""])
def test_what_is_no_file_and_function_says_how_it_is_written(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_metric(text)
    assert str(caught.value) == f"--metric '{text}' is not {FORM}"


def test_doctests() -> None:
    done = doctest.testmod(metric)
    assert done.attempted and not done.failed
