"""Events are the same for a program that reads lines and for a function that is given them."""

import json
from typing import Any

import pytest

from dyadic.compiler.in_python import keywords_in_errors
from dyadic.compiler.options import Options
from dyadic.compiler.progress import Progress, make_progress
from dyadic.runtime.errors import UsageError


def work(progress: Progress) -> None:
    with keywords_in_errors():
        with progress.stage("calibrate", 2) as advance:
            advance()
        progress.note("--max-size 0.6x was asked for")
        progress.warn("leave --batch 2 out")
        progress.result("compile", lambda: {"bytes": 7})


def timeless(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in event.items() if name != "seconds"} for event in events]


def test_a_function_is_given_what_is_printed_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    given: list[dict[str, Any]] = []
    work(make_progress(given.append))
    work(make_progress("json"))
    output = capsys.readouterr()
    assert timeless(list(map(json.loads, output.err.splitlines()))) == timeless(given) and not output.out
    assert [event["event"] for event in given] == ["start", "progress", "end", "note", "warning", "result"]
    assert given[1]["seconds"] >= 0 and given[-1] == {"event": "result", "schema": 1, "command": "compile", "bytes": 7}
    assert given[3]["message"] == 'max_size="0.6x" was asked for'


def test_nothing_is_more_than_all_of_it() -> None:
    given: list[dict[str, Any]] = []
    with make_progress(given.append).stage("cost", 3) as advance:
        for _ in range(50):  # a time that is measured may need more rounds than were announced
            advance()
    assert [event["done"] for event in given] == [0, 1, 2, 3, 3]


def test_who_says_nothing_does_not_ask_for_the_result() -> None:
    Progress().result("compile", lambda: pytest.fail("nobody wants to know"))


def test_what_a_function_raises_ends_the_work() -> None:
    def stop(event: dict[str, Any]) -> None:
        raise InterruptedError(event["stage"])

    with pytest.raises(InterruptedError, match="calibrate"):
        work(make_progress(stop))


def test_only_progress_can_be_a_function() -> None:
    assert Options(progress=print).progress is print
    with pytest.raises(UsageError, match="--precision must be one of"):
        Options(precision=print)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="--progress must be one of rich, json, off, not True"):
        Options(progress=True)  # pyright: ignore[reportArgumentType]
