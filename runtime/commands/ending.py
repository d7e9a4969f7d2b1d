"""How a command ends: one sentence on standard error where something is wrong, an exit code of `runtime/errors.py`."""

import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any

from dyadic.runtime.errors import (
    INTERNAL_ERROR,
    DyadicError,
    FileError,
    ResourceError,
    UsageError,
    printable,
)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
EVERYTHING = "dyadic[compile]"  # what has all packages of all commands


def ended(words: Sequence[str], run: Callable[[], object]) -> int:
    """Run one command, of these words; the process ends with what this returns."""
    debug = "--debug" in words
    if not debug:
        sys.excepthook = one_sentence
    interrupts = Interrupts()
    try:
        with interrupts, plain_warnings():
            refuse_empty(words)
            run()
            if sys.stdout is not None:
                sys.stdout.flush()  # whether all could be written is said here, and not by Python at its end
        return 0
    except KeyboardInterrupt as interrupt:
        return fail(f"{interrupts.said}; {str(interrupt) or 'nothing was written'}", interrupts.exit_code)
    except MemoryError:
        return fail("out of memory; close other programs or use a smaller --batch", ResourceError.exit_code)
    except DyadicError as error:
        if debug:
            traceback.print_exc()
        return fail(str(error), error.exit_code)
    except ModuleNotFoundError as missing:
        if (sentence := not_installed(missing, command_of(words))) is None:
            raise
        if debug:
            traceback.print_exc()
        return fail(sentence, UsageError.exit_code)
    except BrokenPipeError:
        leave_standard_output()  # whoever read our output has seen enough
        return 0
    except OSError as error:
        if error.filename is None and folder_is_gone():
            return fail("the current folder is not there any more: change into another", FileError.exit_code)
        if error.filename is not None or error.errno not in FULL:  # files of ours are FileErrors by now
            raise
        leave_standard_output()
        return fail(f"standard output cannot be written: {error.strerror}", FileError.exit_code)


def folder_is_gone() -> bool:
    """Whether somebody has removed the current folder."""
    try:
        os.getcwd()
        return False
    except FileNotFoundError:
        return True


def leave_standard_output() -> None:
    """What is still to be written to it goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def refuse_empty(words: Sequence[str]) -> None:
    """An empty word is a variable of the user's shell that is not set; as a path it would be the current folder.

    >>> refuse_empty(["run", "m.dyq", "--input", ""])
    Traceback (most recent call last):
    dyadic.runtime.errors.UsageError: --input is followed by an empty text: is a variable of the shell not set?
    """
    for before, word in zip(("", *words), words, strict=False):
        if not word:
            where = f"{before} is followed by" if before.startswith("-") else "one of the arguments is"
            raise UsageError(f"{where} an empty text: is a variable of the shell not set?")
        if word.startswith("--") and word.find("=") == len(word) - 1:
            raise UsageError(f"{word} is followed by an empty text: is a variable of the shell not set?")


def command_of(words: Sequence[str]) -> str:
    """
    >>> command_of(["--debug", "compile", "m.onnx"]), command_of([])
    ('dyadic compile', 'dyadic')
    """
    return " ".join(["dyadic", *[word for word in words if not word.startswith("-")][:1]])


def not_installed(missing: ModuleNotFoundError, what: str) -> str | None:
    """What to install for `what`; None where a module of our own is missing, which is a mistake of ours."""
    name = (missing.name or "").partition(".")[0]
    if name in ("", "dyadic"):
        return None
    return f"{what} needs the package '{name}', which is not installed; try: pip install '{EVERYTHING}'"


def fail(sentence: str, code: int) -> int:
    print(f"dyadic: {printable(sentence)}", file=sys.stderr, flush=True)
    return code


def one_sentence(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """The end of an internal error, in place of a traceback."""
    notes = "; ".join(getattr(error, "__notes__", []))
    said = " ".join(str(error).split())[:500]
    fail(
        f"internal error, please report it: {kind.__name__}: {said}{f'; {notes}' if notes else ''}; "
        "--debug shows where it happened",
        INTERNAL_ERROR,
    )


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Our warnings are sentences, without the place in our code that says them."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if category is RuntimeWarning:
                print(f"dyadic: {message}", file=sys.stderr, flush=True)
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = show
        yield


class Interrupts(AbstractContextManager[None]):
    """Whatever escapes after Ctrl-C or SIGTERM is an interrupt: extension modules make errors of their own of it."""

    def __init__(self) -> None:
        self.seen: signal.Signals | None = None
        self.before: dict[signal.Signals, Any] = {}

    @property
    def said(self) -> str:
        return "ended by SIGTERM" if self.seen == signal.SIGTERM else "interrupted"

    @property
    def exit_code(self) -> int:
        """As a shell says it of the signal."""
        return 128 + (self.seen or signal.SIGINT)

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():  # only there may handlers be set
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.interrupt)

    def interrupt(self, number: int, _frame: object) -> None:
        if number == signal.SIGTERM and self.seen == number:
            return  # programs as timeout send it twice: to the process and to its group
        self.seen = signal.Signals(number)
        raise KeyboardInterrupt

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for number, before in self.before.items():
            signal.signal(number, before)
        if error is not None and self.seen and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(*getattr(error, "__notes__", ())[:1]) from error
