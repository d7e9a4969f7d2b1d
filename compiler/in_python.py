"""The entry from Python: a function with the parameters of a dataclass; what it says speaks of keywords, not of flags.

Whoever writes a message writes it as one would type it, `--max-size 0.6x`; this is the one place that turns it into
`max_size="0.6x"`, for errors and warnings of a call.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import Field, fields
from typing import Any, ParamSpec, TypeVar

from dyadic.runtime.errors import DyadicError, UsageError
from dyadic.runtime.wording import did_you_mean

P = ParamSpec("P")
Made = TypeVar("Made")
VALUE = "|".join(  # as options have them: quoted, NAME=SCHEME, with a digit or *, a number, a file
    (
        r"'[^']*'",
        r'"[^"]*"',
        r"none\b",
        r"[\w./*-]+=[^\s,;:)]*[^\s,;:).]",
        r"[\w.:/*-]*[\d*/][\w.:/*%-]*[\w*%]",
        r"\d+%?",
        r"[\w/-][\w./-]*\.\w[\w:.-]*\b",
    )
)
FLAG = re.compile(rf"(?<![\w-])--([a-z][a-z-]*[a-z])\b(?: ({VALUE}|[\w-]+\b))?")
_known: dict[str, Field[Any]] = {}  # what functions of ours are called with
_calls: ContextVar[bool] = ContextVar("calls", default=False)


def called_as(kind: Callable[P, Any]) -> Callable[[Callable[..., Made]], Callable[P, Made]]:
    """Give a function the signature of a dataclass, with `help()` of each field: what can be said is written once."""

    def dressed(function: Callable[..., Made]) -> Callable[P, Made]:
        signature = inspect.signature(kind)
        function.__signature__ = signature.replace(  # pyright: ignore[reportFunctionMemberAccess]  # inspect's own name
            return_annotation=inspect.signature(function).return_annotation
        )
        _known.update({one.name: one for one in fields(kind)})  # pyright: ignore[reportArgumentType]  # a dataclass
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{documented(kind)}"
        return function

    return dressed


def check_call(name: str, kind: Any, asked: tuple[object, ...], keywords: dict[str, Any]) -> None:
    """Refuse what `kind` has no field for, as the function of that name is called.

    Raises:
        UsageError: a keyword that there is not, twice the same, too many, or none where one is needed.
    """
    parameters = inspect.signature(kind).parameters
    if unknown := [one for one in keywords if one not in parameters]:
        raise UsageError(f"{name} has no option {unknown[0]!r}{did_you_mean(unknown[0], parameters)}")
    try:
        inspect.signature(kind).bind(*asked, **keywords)
    except TypeError as error:
        raise UsageError(f"{name}: {error}; it is called as {name}(model, calibration, option=...)") from None


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
    """Errors and warnings of the block, in the words of a call: `max_size="0.01x" cannot be met`."""
    before = _calls.set(True)
    try:
        yield
    except DyadicError as error:
        error.args = tuple(in_keywords(one) if isinstance(one, str) else one for one in error.args)
        raise
    finally:
        _calls.reset(before)


def for_the_user(sentence: str) -> str:
    """A sentence in keywords where Python called, as it is where somebody typed a command."""
    return in_keywords(sentence) if _calls.get() else sentence


def in_keywords(sentence: str) -> str:
    """
    >>> in_keywords("--max-size 0.01x cannot be met; dyadic-opt -p x, a --- b")
    'max_size="0.01x" cannot be met; dyadic-opt -p x, a --- b'
    >>> in_keywords("leave --precision w4a8 out, or --keep 'fc*=w8'; --strict: --evaluate data")
    'leave precision="w4a8" out, or keep="fc*=w8"; strict=True: evaluate data'
    >>> in_keywords("say --calibration none: then none is needed")
    'say calibration="none": then none is needed'
    >>> in_keywords("give --constant sr=16000 and --shape x=1x3, as `dyadic compile --batch 2`")
    'give constant={"sr": 16000} and shape={"x": (1, 3)}, as `dyadic compile --batch 2`'
    """
    parts = sentence.split("`")  # commands in between stay commands
    return "`".join(part if i % 2 else FLAG.sub(_keyword, part) for i, part in enumerate(parts))


def _keyword(found: re.Match[str]) -> str:
    name, value = found[1].replace("-", "_"), found[2]
    field = _known.get(name)
    if isinstance(getattr(field, "default", None), bool):
        return f"{name}=True" + (f" {value}" if value else "")
    if value is None:
        return name
    choices = field.metadata.get("choices", ()) if field is not None else ()
    if value not in choices and not re.fullmatch(VALUE, value):
        return f"{name} {value}"  # the next word of the sentence
    if value[0] in "'\"":
        value = value[1:-1]
    left, equals, right = value.rpartition("=")
    if name == "constant" and equals:
        return f'{name}={{"{left}": {right}}}'
    if name == "shape" and equals:
        sizes = right.replace("x", ", ")
        return f'{name}={{"{left}": ({sizes}{"," * ("x" not in right)})}}'
    if name == "input_range" and equals:
        return f'{name}={{"{left}": ({right.replace(":", ", ")})}}'
    if field is not None and isinstance(field.default, int) and value.isdecimal():
        return f"{name}={value}"
    return f'{name}="{value}"'
