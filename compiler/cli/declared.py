"""Commands declared as data (`runtime/commands/`), as click has them: its help, its messages, its completion."""

import inspect
from pathlib import Path
from typing import Any

import click

from dyadic.compiler.cli.completion import OF_OPTIONS
from dyadic.runtime.commands.declared import Command, Option


def command_of(declared: Command) -> click.Command:
    """The same command of click's."""
    arguments: list[click.Parameter] = [
        click.Argument([name.lower()], type=click.Path(path_type=Path), metavar=name) for name in declared.arguments
    ]
    return click.Command(
        declared.name,
        params=[*arguments, *map(option_of, declared.options)],
        callback=declared.run,
        help=inspect.cleandoc(declared.help),
        short_help=declared.summary,
    )


def option_of(one: Option) -> click.Option:
    """The same option of click's."""
    settings: dict[str, Any] = {"help": one.help, "required": one.required}
    if one.kind == "flag":
        settings |= {"is_flag": True, "default": False, "expose_value": one.said}
    elif one.kind == "count":
        settings |= {"type": click.IntRange(one.least, one.most)}
    elif one.kind == "path":
        settings |= {"type": click.Path(path_type=Path)}
    elif one.choices:
        settings |= {"type": click.Choice(one.choices)}
    if one.name in OF_OPTIONS:
        settings |= {"shell_complete": OF_OPTIONS[one.name]}
    if one.default is not None:  # to click a default of None is one, with which nothing is missing
        settings |= {"default": one.default, "show_default": True}
    return click.Option([one.flag, one.name], metavar=one.metavar, **settings)
