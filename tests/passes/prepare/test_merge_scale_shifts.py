"""Two scale-and-shifts are one, rounded once."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.merge_scale_shifts import merge_scale_shifts

FUNCTIONS = lit_functions("prepare", "merge-scale-shifts")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(merge_scale_shifts, FUNCTIONS[title])
