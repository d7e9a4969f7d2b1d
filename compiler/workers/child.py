"""What a worker does: it opens what tasks read once, and computes one task at a time.

`python -m dyadic.compiler.workers.child` reads tasks from standard input and writes what they give to standard output,
each a length and a pickle, until there are no more; `children.py` is at the other end of both. Where nobody is there
any more, it ends at once.
"""

from __future__ import annotations

import os
import pickle
import select
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from dyadic.compiler.keep.handed import Handed
from dyadic.compiler.workers import parcel
from dyadic.compiler.workers.memory import keep_freed_memory
from dyadic.compiler.workers.one_thread import one_thread
from dyadic.compiler.workers.processors import one_processor
from dyadic.compiler.workers.workers import Sent

LENGTH = 8  # bytes that say how long a message is
MOST_OPEN = 4  # of what tasks read; a search has two at a time

HANDED = Handed()  # what was handed to this process, and what it has to hand to others

_turn = threading.Lock()  # a worker of Dask has several threads; MLIR, and the number of threads, are the process's
_handing = threading.Lock()
_open: OrderedDict[str, Any] = OrderedDict()


def compute(task: Callable[..., Any], sent: Sequence[Sent], argument: object) -> Any:
    """What a task gives, in this process, which is a worker."""
    one_processor()
    keep_freed_memory()
    with _turn, one_thread():
        return task(*map(opened, sent), argument)


def compute_with(
    handed: Mapping[str, bytes], task: Callable[..., Any], sent: Sequence[Sent], argument: object
) -> tuple[Any, dict[str, bytes]]:
    """The same where code is handed from process to process; the second is what became known here."""
    with _handing:
        HANDED.put(handed)
        before = HANDED.count
        return compute(task, sent, argument), HANDED.since(before)


def is_open(sent: Sent) -> bool:
    """Whether this process has it already."""
    return sent.sha256 in _open


def opened(sent: Sent) -> Any:
    """What tasks read, by what is in the file."""
    if sent.sha256 in _open:
        _open.move_to_end(sent.sha256)
        return _open[sent.sha256]
    while len(_open) >= MOST_OPEN:
        _open.popitem(last=False)
    _open[sent.sha256] = sent.open(parcel.read(sent.path))
    return _open[sent.sha256]


def read_message(file: BinaryIO) -> bytes | None:
    """None where there are no more, or half of one."""
    said = file.read(LENGTH)
    if len(said) < LENGTH:
        return None
    length = int.from_bytes(said, "little")
    message = file.read(length)
    return message if len(message) == length else None


def write_message(file: BinaryIO, message: bytes) -> None:
    file.write(len(message).to_bytes(LENGTH, "little"))
    file.write(message)
    file.flush()


def answer(message: bytes) -> bytes:
    """(whether it went well, the result or what was raised) as a pickle."""
    try:
        function, args, kwargs = pickle.loads(message)
        return pickle.dumps((True, function(*args, **kwargs)), 5)
    except BaseException as error:  # whatever it is, it is raised where the task was asked for
        error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        return pickle.dumps((False, error), 5)


def end_with(file: BinaryIO) -> None:
    """End this process when nobody can write to the pipe any more; a task at hand is for nobody."""
    gone = select.poll()
    gone.register(file, 0)
    gone.poll()
    os._exit(1)


def main() -> None:
    asked, told = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    threading.Thread(target=end_with, args=(asked,), daemon=True).start()
    os.dup2(2, 1)  # what libraries print is no answer
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    while (message := read_message(asked)) is not None:
        write_message(told, answer(message))


if __name__ == "__main__":
    from dyadic.compiler.workers import child  # pickles name this module, not __main__

    child.main()
    sys.exit()
