"""Softmax by its name is what the arithmetic was."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.recognize_softmax import recognize_softmax

FUNCTIONS = lit_functions("prepare", "recognize-softmax")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(recognize_softmax, FUNCTIONS[title], 2e-6)
