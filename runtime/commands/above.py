"""What only the compiler can do, for commands that may be asked for it. Nothing else in the runtime looks up there."""

from importlib import import_module
from types import ModuleType


def of_compiler(name: str) -> ModuleType:
    """A module of the compiler, by its name there. Raises ModuleNotFoundError where a package of its is missing."""
    return import_module(f"dyadic.compiler.{name}")
