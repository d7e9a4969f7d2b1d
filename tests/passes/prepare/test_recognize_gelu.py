"""GELU by its name is what the arithmetic was."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.recognize_gelu import recognize_gelu

FUNCTIONS = lit_functions("prepare", "recognize-gelu")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(recognize_gelu, FUNCTIONS[title], 2e-6)
