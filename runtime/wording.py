"""How errors put things: what something is, and which of the known words a misspelt one may have been."""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from dyadic.runtime.errors import UsageError

P = ParamSpec("P")
Made = TypeVar("Made")


def kind_of(value: object) -> str:
    """The type of what was given in the place of something else, with its article.

    >>> kind_of(7), kind_of([])
    ('an int', 'a list')
    """
    if value is None or isinstance(value, bytes | bytearray):
        return "None" if value is None else "bytes"
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a word that is none of those known, empty where none is near.

    >>> did_you_mean("presicion", ["precision", "plan"]), did_you_mean("x", ["precision"])
    ('; did you mean precision?', '')
    """
    names = list(known)
    near = list(dict.fromkeys(m for one in (word, word.lower()) for m in difflib.get_close_matches(one, names, 2, 0.6)))
    return f"; did you mean {' or '.join(near)}?" if near else ""


def suggesting(function: Callable[P, Made]) -> Callable[P, Made]:
    """Keywords that the function has not are refused with those that are near."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*given: P.args, **keywords: P.kwargs) -> Made:
        for name in keywords:
            if name not in signature.parameters:
                known = did_you_mean(name, signature.parameters)
                raise UsageError(f"{function.__name__} has no option {name!r}{known}")
        return function(*given, **keywords)

    return checked
