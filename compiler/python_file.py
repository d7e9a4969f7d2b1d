"""A Python file of the user's, run as a module: a metric, passes."""

import sys
from pathlib import Path
from types import ModuleType

from dyadic.runtime.errors import DyadicError, FileError, UsageError
from dyadic.runtime.file_kinds import similar_files
from dyadic.runtime.whole_file import whole

MOST_BYTES = 16 << 20


def read(path: Path, what: str) -> bytes:
    """`what` names the file in messages, as `--metric quality.py:top5`.

    Raises:
        FileError: there is no such file, or it cannot be read.
    """
    try:
        return whole(path, MOST_BYTES)
    except FileNotFoundError:
        raise FileError(f"{what}: the file '{path}' does not exist{similar_files(path)}") from None
    except OSError as error:
        raise FileError(f"{what}: '{path}' cannot be read: {error.strerror or error}") from error


def run(path: Path, text: bytes, name: str, what: str) -> ModuleType:
    """The file as the module `name`. It is compiled here, so that nothing is written beside it.

    Raises:
        UsageError: running it fails; `what` names the file. What it says itself of dyadic's errors stays.
    """
    module = ModuleType(name)
    module.__file__ = str(path)
    before = sys.modules.get(name)
    sys.modules[name] = module  # where dataclasses look for their own module
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except DyadicError:
        withdraw(name, before)
        raise
    except (Exception, SystemExit) as error:  # whatever a user's own code may raise
        withdraw(name, before)
        raise UsageError(f"{what} '{path}' cannot be run: {said(error)}") from error
    return module


def withdraw(name: str, before: ModuleType | None) -> None:
    """Have no half of a module imported by others."""
    sys.modules.pop(name, None)
    if before is not None:
        sys.modules[name] = before


def said(error: BaseException) -> str:
    """
    >>> said(KeyError("masks")), said(ZeroDivisionError())
    ("KeyError: 'masks'", 'ZeroDivisionError')
    """
    words = " ".join(str(error).split())[:300]
    return type(error).__name__ + (f": {words}" if words else "")
