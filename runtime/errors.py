"""Everything that can be wrong for a user, by exit code.

A message is one sentence: what is wrong, where in the user's model or files, what was seen, what would work.
Mistakes of our own raise ordinary exceptions instead and end with exit code 1.
"""

from collections.abc import Mapping

INTERNAL_ERROR = 1


def printable(text: str) -> str:
    r"""The text without what a terminal would obey: names in files of strangers may hold anything.

    Line ends stay; what has no picture is written as in Python.

    >>> printable("conv\x1b[2J\n")
    'conv\\x1b[2J\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


class DyadicError(Exception):
    """Something that the user can act on."""

    exit_code = INTERNAL_ERROR

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(DyadicError):
    """A wrong option, a wrong argument, or data that do not fit the model."""

    exit_code = 2


class ModelError(DyadicError):
    """The model is broken, not finite, or uses what is not supported."""

    exit_code = 3


class BudgetError(DyadicError):
    """No plan meets the budget; the nearest one was written. `plan`: its scheme of every layer."""

    exit_code = 4

    def __init__(self, sentence: str, plan: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.plan = dict(plan or {})


class SearchInterrupted(KeyboardInterrupt):
    """A search ended by the user. `plan`: the best so far, its scheme of every layer."""

    def __init__(self, plan: Mapping[str, str]) -> None:
        super().__init__()
        self.plan = dict(plan)


class ArtifactError(DyadicError):
    """The artifact is damaged, inconsistent, or of another format version."""

    exit_code = 5


class FileError(DyadicError):
    """A file is missing or unreadable, cannot be written, or the disk is full."""

    exit_code = 6


class MachineError(DyadicError):
    """This machine cannot run it."""

    exit_code = 7


class ResourceError(DyadicError):
    """A limit on memory, time or size was reached."""

    exit_code = 8
