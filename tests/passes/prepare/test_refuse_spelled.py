"""What has no name is refused; what has one passes."""

import pytest
from support.meaning import lit_functions, operations, parse, run_passes

from dyadic.passes import usual
from dyadic.passes.prepare.refuse_spelled import refuse_spelled
from dyadic.runtime.errors import ModelError


def test_leftovers_are_refused_by_their_layers() -> None:
    text = lit_functions("prepare", "refuse-spelled")["leftovers"]
    with pytest.raises(
        ModelError,
        match=r'^2 operators .*\n  2 x masked, first "scores": .*attention only',
    ):
        refuse_spelled.run(parse(text).operation)


def test_attention_that_was_named_passes() -> None:
    text = lit_functions("prepare", "recognize-attention")["one_scale_behind_the_product"]
    assert operations(run_passes(parse(text), usual("prepare"))) == ["transpose", "attention"]
