"""Passes of other packages get their place in the pipeline, or a sentence that says why not."""

from collections.abc import Iterator

import pytest
from torch_mlir import ir

from dyadic.passes import PIPELINE
from dyadic.passes.extending import EXTENSIONS, runs_in
from dyadic.passes.rewriting import module_pass
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import known_names


@pytest.fixture(autouse=True)
def pipeline() -> Iterator[None]:
    before, known = dict(PIPELINE), dict(EXTENSIONS)
    yield
    PIPELINE.update(before)
    EXTENSIONS.clear()
    EXTENSIONS.update(known)


@module_pass
def do_nothing(module: ir.Operation) -> None:
    """Do nothing."""


def names(stage: str) -> list[str]:
    return [one.name for one in PIPELINE[stage]]


def test_a_pass_stands_where_it_says() -> None:
    usual = names("prepare")
    runs_in("prepare", before="fold-pads")(do_nothing)
    assert names("prepare").index("do-nothing") == usual.index("fold-pads")
    runs_in("prepare", after="fold-pads")(do_nothing)  # run again: it moves
    assert names("prepare").index("do-nothing") == usual.index("fold-pads") + 1
    runs_in("prepare")(do_nothing)
    assert names("prepare") == [*usual, "do-nothing"]


def test_the_proof_stays_last() -> None:
    runs_in("integerize")(do_nothing)
    assert names("integerize")[-2:] == ["do-nothing", "verify-integer"]
    with pytest.raises(UsageError, match="cannot run after verify-integer"):
        runs_in("integerize", after="verify-integer")(do_nothing)


@pytest.mark.parametrize(
    ("stage", "place", "said"),
    [
        ("prepar", {}, "there is no stage 'prepar'; did you mean prepare"),
        ("prepare", {"before": "fold-pad"}, "prepare has no pass 'fold-pad'; did you mean fold-pads"),
        ("prepare", {"before": "fold-pads", "after": "fold-pads"}, "say one of them"),
    ],
)
def test_what_is_not_there_is_said(stage: str, place: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        runs_in(stage, **place)(do_nothing)
    assert "do-nothing" not in EXTENSIONS


def test_names_are_not_taken_twice() -> None:
    @module_pass
    def fold_pads(module: ir.Operation) -> None:
        """Not that one."""

    with pytest.raises(UsageError, match=r"'fold-pads' of .*test_extending has a name that is taken"):
        runs_in("prepare")(fold_pads)
    with pytest.raises(UsageError, match="put @module_pass below it"):
        runs_in("prepare")(len)  # pyright: ignore[reportArgumentType]
    assert known_names("x", ["a"]) == "; there are a"
