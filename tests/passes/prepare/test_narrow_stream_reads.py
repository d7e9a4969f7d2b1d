"""A stream's readers that multiply get a copy of it, and nothing else changes."""

import pytest
from support.meaning import assert_unchanged, lit_functions

from dyadic.passes.prepare.narrow_stream_reads import narrow_stream_reads

FUNCTIONS = lit_functions("prepare", "narrow-stream-reads")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(narrow_stream_reads, FUNCTIONS[title], tolerance=0)
