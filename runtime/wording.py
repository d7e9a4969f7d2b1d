"""How errors put things: what something is, and which of the known words a misspelt one may have been."""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
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
    found = near(word, known)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def known_names(word: str, known: Iterable[str], most: int = 5) -> str:
    """The same, and where none is near the first few that there are.

    >>> known_names("fold-padz", ["fold-pads", "cse"]), known_names("x", ["fold-pads", "cse"], 1)
    ('; did you mean fold-pads?', '; there are fold-pads and so on')
    """
    names = list(known)
    return did_you_mean(word, names) or f"; there are {', '.join(names[:most])}{' and so on' * (len(names) > most)}"


def near(word: str, known: Iterable[str], most: int = 2, least: float = 0.6) -> list[str]:
    """Those of the known words that a misspelt one may have been: of which it is a part, else those spelled like it.

    least: how alike, from 0 to 1.

    >>> near("Conv", ["/stem/Conv", "cone"], 1), near("w4a9", ["w4a8", "int8"]), near("*", ["a"])
    (['/stem/Conv'], ['w4a8'], [])
    """
    names, part = list(known), word.strip("*").lower()
    whole = [name for name in names if len(part) > 1 and part in name.lower()]
    alike = [name for one in (word, word.lower()) for name in difflib.get_close_matches(one, names, most, least)]
    return list(dict.fromkeys(whole or alike))[:most]


def looks_like(shape: Sequence[int | str], wanted: Sequence[int | str], say: str = "", resized: str = "") -> str:
    """What may be the matter with an array of another shape than [N, *wanted]: the end of a sentence.

    say: what works besides, before the layout that is put for {}. resized: the end for images of another size.

    >>> looks_like((8, 224, 224, 3), (3, 224, 224))
    ': it looks like channels last (NHWC); transpose it with .transpose(0, 3, 1, 2)'
    >>> looks_like((3, 32, 32), (3, 32, 32))
    ': it looks like one sample; give it a first dimension that counts samples, x[None]'
    >>> looks_like((8, 7), (8,))
    ''
    """
    if tuple(shape) == tuple(wanted):
        return ": it looks like one sample; give it a first dimension that counts samples, x[None]"
    each = tuple(shape[1:])
    if not len(wanted) == len(each) == 3:
        return ""
    last = each == (*wanted[1:], wanted[0])
    if last or each == (wanted[2], *wanted[:2]):
        kind, layout, order = ("last (NHWC)", "nchw", "0, 3, 1, 2") if last else ("first (NCHW)", "nhwc", "0, 2, 3, 1")
        return (
            f": it looks like channels {kind}; {say.format(f'layout={layout},')}transpose it with .transpose({order})"
        )
    same = (wanted[0] in (1, 3) and each[0] == wanted[0]) or (wanted[2] in (1, 3) and each[2] == wanted[2])
    return resized if same else ""


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
