"""`Options`, `dyadic.compile` and the command line say the same things under the same names."""

import inspect
from dataclasses import fields

import click
import pytest

import dyadic
from dyadic.compiler.cli import main as cli
from dyadic.compiler.options import Options
from dyadic.passes import STAGES
from dyadic.runtime.errors import UsageError

NOT_OPTIONS = {"model", "calibration", "evaluate", "example_inputs"}


def test_keywords_of_compile_are_the_fields_of_options() -> None:
    parameters = inspect.signature(dyadic.compile).parameters
    keywords = {name: p for name, p in parameters.items() if name not in NOT_OPTIONS}
    assert list(keywords) == [field.name for field in fields(Options)]
    for field in fields(Options):
        assert keywords[field.name].default == field.default
        assert keywords[field.name].kind is inspect.Parameter.KEYWORD_ONLY


def test_options_of_the_command_line_are_the_fields_of_options() -> None:
    params = {p.name: p for p in cli.compile_command.params}
    own = {"model", "output", "calibration", "evaluate", "until", "emit", "debug"}
    assert set(params) - own == {field.name for field in fields(Options)}
    for field in fields(Options):
        option = params[field.name]
        assert isinstance(option, click.Option) and option.help == field.metadata["help"]
        if choices := field.metadata.get("choices"):
            assert isinstance(option.type, click.Choice) and tuple(option.type.choices) == choices


def test_the_command_lines_defaults_are_options_but_for_progress() -> None:
    given = {p.name: p.get_default(click.Context(cli.compile_command)) for p in cli.compile_command.params}
    options = cli.options_of({field.name: given[field.name] for field in fields(Options)})
    assert options == Options(progress="rich")


def test_stages_are_those_of_the_passes() -> None:
    assert cli.STAGES == STAGES


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"precision": "int7"}, "precision must be one of int8, w8a16, w4a8, w4a4, mixed, not 'int7'"),
        ({"observer": "magic"}, "observer must be one of min-max, percentile, mse, entropy"),
        ({"threads": 0}, "threads must be a whole number from 1 to 1024, not 0"),
        ({"batch": True}, "batch must be a whole number"),
        ({"isa": ("z80",)}, "isa 'z80' is no level that code is made for"),
        ({"isa": "x86-64"}, "isa must be a list of levels"),
    ],
)
def test_wrong_options_are_usage_errors(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**wrong)  # pyright: ignore[reportArgumentType]
    assert said in str(caught.value)


def test_levels_are_this_machines_best_and_the_portable_one() -> None:
    assert "x86-64" in Options().levels
    assert Options(isa=("x86-64", "avx512vnni", "x86-64")).levels == ("avx512vnni", "x86-64")
