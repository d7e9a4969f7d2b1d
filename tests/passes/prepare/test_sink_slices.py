"""What is sliced early is what was sliced late."""

import re

import pytest
from support.meaning import assert_unchanged, lit_functions, parse

from dyadic.dialects.reference import make_plan
from dyadic.passes.prepare.sink_slices import sink_slices

FUNCTIONS = lit_functions("prepare", "sink-slices")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_result_is_the_same(title: str) -> None:
    assert_unchanged(sink_slices, FUNCTIONS[title], tolerance=1e-6)


def test_layers_keep_their_names() -> None:
    """A slice in front of a layer has the name of the user's slice."""
    text = FUNCTIONS["the_last_block_computes_one_row"]
    text = re.sub(r'("qd.(\w+)".*)', lambda found: f'{found[1]} loc("{found[2]}")', text)
    module = parse(text)
    sink_slices.run(module.operation)
    names = [step.name for step in make_plan(module).steps]
    assert {"attention", "add", "layer_norm", "slice", "slice#2"} <= {*names}
    assert not {"attention#2", "add#2", "layer_norm#2", "linear#3"} & {*names}
