"""A part of what is joined is the same, taken before or behind."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.slice_parts import slice_parts

FUNCTIONS = lit_functions("prepare", "slice-parts")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(slice_parts, FUNCTIONS[title], 0)
