"""Frozen dataclasses as JSON and back: fields by name without those that are None; what is read is held to its type.

What is read comes from a file that anyone may have written. So a wrong type, a missing field and an unknown one are
errors that say where, never a surprise later.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


class WrongRecord(ValueError):
    """What was read is not what it should be; the sentence says where."""


def to_json(value: Any) -> Any:
    """Numbers, texts, lists and dicts."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
        return {name: said for name, said in found.items() if said is not None}
    if isinstance(value, Mapping):
        return {str(name): to_json(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(one) for one in value]
    return value


def from_json(kind: type[Record], value: Any, where: str = "it") -> Record:
    """A record of that kind. Raises WrongRecord."""
    if not isinstance(value, dict):
        raise WrongRecord(f"{where} is no record")
    hints, made = _hints(kind), dict[str, Any]()
    if unknown := [name for name in value if name not in hints]:
        raise WrongRecord(f'{where} has an unknown entry "{unknown[0]}"')
    for one in fields(kind):  # pyright: ignore[reportArgumentType]  # whoever calls gives a dataclass
        if value.get(one.name) is not None:
            made[one.name] = _read(
                hints[one.name], value[one.name], f"{where}.{one.name}" if where != "it" else one.name
            )
        elif one.default is MISSING and one.default_factory is MISSING:
            raise WrongRecord(f'{where} has no "{one.name}"')
    return kind(**made)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return value
    if origin in (Union, types.UnionType):
        kinds = [one for one in arguments if one is not type(None)]
        return _read(kinds[0] if len(kinds) == 1 else type(value) if type(value) in kinds else kinds[0], value, where)
    if is_dataclass(kind):
        return from_json(kind, value, where)  # pyright: ignore[reportArgumentType]
    if origin is tuple:
        if not isinstance(value, list) or (arguments[-1] is not Ellipsis and len(value) != len(arguments)):
            raise WrongRecord(f"{where} is no list as it should be")
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_read(one, each, f"{where}[{i}]") for i, (one, each) in enumerate(zip(kinds, value, strict=True)))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise WrongRecord(f"{where} is no record")
        return {name: _read(arguments[1], one, f'{where}["{name}"]') for name, one in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 1 << 1000 else _wrong(kind, value, where)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        _wrong(kind, value, where)
    return value


def _wrong(kind: Any, value: Any, where: str) -> None:
    raise WrongRecord(f"{where} is {type(value).__name__}, not {kind.__name__}")
