"""The fields of programs as JSON: which formats have which, how they are written, and read without mercy."""

import dataclasses
import typing
from contextlib import suppress
from typing import Any

from dyadic.runtime.errors import ArtifactError

OLDEST_FORMAT, FORMAT = 4, 5  # of the file, that this version reads
# Fields that files did not have at first, and the first format whose readers all know them. Files without them mean the
# default, and they are not written where that is meant: older readers take what says nothing new.
# (Of a NamedTuple: those with a default.)
LATER = dict.fromkeys(("given", "tokens", "padding", "last", "batch_axis", "fixed"), 4) | dict.fromkeys(
    ("launches", "mark", "gather", "source", "constants_bytes"), 5
)

# --- writing


def _said(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that are written."""
    every = ((one, getattr(value, one.name)) for one in dataclasses.fields(value))
    return {one.name: said for one, said in every if one.name not in LATER or said != _default(one)}


def _default(field: dataclasses.Field[Any]) -> object:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def encode(value: Any) -> Any:
    """A dataclass, tuple or scalar as JSON, without the fields of `LATER` that say their default."""
    if dataclasses.is_dataclass(value):
        value = _said(value)
    if isinstance(value, dict):
        return {name: encode(item) for name, item in value.items()}
    return [encode(item) for item in value] if isinstance(value, tuple) else value


def format_of(value: Any) -> int:
    """The first format whose readers know all fields that are written of programs."""
    here = [OLDEST_FORMAT]
    if dataclasses.is_dataclass(value):
        value = _said(value)
        here += [LATER.get(name, OLDEST_FORMAT) for name in value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return max([*here, *map(format_of, inside)])


# --- reading


def wrong(where: str, saw: object, expected: str) -> ArtifactError:
    shown = repr(saw)
    return ArtifactError(f"the artifact's {where} is {shown[:80]}, expected {expected}")


def decode(kind: Any, value: Any, where: str) -> Any:
    """JSON to a dataclass, tuple or scalar of type `kind`, refusing anything else."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        every = typing.get_type_hints(kind)
        hints = {one.name: every[one.name] for one in dataclasses.fields(kind)}
        if not isinstance(value, dict) or set(value) | LATER.keys() != set(hints) | LATER.keys():
            saw = sorted(map(str, value)) if isinstance(value, dict) else value
            raise wrong(where, saw, f"the fields {', '.join(hints)}")
        there = {name: hint for name, hint in hints.items() if name in value}
        return kind(**{name: decode(hint, value[name], f"{where}.{name}") for name, hint in there.items()})
    if hasattr(kind, "_fields"):
        fewest, most = len(kind._fields) - len(kind._field_defaults), len(kind._fields)
        if not isinstance(value, list | tuple) or not fewest <= len(value) <= most:
            raise wrong(where, value, f"a list of {', '.join(kind._fields)}")
        hints = typing.get_type_hints(kind)
        return kind(*(decode(hints[n], item, f"{where}.{n}") for n, item in zip(kind._fields, value, strict=False)))
    if typing.get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise wrong(where, value, "a mapping")
        item_kind = typing.get_args(kind)[1]
        return {str(name): decode(item_kind, item, f"{where}['{name}']") for name, item in value.items()}
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise wrong(where, value, "a list")
        item_kind = typing.get_args(kind)[0]
        return tuple(decode(item_kind, item, f"{where}[{i}]") for i, item in enumerate(value))
    if kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):  # of whole numbers
                return float(value)
        raise wrong(where, value, "a number")
    if kind is int or kind is bool or kind is str:
        if type(value) is kind:
            return value
        raise wrong(where, value, f"of type {kind.__name__}")
    if type(value) in (str, int):  # str | int, of shapes
        return value
    raise wrong(where, value, "a name or a number")
