"""A command as data, so that one with its options is written once, whatever reads the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from dyadic.runtime.session import MAX_THREADS

Kind = Literal["text", "path", "count", "flag"]


@dataclass(frozen=True)
class Option:
    """`flag` is what is typed, `dest` the parameter of the function where that is called otherwise.

    least, most: of a count. choices: the words of a text that is one of some.
    """

    flag: str
    help: str
    kind: Kind = "text"
    metavar: str | None = None
    default: Any = None
    required: bool = False
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    dest: str = ""
    said: bool = True  # whether the function is told

    @property
    def name(self) -> str:
        """Of the parameter.

        >>> Option("--max-batch", "").name
        'max_batch'
        """
        return self.dest or self.flag.removeprefix("--").replace("-", "_")


@dataclass(frozen=True)
class Command:
    """`arguments` are files, by the name that help gives them; `run` has a parameter for each and for every option."""

    name: str
    summary: str
    run: Callable[..., None]
    arguments: tuple[str, ...]
    options: tuple[Option, ...]

    @property
    def help(self) -> str:
        return self.run.__doc__ or self.summary


THREADS = Option(
    "--threads", "native threads (default: by the work of one image)", "count", "N", least=1, most=MAX_THREADS
)
ISA = Option("--isa", "force an instruction set level", metavar="LEVEL")
DEVICE = Option(
    "--device", "cpu, cuda, cuda:1 (default: the processor, where ARTIFACT has a program for it)", metavar="NAME"
)
DEBUG = Option("--debug", "show tracebacks", "flag", said=False)  # `ending.py` looks for it
JSON = Option("--json", "print JSON", "flag", dest="as_json")
PROGRESS = Option(
    "--progress",
    "json: the result as an event, too, a line on standard error",
    choices=("off", "json"),
    default="off",
)
