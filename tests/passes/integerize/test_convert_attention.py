"""What attention's constants become: biases in steps of scores, masks, the refusals."""

from fractions import Fraction

import numpy as np
import pytest
from torch_mlir import ir

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects import new_context
from dyadic.passes.integerize.convert_attention import bias_steps, context_multiplier, without_masks
from dyadic.passes.integerize.integerize import integerize
from dyadic.runtime.errors import ModelError

STEP = Fraction(1, 1000)
ROOM = 1 << 29


def test_what_is_the_same_along_a_row_goes() -> None:
    bias = np.array([[3.0, 3.0, 3.0], [1.0, 0.5, 1.0]])
    assert bias_steps(bias, STEP, 100, ROOM).tolist() == [[0, 0, 0], [0, -500, 0]]
    assert bias_steps(np.full((4, 1), 7.0), STEP, 100, ROOM).tolist() == [0]


def test_a_bias_that_leaves_no_weight_is_as_good_as_any_lower() -> None:
    """Scores 100 steps apart: from ln(2^10) + 100 steps below on, the weight is 0 whatever the scores are."""
    steps = bias_steps(np.array([[0.0, -6.0, -7.1, -9000.0]]), STEP, 100, ROOM)[0]
    assert steps[:2].tolist() == [0, -6000] and steps[2] == steps[3] > -7100
    rule = softmax.distances(STEP, 1 << 20)
    for first, second in ((0, 100), (100, 0), (0, 0)):
        for b in (int(steps[2]), -(10**6)):
            scores = np.array([[first, second + b]], np.int64)
            assert softmax.weights(scores, np.ones(2), rule)[0].tolist() == [[255, 0]]
    assert bias_steps(np.array([[0.0, -9.0]]), Fraction(1, 10**9), 100, ROOM).tolist() == [[0, -ROOM]]


def test_masks_among_biases() -> None:
    """Minus infinity always; -10000 where its row has something else, and is not all there is."""
    inf = np.inf
    bias, never = without_masks(np.array([[0.0, -inf, 2.0], [-1e4, -1e4, -1e4], [-1e9, 5.0, 1.0], [-inf, -inf, -inf]]))
    assert never.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0], [1, 1, 1]]
    assert bias.tolist() == [[0.0, 2.0, 2.0], [-1e4, -1e4, -1e4], [5.0, 5.0, 1.0], [0.0, 0.0, 0.0]]


def test_shifts_leave_room_for_the_sum() -> None:
    assert context_multiplier(Fraction(1), 197) == (1 << 30, 30)
    m, s = context_multiplier(Fraction(1, 1 << 20), 197)  # 255 * 197 has a logarithm of 15
    assert s + 15 == 62 and Fraction(m, 1 << s) == Fraction(1, 1 << 20)


NETWORK = """
!x = tensor<1xNx4xf32>
func.func @main(%x: !x {R}, %c: tensor<1xNxNxf32> {R}) -> !x {
  %b = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %v = "qd.constant"() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = "qd.attention"(%x, %x, %x, %BIAS, %VALID) {scale = 0.5 : f64, R}
    : (!x, !x, !x, KIND, FLAGS) -> !x loc("/attend")
  return %0 : !x
}"""


def converted(keys: int, bias: str, kind: str, valid: str = "v", flags: str = "tensor<1xf32>") -> None:
    text = NETWORK.replace("VALID", valid).replace("FLAGS", flags)
    text = text.replace("BIAS", bias).replace("KIND", kind).replace("xNx", f"x{keys}x").replace("xNxf", f"x{keys}xf")
    with new_context():
        integerize.run(ir.Module.parse(text.replace("R}", "qd.range = array<f64: -1.0, 1.0>}")).operation)


def test_what_is_refused() -> None:
    with pytest.raises(
        ModelError, match="/attend: adds to its scores what the model computes; attention adds constants"
    ):
        converted(3, "c", "tensor<1x3x3xf32>")
    with pytest.raises(ModelError, match="/attend: attention over 32897 keys of 4 numbers could leave 32-bit sums"):
        converted(32897, "b", "tensor<1xf32>")
    with pytest.raises(ModelError, match="/attend: which keys are valid is computed for each query"):
        converted(3, "b", "tensor<1xf32>", "c", "tensor<1x3x3xf32>")
