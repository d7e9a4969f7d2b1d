"""The command line where nothing but numpy is installed: the commands that run artifacts, and what the others need."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from dyadic.runtime.commands.bench import BENCH
from dyadic.runtime.commands.declared import Command, Option
from dyadic.runtime.commands.ending import EVERYTHING, ended
from dyadic.runtime.commands.evaluate import EVALUATE
from dyadic.runtime.commands.inspect import INSPECT
from dyadic.runtime.commands.run import RUN
from dyadic.runtime.commands.verify import VERIFY
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import did_you_mean

COMMANDS = {one.name: one for one in (RUN, EVALUATE, BENCH, INSPECT, VERIFY)}
NEED_MORE = {
    "compile": "Compile MODEL, an ONNX file, to an artifact.",
    "compare": "List what each layer of ARTIFACT loses against the float MODEL.",
    "export": "Write ARTIFACT as an ONNX file with quantizations (QDQ).",
    "report": "Say what was chosen for ARTIFACT, and how good, small and fast it is.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the process ends with what this returns."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    return ended(words, lambda: run(words))


def run(words: Sequence[str]) -> None:
    """The command that the words name, with the options behind it."""
    rest = [word for word in words if word != "--debug"]
    name = rest[0] if rest else "--help"
    if name in ("-h", "--help"):
        print(overview())
    elif name == "--version":
        from dyadic import __version__

        print(f"dyadic, version {__version__}")
    elif name in COMMANDS:
        call(COMMANDS[name], rest[1:])
    elif name in NEED_MORE:
        raise UsageError(f"dyadic {name} needs more than what runs artifacts; try: pip install '{EVERYTHING}'")
    else:
        kind = "option" if name.startswith("-") else "command"
        known = did_you_mean(name, [*COMMANDS, *NEED_MORE, "--help", "--version"])
        raise UsageError(f"No such {kind} '{name}'{known}; see dyadic --help")


def overview() -> str:
    """What there is."""
    lines = ["Usage: dyadic COMMAND [OPTIONS] ...", "", "  Run programs of integer multiply, add and shift.", ""]
    lines += ["Commands:", *(f"  {name:9} {one.summary}" for name, one in COMMANDS.items())]
    lines += ["", f"With pip install '{EVERYTHING}':", *(f"  {name:9} {said}" for name, said in NEED_MORE.items())]
    return "\n".join(lines)


def call(command: Command, words: Sequence[str]) -> None:
    """Raises UsageError where the words are none that the command takes."""
    parser = Parser(
        prog=f"dyadic {command.name}",
        description=" ".join(command.help.split()),
        allow_abbrev=False,
    )
    for name in command.arguments:
        parser.add_argument(name.lower(), metavar=name, type=Path)
    for one in command.options:
        add(parser, one)
    try:
        given, unknown = parser.parse_known_args(words)
    except SystemExit:  # --help was shown
        return
    if unknown:
        flags = [one.flag for one in command.options]
        near = did_you_mean(unknown[0].partition("=")[0], flags)
        kind = "No such option" if unknown[0].startswith("-") else "Got unexpected extra argument"
        parser.error(f"{kind} '{unknown[0]}'{near}")
    said = vars(given)
    command.run(**{name: value for name, value in said.items() if name != "debug"})


class Parser(argparse.ArgumentParser):
    """Errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help")


def add(parser: argparse.ArgumentParser, option: Option) -> None:
    shown = option.help + ("" if option.default is None else f" (default: {option.default})")
    more: dict[str, Any] = {"dest": option.name, "help": shown.replace("%", "%%")}
    if option.kind == "flag":
        parser.add_argument(option.flag, action="store_true", **more)
        return
    more["type"] = {"count": count(option), "path": Path, "text": text(option)}[option.kind]
    metavar = option.metavar or ("|".join(option.choices) or option.kind.upper())
    parser.add_argument(option.flag, metavar=metavar, default=option.default, required=option.required, **more)


def count(option: Option) -> Callable[[str], int]:
    def read(word: str) -> int:
        if not word.lstrip("-").isdecimal():
            raise argparse.ArgumentTypeError(f"'{word}' is no whole number")
        number = int(word)
        least, most = option.least or 0, option.most
        if number < least or (most is not None and number > most):
            said = f"is less than {least}" if most is None else f"is not from {least} to {most}"
            raise argparse.ArgumentTypeError(f"{number} {said}")
        return number

    return read


def text(option: Option) -> Callable[[str], str]:
    def read(word: str) -> str:
        if option.choices and word not in option.choices:
            known = ", ".join(option.choices)
            raise argparse.ArgumentTypeError(f"'{word}' is not one of {known}{did_you_mean(word, option.choices)}")
        return word

    return read
