"""Every target by name. To add one: a folder beside this file with a `target.py` whose `TARGET` implements
`target.Target`, and its name below."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dyadic.runtime.errors import UsageError

if TYPE_CHECKING:
    from dyadic.compiler.targets.target import Target

BUILT_IN = ("cpu", "cuda")
_added: dict[str, Target] = {}


def names() -> tuple[str, ...]:
    """What `--target` may say."""
    return (*BUILT_IN, *_added)


def target_of(name: str) -> Target:
    """The target of that name. Raises UsageError."""
    if name in _added:
        return _added[name]
    if name not in BUILT_IN:
        raise UsageError(f"there is no target '{name}'; there are {', '.join(names())}")
    return import_module(f"dyadic.compiler.targets.{name}.target").TARGET


def add(target: Target) -> None:
    """Make a target of another package known under its name."""
    if target.name in names():
        raise UsageError(f"there is a target '{target.name}' already")
    _added[target.name] = target


def remove(name: str) -> None:
    """Forget what `add` made known."""
    del _added[name]
