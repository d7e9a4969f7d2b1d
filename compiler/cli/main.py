"""The command `dyadic`: what users type, and what the exit code says.

Errors are one sentence on standard error; exit codes are those of `runtime/errors.py`. Commands that only run artifacts
are the runtime's own (`runtime/commands/`); whatever is heavier than click is imported by a command when it is called.
"""

import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click

from dyadic.compiler.cli import compare as cli_compare
from dyadic.compiler.cli import export as cli_export
from dyadic.compiler.cli import report as cli_report
from dyadic.compiler.cli.artifact import DEBUG
from dyadic.compiler.cli.completion import OF_OPTIONS
from dyadic.compiler.cli.declared import command_of
from dyadic.compiler.job import Job
from dyadic.compiler.option_readers import Count, a_metric, a_path
from dyadic.compiler.options import STAGES, Options
from dyadic.runtime.atomic_file import check_kind, check_output
from dyadic.runtime.commands.ending import ended
from dyadic.runtime.commands.line import COMMANDS as RUNNING
from dyadic.runtime.errors import UsageError, printable
from dyadic.runtime.wording import did_you_mean

PLAIN = {  # what click says, and how we do
    r"is not a valid integer( range)?": "is no whole number",
    r"is not in the range (\d+)<=x<=(\d+)": r"is not from \1 to \2",
    r"is not in the range x>=(\d+)": r"is less than \1",
}
EMITS = {"qd": "refine", "qi": "integerize", "llvm": "lower"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the process ends with what this returns."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]

    def run() -> None:
        with plain_click_errors():
            commands(words, prog_name="dyadic", standalone_mode=False)

    return ended(words, run)


class plain_click_errors(AbstractContextManager[None]):
    """What click has to say about a command line, as our own errors."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, click.Abort):
            raise KeyboardInterrupt(*getattr(error.__cause__, "args", ())) from error
        if isinstance(error, click.ClickException):
            context = getattr(error, "ctx", None)
            hint = f"; see {context.command_path} --help" if context else ""
            said = error.format_message()
            for written, read in PLAIN.items():
                said = re.sub(written, read, said)
            raise UsageError(f"{said.rstrip('.')}{near(error)}{hint}") from error


def near(error: click.ClickException) -> str:
    """What a misspelt choice may have been."""
    kind = getattr(getattr(error, "param", None), "type", None)
    wrong = re.match(r"'([^']*)' is not one of", error.message)
    return did_you_mean(wrong[1], map(str, kind.choices)) if wrong and isinstance(kind, click.Choice) else ""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="dyadic", prog_name="dyadic")
@DEBUG
def commands() -> None:
    """Compile trained networks to programs of integer multiply, add and shift, and run them."""


class Shapes(click.ParamType[Any]):
    """`name=1x3x224x224`."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, found, sizes = value.rpartition("=")
        if not found or not name or not all(size.isdecimal() and int(size) for size in sizes.split("x")):
            self.fail(f"'{value}' is not of the form name=1x3x224x224", param, ctx)
        return name, tuple(int(size) for size in sizes.split("x"))


class Constants(click.ParamType[Any]):
    """`name=16000`."""

    name = "constant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, found, number = value.rpartition("=")
        words = {"true": True, "false": False}
        if name and found:
            for read in (lambda text: words[text.lower()], int, float):
                with suppress(KeyError, ValueError):
                    return name, read(number)
        return self.fail(f"'{value}' is not of the form name=16000", param, ctx)


class Ranges(click.ParamType[Any]):
    """`name=-1:1`."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, _, ends = value.rpartition("=")
        low, _, high = ends.partition(":")
        if name:
            with suppress(ValueError):
                return name, (float(low), float(high))
        return self.fail(f"'{value}' is not of the form name=-1:1", param, ctx)


NAMED: dict[str, click.ParamType[Any]] = {"shape": Shapes(), "constant": Constants(), "input_range": Ranges()}


def option_of(field: Field[Any]) -> click.Option:
    """A field of `Options` as an option of the command line; what a value must be is the field's own business."""
    said, default = field.metadata, field.metadata.get("command_line", field.default)
    flag, settings = f"--{field.name.replace('_', '-')}", dict[str, Any](help=said["help"], metavar=said.get("metavar"))
    if isinstance(default, bool):
        return click.Option([f"{flag}/--no-{flag[2:]}" if default else flag], default=default, is_flag=True, **settings)
    if isinstance(default, tuple):
        settings |= {"multiple": True}
    elif field.name in NAMED:
        settings |= {"type": NAMED[field.name], "multiple": True}
        default = ()
    elif said["read"] in (a_path, a_metric):
        settings |= {"type": click.Path()}  # so that shells complete it
    elif isinstance(said["read"], Count):
        settings |= {"type": int}
    if field.name in OF_OPTIONS:
        settings |= {"shell_complete": OF_OPTIONS[field.name]}
    if choices := said.get("choices"):
        settings |= {"type": click.Choice(choices), "show_default": not isinstance(default, tuple)}
    return click.Option([flag], default=default, **settings)


@commands.command("compile", short_help="Compile MODEL, an ONNX file, to an artifact.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="where the artifact goes (IR: standard output)")
@click.option(
    "--calibration",
    type=click.Path(),
    metavar="DATA",
    help="samples to learn ranges from: .npz, named as the inputs, or a folder of images with --preprocess; "
    "`none`: there are none, they are made; a model that says how it is quantized needs nothing",
)
@click.option(
    "--evaluate",
    type=click.Path(),
    metavar="DATA",
    help="other samples, with `labels` or by sub-folder: accuracy beside float's",
)
@click.option("--until", type=click.Choice(STAGES), help="stop after a stage and write the IR as it is there")
@click.option("--emit", type=click.Choice(tuple(EMITS)), help="write this form of the network instead of an artifact")
@click.option("--layers", is_flag=True, help="only list the names and types that --keep and --exclude take")
@DEBUG
def compile_command(
    model: Path,
    output: Path | None,
    calibration: str | None,
    evaluate: str | None,
    until: str | None,
    emit: str | None,
    layers: bool,
    **given: Any,
) -> None:
    """Compile MODEL, an ONNX file, to an artifact that computes with integers only, layers of --exclude apart."""
    job = Job(str(model), calibration, evaluate=evaluate, **given)
    if layers:
        from dyadic.compiler.layer_list import layers_of_job, lines

        click.echo(printable("\n".join(lines(layers_of_job(job)))))
        return
    if until and emit and EMITS[emit] != until:
        raise UsageError(f"--emit {emit} shows the model after {EMITS[emit]}: leave --until {until} out")
    stage = until or EMITS.get(emit or "", STAGES[-1])
    text = stage != STAGES[-1] or emit is not None
    if str(output) == "-":
        if not text:
            raise UsageError("--output -: an artifact is a file, name it, as in -o model.dyq")
        output = None
    if output is None and not text:
        raise UsageError("--output is needed: the file to write, as in -o model.dyq")
    if output is not None and output.suffix == ".onnx" and not text:
        check_kind("--output", output, "an artifact", ".dyq", "; `dyadic export` writes one")
    job.check_outputs({"--output": output, "--emit-plan": job.emit_plan})
    if output is not None:
        check_output("--output", output, *(("IR", ".mlir") if text else ("an artifact", ".dyq")))
    if text:
        from dyadic.compiler.cli.ir_text import write_ir

        write_ir(job, stage, emit, output)
        return
    assert output is not None
    from dyadic.compiler.cli.compile import compile_to

    compile_to(job, output)


for one in fields(Options):
    compile_command.params.append(option_of(one))


for command in (
    *map(command_of, RUNNING.values()),
    *cli_compare.COMMANDS,
    *cli_export.COMMANDS,
    cli_report.report_command,
):
    commands.add_command(command)
