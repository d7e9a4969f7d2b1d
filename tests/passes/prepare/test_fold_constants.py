"""What depends on constants only is computed as the reference would."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.fold_constants import fold_constants

FUNCTIONS = lit_functions("prepare", "fold-constants")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(fold_constants, FUNCTIONS[title])
