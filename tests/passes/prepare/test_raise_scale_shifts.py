"""A scale and shift means the same before and behind a move."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.raise_scale_shifts import raise_scale_shifts

FUNCTIONS = lit_functions("prepare", "raise-scale-shifts")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(raise_scale_shifts, FUNCTIONS[title], 2e-6)
