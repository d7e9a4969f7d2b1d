"""Ops that go have changed nothing."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.remove_identities import remove_identities

FUNCTIONS = lit_functions("prepare", "remove-identities")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(remove_identities, FUNCTIONS[title], tolerance=0)
