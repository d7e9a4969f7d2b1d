"""`Options`, `dyadic.compile` and the command line say the same things under the same names."""

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

import dyadic
from dyadic.compiler.cli import main as cli
from dyadic.compiler.options import Options
from dyadic.runtime.errors import UsageError

NOT_OPTIONS = {"model", "calibration", "evaluate", "example_inputs"}


def test_keywords_of_compile_are_the_fields_of_options() -> None:
    parameters = inspect.signature(dyadic.compile).parameters
    assert list(parameters)[:2] == ["model", "calibration"]
    assert set(parameters) - NOT_OPTIONS == {field.name for field in fields(Options)}
    for field in fields(Options):
        assert parameters[field.name].default == field.default
        assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY


def test_help_says_what_every_keyword_is() -> None:
    said = " ".join((dyadic.compile.__doc__ or "").split())
    for field in fields(Options):
        assert f"{field.name}: {field.metadata['help'][:20].replace('--', '')}" in said
        assert all(choice in said for choice in field.metadata.get("choices", ()))
    assert "--" not in said


def test_options_of_the_command_line_are_the_fields_of_options() -> None:
    params = {p.name: p for p in cli.compile_command.params}
    own = {"model", "output", "calibration", "evaluate", "until", "emit", "layers", "debug"}
    assert set(params) - own == {field.name for field in fields(Options)}
    for field in fields(Options):
        option = params[field.name]
        assert isinstance(option, click.Option) and option.help == field.metadata["help"]
        if choices := field.metadata.get("choices"):
            assert isinstance(option.type, click.Choice) and tuple(option.type.choices) == choices


def test_the_command_lines_defaults_are_options_but_for_progress() -> None:
    context = click.Context(cli.compile_command)
    given: dict[str, Any] = {p.name or "": p.get_default(context) for p in cli.compile_command.params}
    assert Options(**{field.name: given[field.name] for field in fields(Options)}) == Options(progress="rich")


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"exclude": "linear"}, "exclude", ("linear",)),
        ({"exclude": ["conv1", "fc"]}, "exclude", ("conv1", "fc")),
        ({"keep": {"conv1": "w8", "fc": "w4"}}, "keep", ("conv1=w8", "fc=w4")),
        ({"keep": "conv1=w8"}, "keep", ("conv1=w8",)),
        ({"isa": "avx2, x86-64"}, "isa", ("avx2", "x86-64")),
        ({"trace": "folder"}, "trace", Path("folder")),
        ({"plan": "a/p.json"}, "plan", Path("a/p.json")),
        ({"shape": {"x": [1, 3]}}, "shape", {"x": (1, 3)}),
        ({"time_limit": 90}, "time_limit", "90"),
        ({"batch": None}, "batch", 1),
    ],
)
def test_what_python_users_write_is_understood(given: dict[str, Any], name: str, value: object) -> None:
    assert getattr(Options(**given), name) == value


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"precision": "int7"}, "--precision must be one of int8, w8a16, w4a8, w4a4, mixed, not 'int7'"),
        ({"observer": "magic"}, "--observer must be one of auto, min-max, percentile, mse, entropy"),
        ({"threads": 0}, "--threads must be a whole number from 1 to 1024, not 0"),
        ({"batch": True}, "--batch must be a whole number"),
        ({"compare_plans": -1}, "--compare-plans must be a whole number from 0 to"),
        ({"isa": ("z80",)}, "--isa 'z80' is no level that code is made for"),
        ({"isa": "z80"}, "--isa 'z80' is no level that code is made for"),
        ({"max_size": 0.6}, "--max-size '0.6' is no limit; write it as 6.7MB, or 0.6x of int8's weights"),
        ({"max_size": ["6MB"]}, "--max-size takes a text, not ['6MB']"),
        ({"exclude": [1]}, "--exclude takes a text or a list of them, not 1"),
        ({"exclude": 7}, "--exclude takes a text or a list of them, not 7"),
        ({"without": "rounding"}, "--without must be one of equalize-layers,"),
        ({"trace": 7}, "--trace takes the name of a file or folder, not 7"),
        ({"strict": "yes"}, "strict must be True or False, not 'yes'"),
        ({"load_passes": 3}, "--load-passes takes a text or a list of them, not 3"),
        ({"exclude": b"fc"}, "--exclude takes a text or a list of them, not b'fc'"),
        ({"shape": {"x": (1, -3)}}, 'the sizes of "x" are whole numbers above 0'),
        ({"shape": "1x3"}, "--shape takes the sizes of each input by its name"),
        ({"shape": {"x": "1x3"}}, "--shape takes the sizes of each input by its name"),
        ({"metric": 7}, "--metric takes a function or FILE.py:FUNCTION"),
    ],
)
def test_wrong_options_are_usage_errors(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**wrong)
    assert said in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert Options(threads=np.int64(2)).threads == 2  # pyright: ignore[reportArgumentType]


def test_errors_speak_of_keywords_to_who_called_from_python() -> None:
    for given, said in (
        ({"max_size": 0.6}, 'max_size="0.6" is no limit'),
        ({"precision": "mixed"}, 'precision="mixed" needs a limit to choose by: max_size, max_latency, max_bops or'),
        ({"max_drop": "1%"}, "max_drop is judged on evaluate data"),
    ):
        with pytest.raises(UsageError) as caught:
            dyadic.compile("m.onnx", "c.npz", **given)  # pyright: ignore[reportArgumentType]
        assert str(caught.value).startswith(said) and "--" not in str(caught.value)
    with pytest.raises(UsageError, match="did you mean max_size"):
        dyadic.compile("m.onnx", max_sice="6MB")  # pyright: ignore[reportCallIssue]


def test_levels_are_this_machines_best_and_the_portable_one() -> None:
    assert "x86-64" in Options().levels
    assert Options(isa=["x86-64", "avx512vnni", "x86-64"]).levels == ("avx512vnni", "x86-64")
