"""The printed command is the compile: parsing it gives the same options."""

import doctest
import shlex
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from dyadic.compiler import command_line
from dyadic.compiler.cli import main as cli
from dyadic.compiler.command_line import compile_command
from dyadic.compiler.job import Job
from dyadic.compiler.options import Options

GIVEN: list[dict[str, Any]] = [
    {},
    {"precision": "w4a8", "keep": ("conv 1=w8a16", "*=a16"), "exclude": ("it's",), "without": ("learn-rounding",)},
    {"max_size": "0.6x", "max_latency": "12ms", "sensitivity": "kl", "solver": "greedy", "strict": True},
    {"max_drop": "1%", "compare_plans": 10, "compare_sensitivities": True, "time_limit": "10m"},
    {"isa": ("amx", "avx2"), "threads": 2, "batch": 8, "shape": {"x": (1, 3, 8, 8), "y": (2,)}, "tune": "quick"},
    {"plan": Path("plan.json"), "observer": "min-max", "measure": False},
]


def parsed(command: str) -> tuple[dict[str, Any], Options]:
    """What the command line makes of a printed command."""
    program, name, *words = shlex.split(command)
    assert (program, name) == ("dyadic", "compile")
    given: Any = click.Context(cli.compile_command)
    cli.compile_command.parse_args(given, words)
    own = ("model", "output", "calibration", "evaluate", "until", "emit", "layers")
    return {key: given.params.pop(key) for key in own}, Options(**{**given.params, "progress": "off"})


@pytest.mark.parametrize("given", GIVEN)
def test_a_printed_command_says_every_option(given: dict[str, Any]) -> None:
    options = Options(**given)
    rest, seen = parsed(compile_command("m.onnx", "c d.npz", "e.npz", options))
    assert seen == options
    assert (rest["model"], rest["calibration"], rest["evaluate"]) == (Path("m.onnx"), "c d.npz", "e.npz")


def test_paths_and_what_changes_no_figure_are_left_out() -> None:
    options = Options(plan=Path("somewhere/plan.json"), emit_plan=Path("p.json"), trace=Path("t"), resume=True)
    assert compile_command("m.onnx", "c.npz", None, options) == (
        "dyadic compile m.onnx --calibration c.npz --plan plan.json -o model.dyq"
    )


def test_what_was_not_given_is_not_typed() -> None:
    """A model that says itself how it is quantized takes no data."""
    assert compile_command("qdq.onnx", None, None, Options()) == "dyadic compile qdq.onnx -o model.dyq"


def test_from_python_a_call_is_said_and_no_file_that_there_is_not() -> None:
    job = Job("m.onnx", {"image": np.zeros((2, 1))}, evaluate=Path("/home/anna/test.npz"), exclude=("conv1",))
    assert job.again() == (
        'dyadic.compile("m.onnx", calibration, evaluate="test.npz", exclude=(\'conv1\',)).save("model.dyq")'
    )
    assert Job("data/m.onnx", "data/c.npz").again() == (
        "dyadic compile data/m.onnx --calibration data/c.npz -o model.dyq"
    )
    assert Job("m.onnx").again(strict=True) == "dyadic compile m.onnx --strict -o model.dyq"


def test_doctests() -> None:
    done = doctest.testmod(command_line)
    assert done.attempted and not done.failed
