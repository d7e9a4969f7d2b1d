"""ONNX's own node tests: what is claimed is right in a case, nothing is wrong, and what is refused is refused by us."""

import json

import numpy as np
import onnx
import pytest

from benchmarks.node_tests.__main__ import RECORD
from benchmarks.node_tests.backend import Dyadic
from benchmarks.node_tests.cases import CLAIMED, Verdict, cases, compared, judged, modules, subject

RECORDED = json.loads(RECORD.read_text())
SLOW = {"attention"}  # hundreds of cases; python -m benchmarks.node_tests tries them, too
MOST = 12  # of one file


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("module", [name for name in modules() if name not in SLOW])
def test_nothing_is_wrong(module: str) -> None:
    for case in cases(module)[:MOST]:
        verdict = judged(case)  # or an exception that is none of ours
        assert verdict.kind != "wrong", f"{case.name}: {verdict.why}"


def test_what_was_right_is_still_claimed() -> None:
    right = {name for name, (count, _) in RECORDED.items() if count}
    assert right <= CLAIMED and len(right) >= 134


def test_a_model_without_a_batch_is_one_image() -> None:
    text = '<ir_version: 8, opset_import: ["" : 13]> main (bool[3] a, bool[2,3] b) => (bool[2,3] y) { y = And(a, b) }'
    a, b = np.array([True, False, True]), np.array([[True, True, False], [False, True, True]])
    (y,) = Dyadic.prepare(onnx.parser.parse_model(text)).run([a, b])
    assert y.dtype == np.bool_ and (y == (a & b)).all()


def test_a_wrong_answer_is_seen() -> None:
    wanted = [np.array([1.0, 2.0], np.float32)]
    assert compared("", [np.array([1.0, 2.0], np.float32)], wanted) == Verdict("right")
    assert compared("", [np.array([1.0, 2.1], np.float32)], wanted).kind == "wrong"
    assert compared("", [np.array([[1.0, 2.0]], np.float32)], wanted).kind == "wrong"
    assert compared("", [np.array([1.0, np.nan], np.float32)], wanted).kind == "wrong"


def test_a_case_is_about_the_operator_that_it_is_named_for() -> None:
    assert {subject(case) for case in cases("relu")} == {"Relu"}
