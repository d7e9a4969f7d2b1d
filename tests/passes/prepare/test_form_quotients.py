"""Products with one over something are quotients, with their meaning."""

import numpy as np
from support.meaning import outputs, parse, run_passes

from dyadic.passes.prepare.form_quotients import form_quotients

PRODUCTS = """func.func @main(%x: tensor<1x4xf32> {qd.name = "x"}, %y: tensor<1x1xf32> {qd.name = "y"})
    -> (tensor<1x4xf32> {qd.name = "p"}, tensor<1x4xf32> {qd.name = "q"}, tensor<1x1xf32> {qd.name = "r"}) {
  %0 = "qd.reciprocal"(%y) : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %1 = "qd.mul"(%x, %0) : (tensor<1x4xf32>, tensor<1x1xf32>) -> tensor<1x4xf32>
  %2 = "qd.mul"(%0, %1) : (tensor<1x1xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1, %2, %0 : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x1xf32>
}"""


def test_quotients_on_either_side_and_a_reciprocal_that_stays() -> None:
    module = run_passes(parse(PRODUCTS), [form_quotients])
    text = str(module)
    assert text.count("qd.div") == 2 and text.count("qd.reciprocal") == 1 and "qd.mul" not in text
    x, y = np.array([[1, -2, 3, 0]], np.float32), np.array([[-0.5]], np.float32)
    for got, want in zip(outputs(module, x, y), (x / y, x / y / y, 1 / y), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)
