"""Lengths by a norm are the roots of sums of squares."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.measure_lengths import measure_lengths

FUNCTIONS = lit_functions("prepare", "measure-lengths")
FUNCTIONS.pop("roots_of_other_means")  # some of which are of negative numbers


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(measure_lengths, FUNCTIONS[title], 2e-6)
