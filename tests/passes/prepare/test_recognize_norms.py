"""A normalization by its name is what the arithmetic was."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.recognize_norms import recognize_norms

FUNCTIONS = lit_functions("prepare", "recognize-norms")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(recognize_norms, FUNCTIONS[title], 2e-6)
