"""What is sliced early is what was sliced late."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.sink_slices import sink_slices

FUNCTIONS = lit_functions("prepare", "sink-slices")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(sink_slices, FUNCTIONS[title], tolerance=1e-6)
