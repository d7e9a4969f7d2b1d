"""How what was given to an option is read: each takes the option's name and whatever a user put there.

They answer with the form that the compiler works with, or raise a UsageError that names the option.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import ne
from pathlib import Path
from typing import Any

import numpy as np

from dyadic.compiler.quality.metric import FORM
from dyadic.compiler.quality.metric import parse as parse_metric
from dyadic.compiler.targets.asked import asked_for
from dyadic.compiler.targets.registry import names
from dyadic.runtime.errors import UsageError
from dyadic.runtime.preprocess import FORM as FORM_OF_IMAGES
from dyadic.runtime.preprocess import parse as parse_preprocess


def a_choice(name: str, value: Any) -> Any:
    """One of the field's `choices`; which they are is checked for all such fields at once."""
    return value


def a_target(name: str, value: Any) -> str:
    """Kinds of machines with commas between them, each perhaps with a level."""
    said = value if isinstance(value, str) else ",".join(texts(name, value))
    wrong = [part for part in said.split(",") if part.partition(":")[0].strip() not in names()]
    if wrong:
        raise UsageError(f"{flag(name)} must be one of {', '.join(names())}, not {wrong[0]!r}")
    asked_for(said)
    return said


def a_text(name: str, value: Any) -> str | None:
    """A text; Python users write numbers as numbers."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise UsageError(f"{flag(name)} takes a text, not {value!r}")


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Several texts; one alone is one, not its letters."""
    if isinstance(value, str):
        return (value,)
    try:
        several: tuple[Any, ...] = (value,) if isinstance(value, bytes | bytearray) else tuple(value)
    except TypeError:
        several = (value,)
    if wrong := [one for one in several if not isinstance(one, str)]:
        raise UsageError(f"{flag(name)} takes a text or a list of them, not {wrong[0]!r}")
    return several


def rules(name: str, value: Any) -> tuple[str, ...]:
    """`LAYER=SCHEME`, or a dict of them."""
    if isinstance(value, Mapping):
        value = [f"{layer}={scheme}" for layer, scheme in value.items()]
    return texts(name, value)


def levels(name: str, value: Any) -> tuple[str, ...] | None:
    """Names with commas between them, or a list of names."""
    if value is None or value == "":
        return None
    return texts(name, [one.strip() for one in value.split(",")] if isinstance(value, str) else value)


def a_path(name: str, value: Any) -> Path | None:
    if value is None or isinstance(value, Path):
        return value
    if isinstance(value, str | os.PathLike):
        return Path(os.fsdecode(os.fspath(value)))
    raise UsageError(f"{flag(name)} takes the name of a file or folder, not {value!r}")


def paths(name: str, value: Any) -> tuple[Path, ...]:
    """Several files; one alone is one."""
    if isinstance(value, str | os.PathLike):
        return (Path(os.fsdecode(os.fspath(value))),)
    given = value if isinstance(value, Iterable) else [value]
    return tuple(Path(one) for one in texts(name, [os.fspath(one) if isinstance(one, Path) else one for one in given]))


def yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {value!r}")
    return value


@dataclass(frozen=True)
class Count:
    """A whole number within bounds."""

    least: int
    most: int

    def __call__(self, name: str, value: Any) -> int:
        if isinstance(value, int | np.integer) and not isinstance(value, bool) and self.least <= value <= self.most:
            return int(value)
        raise UsageError(f"{flag(name)} must be a whole number from {self.least} to {self.most}, not {value!r}")


def sizes(name: str, value: Any) -> dict[str, Any] | None:
    """By input, as a dict or as (name, sizes) pairs; several for one input, the largest first."""
    if not value:
        return None
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    given: dict[str, list[tuple[int, ...]]] = {}
    try:
        for input, shape in pairs:
            if isinstance(shape, str):  # whose letters are no sizes
                raise TypeError
            several = isinstance(shape, list | tuple) and shape and all(isinstance(n, list | tuple) for n in shape)
            given.setdefault(str(input), []).extend(map(tuple, shape if several else [shape]))
    except (TypeError, ValueError):
        raise UsageError(f"{flag(name)} takes the sizes of each input by its name, not {value!r}") from None
    for input, shapes in given.items():
        for shape in shapes:
            if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape):
                raise UsageError(f'{flag(name)}: the sizes of "{input}" are whole numbers above 0, not {shape}')
        shapes[:] = sorted(set(shapes), reverse=True)
        if any(len(one) != len(shapes[0]) or sum(map(ne, one, shapes[0])) != 1 for one in shapes[1:]):
            raise UsageError(f'{flag(name)}: several sizes of "{input}" must differ in how many tokens there are alone')
    if len({len(shapes) for shapes in given.values()} - {1}) > 1:
        raise UsageError(f"{flag(name)} gives some inputs more sizes than others: each needs as many, or one")
    return {input: shapes[0] if len(shapes) == 1 else tuple(shapes) for input, shapes in given.items()}


def numbers(name: str, value: Any) -> dict[str, Any] | None:
    """By input, as a dict or as (name, number) pairs: a number, or nested tuples of them."""
    if not value:
        return None
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    given: dict[str, Any] = {}
    try:
        for input, constant in pairs:
            array = np.asarray(constant.item() if hasattr(constant, "item") and np.ndim(constant) == 0 else constant)
            if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
                raise UsageError(f'{flag(name)}: the constant of "{input}" is made of finite numbers, not {constant!r}')
            given[str(input)] = nested(array.tolist())
    except (TypeError, ValueError):
        raise UsageError(f"{flag(name)} takes the number that each input is, by its name, not {value!r}") from None
    return given


def ranges(name: str, value: Any) -> dict[str, tuple[float, float]] | None:
    """By input, as a dict or as (name, (low, high)) pairs."""
    if not value:
        return None
    given: dict[str, tuple[float, float]] = {}
    try:
        for input, (low, high) in value.items() if isinstance(value, Mapping) else value:
            ends = float(low), float(high)
            if not (np.isfinite(np.array(ends, np.float32)).all() and ends[0] < ends[1]):
                raise UsageError(
                    f'{flag(name)}: "{input}" lies between two finite numbers, the lower one first, not '
                    f"{ends[0]:g}:{ends[1]:g}"
                )
            if given.setdefault(str(input), ends) != ends:
                raise UsageError(f'{flag(name)}: "{input}" is said to lie in two ranges: give one')
    except (TypeError, ValueError):
        raise UsageError(f"{flag(name)} takes two numbers for each input, by its name, not {value!r}") from None
    return given


def nested(value: Any) -> Any:
    """Lists as tuples."""
    return tuple(map(nested, value)) if isinstance(value, list) else value


def a_preprocess(name: str, value: Any) -> str | None:
    """A preset, or a text of settings."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise UsageError(f"{flag(name)} takes a text, not {value!r}: {FORM_OF_IMAGES}")
    parse_preprocess(value)
    return value


def a_metric(name: str, value: Any) -> Any:
    if isinstance(value, str):
        parse_metric(value)
    elif value is not None and not callable(value):
        raise UsageError(f"{flag(name)} takes a function or {FORM}, not {value!r}")
    return value


def flag(name: str) -> str:
    """
    >>> flag("max_size")
    '--max-size'
    """
    return f"--{name.replace('_', '-')}"
