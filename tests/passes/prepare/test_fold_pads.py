"""Padding inside a layer is what padding before it was."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.fold_pads import fold_pads

FUNCTIONS = lit_functions("prepare", "fold-pads")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(fold_pads, FUNCTIONS[title], tolerance=0)
