"""Plan files: every layer's widths as JSON that a person may edit, and the reason and the prediction beside them.

    {"dyadic_plan": 1, "model": {"sha256": "..."},
     "layers": {"conv1": "w4g32a8", "relu": "a8"}, "why": {"conv1": "..."}, "predicted": {"bytes": 262144}}

Only "dyadic_plan" and "layers" must be there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dyadic.compiler.widths.rules import Groups
from dyadic.compiler.widths.scheme import Layer, Scheme, parse
from dyadic.runtime.atomic_file import replacing
from dyadic.runtime.errors import FileError, UsageError
from dyadic.runtime.file_kinds import similar_files
from dyadic.runtime.whole_file import whole
from dyadic.runtime.wording import known_names

VERSION = 1
MOST_BYTES = 256 << 20
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """`layers`: what it says of each; the rest is for people and reports."""

    layers: Mapping[str, Scheme]
    model: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    predicted: Mapping[str, Any] = field(default_factory=dict)


def write_plan(plan: Plan, path: str | os.PathLike[str], order: Sequence[str]) -> None:
    """order: the layers as in the network; the file's are in that order, others behind."""
    place = {name: i for i, name in enumerate(order)}

    def ordered(given: Mapping[str, T]) -> dict[str, T]:
        return dict(sorted(given.items(), key=lambda item: place.get(item[0], len(place))))

    text = {
        "dyadic_plan": VERSION,
        "model": dict(plan.model),
        "layers": {name: str(scheme) for name, scheme in ordered(plan.layers).items()},
        "why": ordered(plan.why),
        "predicted": dict(plan.predicted),
    }
    content = json.dumps(text, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as file, os.fdopen(os.dup(file), "w", encoding="utf-8") as written:
        written.write(content)


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """The plan in a file.

    Raises:
        FileError: it cannot be read.
        UsageError: it is no plan, or names a scheme that does not exist.
    """
    try:
        raw = whole(Path(path), MOST_BYTES)
    except OSError as error:
        near = similar_files(path) if isinstance(error, FileNotFoundError) else ""
        raise FileError(f"cannot read plan '{path}': {error.strerror}{near}") from error
    try:
        text = json.loads(raw, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # bad UTF-8 is a ValueError, too
        raise UsageError(f"plan '{path}' is not JSON that can be read: {error}") from None
    if not isinstance(text, dict) or text.get("dyadic_plan") != VERSION or isinstance(text["dyadic_plan"], bool):
        raise UsageError(f"'{path}' is no plan: it must be an object with \"dyadic_plan\": {VERSION}")
    known = ("dyadic_plan", "layers", "model", "why", "predicted")
    for key, value in text.items():
        if key not in known:
            raise UsageError(f"plan '{path}' has an unknown entry \"{key}\"{known_names(key, known)}")
        if key != "dyadic_plan" and not isinstance(value, dict):
            raise UsageError(f"plan '{path}': \"{key}\" must be an object")
        if key in ("layers", "model", "why"):
            for name, said in value.items():
                if not isinstance(said, str):
                    raise UsageError(f'plan \'{path}\': "{name}" in "{key}" must be a text, not {json.dumps(said)}')
    if "layers" not in text:
        raise UsageError(f"plan '{path}' says nothing: it has no \"layers\"")
    layers: dict[str, Scheme] = {}
    for name, scheme in text["layers"].items():
        try:
            layers[name] = parse(scheme)
        except UsageError as error:
            raise UsageError(f"plan '{path}', layer \"{name}\": {error}") from None
    return Plan(layers, text.get("model", {}), text.get("why", {}), text.get("predicted", {}))


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A layer that is there twice would silently be the last."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f'"{next(name for name in names if names.count(name) > 1)}" is there twice')
    return entries


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


@dataclass(frozen=True)
class Resolved:
    """Every layer's whole scheme, in network order; `defaulted`: those that the plan said nothing or not all about."""

    schemes: Mapping[str, Scheme]
    defaulted: tuple[str, ...]


def resolve(plan: Plan, layers: Sequence[Layer], default: Scheme) -> Resolved:
    """The plan for the layers of a model.

    Raises:
        UsageError: it names a layer that is not there, or weights where there are none.
    """
    known = {layer.name: layer for layer in layers}
    for name, scheme in plan.layers.items():
        if name not in known:
            raise UsageError(f'the plan names layer "{name}", which the model has not{known_names(name, [*known])}')
        if scheme.weights and not known[name].weights:
            raise UsageError(
                f'the plan says {scheme} of layer "{name}", which has no weights; {Scheme(bits=8)} would do'
            )
    schemes, defaulted = {}, []
    for layer in layers:
        said = plan.layers.get(layer.name, Scheme())
        schemes[layer.name] = said.over(layer.default(default))
        if schemes[layer.name] != said:
            defaulted.append(layer.name)
    return Resolved(schemes, tuple(defaulted))


def shared(plan: Plan, groups: Groups, part: Callable[[Scheme], T | None], what: str) -> list[T | None]:
    """For each group of layers that must agree, what the plan says of those that it names; None where of none.

    part: what of a scheme is shared, such as `lambda s: s.bits`; what: its name for the error.

    Raises:
        UsageError: two layers of a group disagree.
    """
    return [agreed(plan.layers, group, part, what) for group in groups]


def agreed(
    layers: Mapping[str, Scheme], group: Iterable[str], part: Callable[[Scheme], T | None], what: str
) -> T | None:
    first: tuple[str, T] | None = None
    for name in group:
        said = part(layers.get(name, Scheme()))
        if said is None:
            continue
        if first and first[1] != said:
            raise UsageError(
                f'the plan says {layers[first[0]]} of layer "{first[0]}" and {layers[name]} of layer "{name}", '
                f"which share {what}; say the same of both, or only of one"
            )
        first = first or (name, said)
    return first and first[1]
