"""Sinking concats changes no result, and no concat of a result is left behind a move that it could pass."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.fold_constants import fold_constants
from dyadic.passes.prepare.sink_concats import joined_dimension, sink_concats

FUNCTIONS = lit_functions("prepare", "sink-concats")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_results_stay(title: str) -> None:
    assert_unchanged(sink_concats, FUNCTIONS[title])


def test_constants_that_are_moved_are_folded_behind_it() -> None:
    from dyadic.passes import PIPELINE

    assert PIPELINE["prepare"].index(sink_concats) < PIPELINE["prepare"].index(fold_constants)
    assert joined_dimension.__doc__
