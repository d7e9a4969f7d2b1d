"""Order, and merging equal ops, changes no result."""

import pytest
from support.meaning import assert_unchanged, lit_functions, operations, parse, run_passes

from dyadic.passes.prepare.order_operations import order_operations

FUNCTIONS = lit_functions("prepare", "order-operations")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(order_operations, FUNCTIONS[title], tolerance=0)


def test_the_order_does_not_depend_on_who_wrote_the_graph() -> None:
    """Two ways of writing x -> tanh(x) + sigmoid(x) down give one text."""
    lines = [
        '%a = "qd.tanh"(%x) : (tensor<1x2xf32>) -> tensor<1x2xf32>',
        '%b = "qd.sigmoid"(%x) : (tensor<1x2xf32>) -> tensor<1x2xf32>',
        '%c = "qd.tanh"(%b) : (tensor<1x2xf32>) -> tensor<1x2xf32>',
        '%d = "qd.add"(%a, %c) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>',
    ]
    texts = set()
    for order in ([0, 1, 2, 3], [1, 0, 2, 3], [1, 2, 0, 3]):
        body = "\n".join(lines[i] for i in order)
        text = f"func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {{\n{body}\nreturn %d : tensor<1x2xf32>\n}}"
        texts.add(str(run_passes(parse(text), [order_operations])))
    assert len(texts) == 1


def test_a_network_deeper_than_pythons_stack() -> None:
    chain = "\n".join(f'%{i + 1} = "qd.tanh"(%{i}) : (tensor<1x2xf32>) -> tensor<1x2xf32>' for i in range(3000))
    text = f"func.func @main(%0: tensor<1x2xf32>) -> tensor<1x2xf32> {{\n{chain}\nreturn %3000 : tensor<1x2xf32>\n}}"
    assert len(operations(run_passes(parse(text), [order_operations]))) == 3000
