"""A sum of weights that is known need not divide."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.skip_known_sums import skip_known_sums

FUNCTIONS = lit_functions("prepare", "skip-known-sums")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(skip_known_sums, FUNCTIONS[title], 2e-6)
