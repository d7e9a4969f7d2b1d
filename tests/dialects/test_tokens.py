"""Which dimension counts tokens; where they meet, padded ones could reach others."""

import pytest
import torch
from torch_mlir import ir

from dyadic.compiler.calibrate import of_valid_tokens
from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference, make_plan
from dyadic.dialects.tokens import tokens_of

TEXT = """
func.func @main(%ids: tensor<1x6xi32> {{qd.name = "ids"}}, %m: tensor<1x6xi32> {{qd.name = "mask"}}) -> {result} {{
  %t = "qd.constant"() {{value = dense<{table}> : tensor<3x4xf32>}} : () -> tensor<3x4xf32>
  %p = "qd.constant"() {{value = dense<0.5> : tensor<6x4xf32>}} : () -> tensor<6x4xf32>
  %n = "qd.constant"() {{value = dense<0.0> : tensor<1xf32>}} : () -> tensor<1xf32>
  %all = "qd.constant"() {{value = dense<1.0> : tensor<1xf32>}} : () -> tensor<1xf32>
  %q = "qd.constant"() {{value = dense<0.0> : tensor<1x1x4xf32>}} : () -> tensor<1x1x4xf32>
  %k = "qd.constant"() {{value = dense<0.0> : tensor<1x6x4xf32>}} : () -> tensor<1x6x4xf32>
  %e = "qd.embedding"(%ids, %t) : (tensor<1x6xi32>, tensor<3x4xf32>) -> tensor<1x6x4xf32> loc("e")
  %x = "qd.add"(%e, %p) : (tensor<1x6x4xf32>, tensor<6x4xf32>) -> tensor<1x6x4xf32> loc("x")
  %r = "qd.reshape"(%x) : (tensor<1x6x4xf32>) -> tensor<1x6x2x2xf32> loc("r")
  %h = "qd.transpose"(%r) {{permutation = array<i64: 0, 2, 1, 3>}}
    : (tensor<1x6x2x2xf32>) -> tensor<1x2x6x2xf32> loc("h")
  %v = "qd.reshape"(%m) : (tensor<1x6xi32>) -> tensor<1x1x1x6xi32> loc("v")
  %w = "qd.reshape"(%m) : (tensor<1x6xi32>) -> tensor<1x1x6xi32> loc("w")
{body}
}}
"""
ATTENTION = "(tensor<1x2x6x2xf32>, tensor<1x2x6x2xf32>, tensor<1x2x6x2xf32>, tensor<1xf32>, "
BODIES = {
    "masked attention": (
        f'%y = "qd.attention"(%h, %h, %h, %n, %v) {{scale = 1.0}} : {ATTENTION}tensor<1x1x1x6xi32>) -> '
        'tensor<1x2x6x2xf32> loc("y")',
        "tensor<1x2x6x2xf32>",
        2,
    ),
    "attention of all": (
        f'%y = "qd.attention"(%h, %h, %h, %n, %all) {{scale = 1.0}} : {ATTENTION}tensor<1xf32>) -> '
        'tensor<1x2x6x2xf32> loc("y")',
        "tensor<1x2x6x2xf32>",
        "y",
    ),
    "masked mean": (
        '%y = "qd.attention"(%q, %k, %x, %n, %w) {scale = 1.0} : (tensor<1x1x4xf32>, tensor<1x6x4xf32>, '
        'tensor<1x6x4xf32>, tensor<1xf32>, tensor<1x1x6xi32>) -> tensor<1x1x4xf32> loc("y")',
        "tensor<1x1x4xf32>",
        None,
    ),
    "mean of all": (
        '%y = "qd.reduce_mean"(%x) {axes = array<i64: 1>, keep = false} : (tensor<1x6x4xf32>) -> '
        'tensor<1x4xf32> loc("y")',
        "tensor<1x4xf32>",
        "y",
    ),
    "mean of a token": (
        '%y = "qd.reduce_mean"(%h) {axes = array<i64: 1>, keep = false} : (tensor<1x2x6x2xf32>) -> '
        'tensor<1x6x2xf32> loc("y")',
        "tensor<1x6x2xf32>",
        1,
    ),
    "first token": (
        '%y = "qd.slice"(%x) {starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x6x4xf32>) -> '
        'tensor<1x1x4xf32> loc("y")',
        "tensor<1x1x4xf32>",
        None,
    ),
    "last token": (
        '%y = "qd.slice"(%x) {starts = array<i64: 0, 5, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x6x4xf32>) -> '
        'tensor<1x1x4xf32> loc("y")',
        "tensor<1x1x4xf32>",
        "y",
    ),
    "product along tokens": (
        '%z = "qd.transpose"(%x) {permutation = array<i64: 0, 2, 1>} : (tensor<1x6x4xf32>) -> '
        'tensor<1x4x6xf32> loc("z")\n'
        '  %y = "qd.matmul"(%z, %x) : (tensor<1x4x6xf32>, tensor<1x6x4xf32>) -> tensor<1x4x4xf32> loc("y")',
        "tensor<1x4x4xf32>",
        "y",
    ),
    "tokens folded away": (
        '%y = "qd.reshape"(%x) : (tensor<1x6x4xf32>) -> tensor<1x24xf32> loc("y")',
        "tensor<1x24xf32>",
        "y",
    ),
}


def module_of(body: str, result: str) -> ir.Module:
    table = [[0.5, -1.0, 2.0, 3.0], [1.5, 0.25, -2.0, 1.0], [-0.5, 4.0, 0.0, -3.0]]
    text = TEXT.format(result=result, table=table, body=f"  {body}\n  return %y : {result}")
    return ir.Module.parse(text)


@pytest.mark.parametrize("case", BODIES)
def test_axes_and_where_tokens_meet(case: str) -> None:
    """As it says, and as it is: where tokens do not meet, padded ids change no valid token's result."""
    body, result, expected = BODIES[case]
    with new_context() as context, context:
        module = module_of(body, result)
        plan, tokens = make_plan(module), tokens_of(module)
        assert tokens is not None and (tokens.mask, tokens.length) == ("mask", 6)
        (slot,) = plan.results.values()
        assert tokens.of(plan).items() >= {"ids": 1, "x": 1, "r": 1, "h": 2, "v": 3}.items()
        if isinstance(expected, str):
            assert tokens.meeting[slot] == expected
        else:
            assert (tokens.meeting, tokens.axes[slot]) == ({}, expected)
        mask = torch.tensor([[1, 1, 1, 0, 0, 0]], dtype=torch.int32)
        answers = []
        for padded in (0, 1):
            ids = torch.tensor([[2, 1, 0, *[padded] * 3]], dtype=torch.int32)
            answer = next(iter(FloatReference(module)({"ids": ids, "mask": mask}).values()))
            answers.append(answer if isinstance(expected, str | None) else answer.narrow(expected, 0, 3))
        assert torch.equal(*answers) == (not isinstance(expected, str))


def test_valid_tokens_keep_their_other_dimensions() -> None:
    values = torch.arange(24.0).reshape(2, 3, 4)  # [N, channels, tokens]
    valid = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0]]) != 0
    kept = of_valid_tokens(values, 2, valid)
    assert kept.shape == (3, 3, 1)
    assert torch.equal(kept[:, :, 0], torch.stack([values[0, :, 0], values[0, :, 1], values[1, :, 0]]))
