"""Parts of a projection are what they were as slices of it."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.split_projections import split_projections

FUNCTIONS = lit_functions("prepare", "split-projections")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(split_projections, FUNCTIONS[title], 2e-6)
