"""Moves with and without dimensions of 1 put numbers in the same places."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.tidy_moves import tidy_moves

FUNCTIONS = lit_functions("prepare", "tidy-moves")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(tidy_moves, FUNCTIONS[title], 2e-6)
