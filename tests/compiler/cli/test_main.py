"""The command as a whole: what it prints beside its results."""

import warnings

import pytest

from dyadic.runtime.commands.ending import plain_warnings


def test_warnings_are_sentences_without_a_place_in_our_code(capsys: pytest.CaptureFixture[str]) -> None:
    with plain_warnings():
        warnings.simplefilter("default")
        warnings.warn("one image mixes with another", RuntimeWarning, stacklevel=1)
    assert capsys.readouterr().err == "dyadic: one image mixes with another\n"
