"""A mean has one form and one value."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.regularize_pooling import regularize_pooling

FUNCTIONS = lit_functions("prepare", "regularize-pooling")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(regularize_pooling, FUNCTIONS[title])
