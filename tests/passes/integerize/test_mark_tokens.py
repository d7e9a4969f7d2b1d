"""What is marked may be shorter: fewer tokens have the same answer from a copy of the network for so many."""

import numpy as np
import pytest
import torch
from torch_mlir import ir

from dyadic.compiler.lengths import shortened
from dyadic.dialects import new_context, qd
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import FloatReference, main_function
from dyadic.passes.integerize.mark_tokens import mark_tokens

TEXT = """
func.func @main(%ids: tensor<1x6xi32>, %m: tensor<1x6xi32>) -> (tensor<1x6x4xf32>, tensor<1x1x4xf32>) {
  %t = "qd.constant"() {value = dense<[[0.5, -1.0, 2.0, 3.0], [1.5, 0.25, -2.0, 1.0]]> : tensor<2x4xf32>}
    : () -> tensor<2x4xf32>
  %p = "qd.constant"() {value = dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]> : tensor<6x1xf32>}
    : () -> tensor<6x1xf32>
  %b = "qd.constant"() {value = dense<[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 0.0, 1.0, 2.0, 3.0, 4.0],
    [2.0, 1.0, 0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0, 1.0, 2.0], [4.0, 3.0, 2.0, 1.0, 0.0, 1.0],
    [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]]> : tensor<6x6xf32>} : () -> tensor<6x6xf32>
  %n = "qd.constant"() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %q = "qd.constant"() {value = dense<0.0> : tensor<1x1x1xf32>} : () -> tensor<1x1x1xf32>
  %k = "qd.constant"() {value = dense<0.0> : tensor<1x6x1xf32>} : () -> tensor<1x6x1xf32>
  %e = "qd.embedding"(%ids, %t) : (tensor<1x6xi32>, tensor<2x4xf32>) -> tensor<1x6x4xf32>
  %x = "qd.add"(%e, %p) : (tensor<1x6x4xf32>, tensor<6x1xf32>) -> tensor<1x6x4xf32>
  %v = "qd.reshape"(%m) : (tensor<1x6xi32>) -> tensor<1x1x6xi32>
  %a = "qd.attention"(%x, %x, %x, %b, %v) {scale = 0.1} : (tensor<1x6x4xf32>, tensor<1x6x4xf32>, tensor<1x6x4xf32>,
    tensor<6x6xf32>, tensor<1x1x6xi32>) -> tensor<1x6x4xf32>
  %y = "qd.attention"(%q, %k, %a, %n, %v) {scale = 1.0} : (tensor<1x1x1xf32>, tensor<1x6x1xf32>, tensor<1x6x4xf32>,
    tensor<1xf32>, tensor<1x1x6xi32>) -> tensor<1x1x4xf32>
  return %a, %y : tensor<1x6x4xf32>, tensor<1x1x4xf32>
}
"""


@pytest.mark.parametrize("length", [1, 3, 5])
def test_fewer_tokens_have_the_same_answer(length: int) -> None:
    """Positions and biases between positions keep their beginnings."""
    with new_context() as context, context:
        module = ir.Module.parse(TEXT)
        mark_tokens.run(module.operation)
        function = main_function(module)
        assert [argument_attributes(function, i)[qd.TOKENS].value for i in range(2)] == [1, 1]
        marks = [argument_attributes(function, i, RESULTS) for i in range(2)]
        assert [qd.TOKENS in each for each in marks] == [True, False]
        random = np.random.default_rng(length)
        ids = torch.from_numpy(random.integers(0, 2, (3, 6)).astype(np.int32))
        mask = (torch.arange(6) < torch.tensor([[1], [length], [max(1, length - 1)]])).int()
        short = shortened(module.operation, length)
        assert short.verify()
        states, mean = FloatReference(module)({"arg0": ids, "arg1": mask}).values()
        fewer, same = FloatReference(short)({"arg0": ids[:, :length], "arg1": mask[:, :length]}).values()
        valid = mask[:, :length] != 0
        assert torch.allclose(states[:, :length][valid], fewer[valid], atol=1e-6)
        assert torch.allclose(mean, same, atol=1e-6)
