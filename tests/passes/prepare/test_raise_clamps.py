"""A clamp means the same before and behind moves."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.raise_clamps import raise_clamps

FUNCTIONS = lit_functions("prepare", "raise-clamps")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(raise_clamps, FUNCTIONS[title], 0)
