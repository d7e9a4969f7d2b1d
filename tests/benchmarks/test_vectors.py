"""ONNX's quantization vectors: all of them are there, and a part of each kind is right."""

from functools import cache
from typing import Any

import pytest

from benchmarks.node_tests.vectors import judged, vectors

pytestmark = [pytest.mark.filterwarnings("ignore")]  # onnx computes its cases' infinities


@cache
def cases() -> dict[str, Any]:
    return {case.name.removeprefix("test_"): case for case in vectors()}


def test_there_are_as_many_as_onnx_has() -> None:
    assert len(cases()) == 193
    assert sum(not name.startswith("cast") for name in cases()) == 45


def test_casts_are_computed_bit_for_bit() -> None:
    kinds = {judged(case)[0] for name, case in cases().items() if name.startswith("cast")}
    assert kinds == {"exact"}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("qlinearconv", "exact"),
        ("qlinearmatmul_2D_int8_float32", "exact"),
        ("qlinearmatmul_3D_uint8_float32", "exact"),
        ("quantizelinear", "exact"),
        ("dequantizelinear", "exact"),
        ("dequantizelinear_axis", "exact"),
        ("dequantizelinear_blocked", "exact"),
        ("dequantizelinear_uint2", "exact"),
        ("dequantizelinear_int16", "within a step"),
        ("dequantizelinear_e5m2", "refused"),
        ("convinteger_with_padding", "exact"),
        ("matmulinteger", "exact"),
        ("quantizelinear_axis", "refused"),
    ],
)
def test_what_becomes_of(name: str, wanted: str) -> None:
    kind, why = judged(cases()[name])
    assert kind == wanted, why
