"""What is written as one would type it comes out as one would call it."""

import doctest
import warnings

import pytest

import dyadic
from dyadic.compiler import in_python
from dyadic.compiler.in_python import in_keywords, keywords_in_errors
from dyadic.compiler.progress import Progress


def test_doctests() -> None:
    assert dyadic.compile  # knows what options there are
    done = doctest.testmod(in_python)
    assert done.attempted and not done.failed


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("leave --solver out", "leave solver out"),
        ("no --resume", "no resume=True"),
        ("another --observer leaves it out", "another observer leaves it out"),
        ("--observer min-max keeps it", 'observer="min-max" keeps it'),
        ("--exclude /a/b matches", 'exclude="/a/b" matches'),
        ("--metric a.py:f: no file", 'metric="a.py:f": no file'),
        ("use a smaller --batch 4.", "use a smaller batch=4."),
        ("--max-size 0.01x and --max-latency 12ms", 'max_size="0.01x" and max_latency="12ms"'),
        ("as --shape sr=1", 'as shape={"sr": (1,)}'),
    ],
)
def test_words_of_messages(typed: str, called: str) -> None:
    assert in_keywords(typed) == called


def test_warnings_of_a_call_speak_of_keywords_too() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        Progress().warn("--precision w8a16 helps")
        with keywords_in_errors():
            Progress().warn("--precision w8a16 helps")
    assert [str(one.message) for one in seen] == ["--precision w8a16 helps", 'precision="w8a16" helps']
