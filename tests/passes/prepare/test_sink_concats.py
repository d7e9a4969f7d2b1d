"""Sinking concats changes no result, and no concat of a result is left behind a move that it could pass."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.sink_concats import joined_dimension, sink_concats

FUNCTIONS = lit_functions("prepare", "sink-concats")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_results_stay(title: str) -> None:
    assert_unchanged(sink_concats, FUNCTIONS[title])


def test_the_pass_is_the_first_of_its_stage() -> None:
    """Constants are moved, too, and folded after it."""
    from dyadic.passes import PIPELINE

    assert PIPELINE["prepare"][0] is sink_concats
    assert joined_dimension.__doc__
