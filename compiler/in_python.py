"""The entry from Python: a function with the parameters of a dataclass; its errors speak of keywords, not of flags."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, ParamSpec, TypeVar

from dyadic.runtime.errors import DyadicError

P = ParamSpec("P")
Made = TypeVar("Made")
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])\b")


def called_as(kind: Callable[P, Any]) -> Callable[[Callable[..., Made]], Callable[P, Made]]:
    """Give a function the signature of a dataclass, with `help()` of each field: what can be said is written once."""

    def dressed(function: Callable[..., Made]) -> Callable[P, Made]:
        signature = inspect.signature(kind)
        function.__signature__ = signature.replace(  # pyright: ignore[reportFunctionMemberAccess]  # inspect's own name
            return_annotation=inspect.signature(function).return_annotation
        )
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{documented(kind)}"
        return function

    return dressed


def documented(kind: Any) -> str:
    """One entry a field that has a sentence for `--help`, with its choices."""
    entries = []
    for one in fields(kind):
        if "help" in one.metadata:
            choices = one.metadata.get("choices")
            said = f"{one.name}: {one.metadata['help']}" + (f" ({', '.join(choices)})" if choices else "")
            entries.append(textwrap.fill(in_keywords(said), 116, subsequent_indent="    ", break_on_hyphens=False))
    return "\n".join(entries)


@contextmanager
def keywords_in_errors() -> Iterator[None]:
    """Errors of the block, in the words of a call: "max_size 0.01x cannot be met"."""
    try:
        yield
    except DyadicError as error:
        error.args = tuple(in_keywords(one) if isinstance(one, str) else one for one in error.args)
        raise


def in_keywords(sentence: str) -> str:
    """
    >>> in_keywords("--max-size 0.01x cannot be met; dyadic-opt -p x, a --- b")
    'max_size 0.01x cannot be met; dyadic-opt -p x, a --- b'
    """
    return FLAG.sub(lambda found: found[1].replace("-", "_"), sentence)
