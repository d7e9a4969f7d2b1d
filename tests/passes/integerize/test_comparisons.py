"""A comparison of integers of two scales is that of the numbers that they stand for."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support.meaning import parse, run_passes

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import known_activation
from dyadic.passes import PIPELINE

GREATER = """func.func @main(%a: tensor<1x256xf32> {{qd.range = array<f64: {a}>}},
                             %b: tensor<1x256xf32> {{qd.range = array<f64: {b}>}}) -> tensor<1x256xf32> {{
  %0 = "qd.{op}"(%a, %b) {{qd.range = array<f64: {out}>}}
    : (tensor<1x256xf32>, tensor<1x256xf32>) -> tensor<1x256xf32>
  return %0 : tensor<1x256xf32>
}}"""


def integer_op(op: str, a: str, b: str, out: str, kind: type) -> tuple[Any, Any]:
    """(module, the op of a kind that the pair became)."""
    module = run_passes(parse(GREATER.format(op=op, a=a, b=b, out=out)), PIPELINE["integerize"])
    body = main_function(module).regions[0].blocks[0].operations
    return module, next(each.opview for each in body if isinstance(each.opview, kind))


@pytest.mark.parametrize(
    ("a", "b"), [("0.0, 2.55", "-1.28, 1.27"), ("-3.0, 4.0", "0.0, 0.7"), ("-1.0, 1.0", "-1.0, 1.0")]
)
def test_every_pair_of_steps_is_compared_as_its_numbers_are(a: str, b: str) -> None:
    module, op = integer_op("greater", a, b, "0.0, 1.0", qi.AddOp)
    assert module is not None
    kinds = [known_activation(value) for value in (op.a, op.b)]
    x, y = np.meshgrid(np.arange(256), np.arange(256))
    got = op.evaluate(x.astype(np.uint8), y.astype(np.uint8))
    left, right = ([Fraction(k.scale) * (q - k.zero_point) for q in range(256)] for k in kinds)
    near = max(Fraction(k.scale) for k in kinds) / (1 << 5)  # 255 steps of the larger scale off by 2^-14 each
    for i in range(0, 256, 3):
        for j in range(256):
            if left[j] == right[i] or abs(left[j] - right[i]) > near:
                assert got[i, j] == (left[j] > right[i]), (left[j], right[i])


def test_the_larger_of_two_is_one_of_them_in_the_result_s_steps() -> None:
    module, op = integer_op("max", "-1.0, 1.0", "-4.0, 0.5", "-1.0, 1.0", qi.MaxOp)
    assert module is not None and op.a.type == op.b.type == op.out.type
    a, b = np.array([[0, 3, 255]], np.uint8), np.array([[1, 2, 9]], np.uint8)
    assert op.evaluate(a, b).tolist() == [[1, 3, 255]]


def test_what_is_whole_has_steps_of_one() -> None:
    module, op = integer_op("greater", "0.0, 2.55", "-1.28, 1.27", "0.0, 1.0", qi.DequantizeOp)
    kind = known_activation(op.x)
    assert module is not None and (kind.scale, kind.zero_point) == (1.0, 0)
