"""What is given of a quantization is said where a tensor is made; numbers inside the given range do not change."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.take_given import take_given

FUNCTIONS = lit_functions("prepare", "take-given")


@pytest.mark.parametrize("title", ["what_was_moved_is_rounded_before", "the_same_twice_is_once"])
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(take_given, FUNCTIONS[title], tolerance=0)
