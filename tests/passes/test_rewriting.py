"""A pattern that never ends is stopped."""

from typing import Any

import pytest
from support.meaning import parse

from dyadic.dialects import qd
from dyadic.passes.rewriting import Pattern, rewrite


def clamped(op: Any, x: Any) -> Any:
    return qd.ClampOp(x=x, low=op.low, high=op.high, out=op.out.type)


def by_itself(op: Any, rewriter: Any) -> None:
    with rewriter.ip, op.location:
        rewriter.replace_op(op, clamped(op, op.x).operation)


def by_two(op: Any, rewriter: Any) -> None:
    with rewriter.ip, op.location:
        rewriter.replace_op(op, clamped(op, clamped(op, op.x).out).operation)


def by_nothing(op: Any, rewriter: Any) -> None:
    return None


@pytest.mark.parametrize("pattern", [by_itself, by_two, by_nothing])
def test_rewriting_gives_up(pattern: Pattern) -> None:
    module = parse("""
        func.func private @declared(tensor<1xf32>) -> tensor<1xf32>
        func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
          %0 = "qd.clamp"(%x) {low = 0.0 : f32, high = 1.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
          return %0 : tensor<1x4xf32>
        }
    """)
    with module.context, pytest.raises(RuntimeError, match="converge"):
        rewrite(module.operation, (qd.ClampOp, pattern))
