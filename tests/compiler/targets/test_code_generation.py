"""Code of every job is read where it was written; whatever happens to a child is a sentence about its kernel."""

from pathlib import Path

import pytest

from dyadic.compiler.targets import code_generation
from dyadic.compiler.targets.code_generation import CodegenError, Job, generated, write
from dyadic.compiler.targets.maker import End, Jobs

JOBS = [Job(name, "old", "this one") for name in ("first", "second", "third")]


def play(monkeypatch: pytest.MonkeyPatch, *ends: End, lost: str = "") -> list[tuple[str, int]]:
    """Processes that make every job but `lost`, and end like this; what they were asked for."""
    asked: list[tuple[str, int]] = []

    def forked(module: str, parts: list[Jobs], abreast: int, _seconds: float) -> list[End]:
        asked.extend((module, abreast) for _ in parts)
        for job in (job for part in parts for job in part if job["symbol"] != lost):
            write(job, job["symbol"].encode())
        return [*(ends or [(0, "")] * len(parts))]

    monkeypatch.setattr(code_generation, "forked", forked)
    return asked


def test_code_is_found_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play(monkeypatch)
    assert generated("some.module", JOBS, 2) == {job.key: job.symbol.encode() for job in JOBS}
    assert asked == [("some.module", 2)] * 2
    monkeypatch.setattr(code_generation, "MOST_JOBS", 1)
    assert len(generated("some.module", JOBS, 2)) == 3 and asked[2:] == [("some.module", 2)] * 3
    assert len({job.key for job in (*JOBS, Job("first", "new", "this one"), Job("first", "old", "another"))}) == 5


@pytest.mark.parametrize(
    ("end", "lost", "sentence"),
    [
        ((-6, "LLVM ERROR"), "second", r"^code generation of second for old failed \(exit -6\):\nLLVM ERROR$"),
        ((0, ""), "first", r"^code generation of first for old failed \(exit 0\):\n$"),
        ((1, "at the end"), "", r"^code generation of third for old failed \(exit 1\):\nat the end$"),
        ((None, "busy"), "second", r"^code generation of second for old did not finish in 600 s:\nbusy$"),
    ],
)
def test_a_child_that_fails_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, end: End, lost: str, sentence: str
) -> None:
    play(monkeypatch, end, lost=lost)
    with pytest.raises(CodegenError, match=sentence):
        generated("some.module", JOBS, 1)


def test_no_process_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def forked(*_: object) -> list[End]:
        raise OSError("it ends at once")

    monkeypatch.setattr(code_generation, "forked", forked)
    with pytest.raises(CodegenError, match=r"^no code is generated: it ends at once$"):
        generated("some.module", JOBS, 1)


def test_what_has_the_name_is_whole(tmp_path: Path) -> None:
    job = JOBS[0].to_json(tmp_path / "code")
    write(job, b"all of it")
    assert [path.name for path in tmp_path.iterdir()] == ["code"] and (tmp_path / "code").read_bytes() == b"all of it"
