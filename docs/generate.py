"""Make the pages that are made from the code: the command line, operators, api, dialects, pipeline, knobs. A test says
if one is stale.

python docs/generate.py
"""

import inspect
import json
import re
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from dyadic.compiler.cli.main import commands
from dyadic.compiler.importers.onnx_bodies import DEFINED
from dyadic.compiler.knobs import KNOBS
from dyadic.compiler.targets.registry import names, target_of
from dyadic.dialects import DIALECTS, qd, qi
from dyadic.passes import PIPELINE
from dyadic.passes.ingest.ingest_aten import ATEN
from dyadic.passes.ingest.ingest_onnx import ONNX

CLAIMED = {*ONNX.operators, *DEFINED}

HERE = Path(__file__).resolve().parent
MADE = "<!-- made by docs/generate.py; edit the docstrings instead -->"


def dialects() -> str:
    """Every op: its fields and its meaning."""
    lines = [MADE, "", "# Dialects", ""]
    for dialect in DIALECTS:
        module = import_module(f"dyadic.dialects.{dialect.DIALECT_NAMESPACE}")
        assert module.__doc__ is not None
        lines += [f"## `{dialect.DIALECT_NAMESPACE}`", "", module.__doc__.strip(), ""]
        for op in dialect.operations:
            assert op.__doc__, f"{op.OPERATION_NAME} needs a docstring"
            lines += [f"### `{op.OPERATION_NAME}`", "", inspect.cleandoc(op.__doc__), ""]
            lines += [f"`{', '.join(fields(op))}`", ""]
    return "\n".join(lines)


def fields(op: type[Any]) -> list[str]:
    """Operands, attributes and results, in the order of the class."""
    return [name for name in op.__annotations__ if not name.startswith("_")]


def pipeline() -> str:
    """Every pass in order, with what it says of itself."""
    lines = [MADE, "", "# The pipeline", "", "Stages that need data or a decision are in `compiler/driver.py`.", ""]
    for stage, passes in PIPELINE.items():
        lines += [f"## {stage}", ""]
        for one in passes:
            lines += [f"* `{one.name}`: {one.summary}"]
        lines += ["" if passes else "No passes yet.\n"]
    return "\n".join(lines).rstrip() + "\n"


def command_line() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    said = "`dyadic COMMAND --help` says the same; what exit codes mean is on [a page](exit-codes.md) of its own."
    lines = [MADE, "", "# Command line", "", said, ""]
    for name, command in sorted(commands.commands.items()):
        context = click.Context(command, info_name=f"dyadic {name}", help_option_names=["-h", "--help"])
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [f"## `dyadic {name}`", "", inspect.cleandoc(command.help or ""), ""]
        lines += ["```text", f"dyadic {name} {usage}", "```", "", "| option | meaning |", "| --- | --- |"]
        records = [one.get_help_record(context) for one in command.params]
        records.append(("-h, --help", "Show this message and exit."))
        lines += [f"| `{in_cell(row[0])}` | {in_cell(row[1])} |" for row in records if row]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def in_cell(text: str) -> str:
    """In a table of Markdown.

    >>> in_cell("a|b")
    'a\\\\|b'
    """
    return text.replace("|", "\\|")


def knobs() -> str:
    """Every environment variable."""
    lines = [
        MADE,
        "",
        "# Environment variables",
        "",
        "| name | value | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| `{knob.name}` | {knob.kind} | {knob.default} | {knob.meaning} |" for knob in KNOBS]
    return "\n".join(lines) + "\n"


# What others write code against: the heading, what it is for, and the names of each module (none: all public ones).
API: tuple[tuple[str, str, dict[str, tuple[str, ...]]], ...] = (
    (
        "Compile and run",
        "`import dyadic` is all that is needed; `load` works without the compiler's packages.",
        {
            "dyadic": ("compile", "layers", "load"),
            "dyadic.compiler.artifact": ("Artifact",),
            "dyadic.runtime.session": ("Session", "StepTime"),
            "dyadic.runtime.tensor_info": ("TensorInfo",),
            "dyadic.runtime.errors": (),
        },
    ),
    (
        "Write a pass",
        "See [how to write a pass](passes.md). Every function builds at the current insertion point and location.",
        {"dyadic.passes.rewriting": (), "dyadic.passes.building": ()},
    ),
    (
        "Read a module",
        "What a whole module computes, and what its values say of themselves.",
        {
            "dyadic.dialects": ("new_context",),
            "dyadic.dialects.reference": (),
            "dyadic.runtime.fixedpoint": (),
        },
    ),
)


def api() -> str:
    """Every public function and class that others write code against, from signatures and docstrings."""
    lines = [MADE, "", "# API reference", ""]
    for heading, purpose, modules in API:
        lines += [f"## {heading}", "", purpose, ""]
        for name, wanted in modules.items():
            module = import_module(name)
            for key in wanted or public(module):
                lines += described(key, getattr(module, key), name)
    return "\n".join(lines).rstrip() + "\n"


def public(module: ModuleType) -> list[str]:
    """The functions and classes that a module defines, in the order of the file."""
    own = [
        (inspect.getsourcelines(value)[1], key)
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]
    return [key for _, key in sorted(own)]


def described(key: str, value: Any, where: str) -> list[str]:
    """Signature and docstring, and those of a class's public methods."""
    lines = [f"### `{where}.{key}`", "", *signature(key, value)]
    lines += [inspect.cleandoc(value.__doc__ or ""), ""]
    if inspect.isclass(value):
        for name, member in vars(value).items():
            function = member.fget if isinstance(member, property) else member
            if not name.startswith("_") and inspect.isfunction(function) and function.__doc__:
                lines += [*signature(f"{key}.{name}", function), inspect.cleandoc(function.__doc__), ""]
    return lines


def signature(name: str, value: Any) -> list[str]:
    """How it is called, as one would read it in the source: no modules before the names of types."""
    try:
        text = str(inspect.signature(value))
    except ValueError:  # an exception's or a protocol's
        return []
    text = (
        re.sub(r"(?:\w+\.)+(?=\w)", "", re.sub(r"(: |-> )'([^']*)'", r"\1\2", text))
        .replace("(self, ", "(")
        .replace("(self)", "()")
    )
    if len(name) + len(text) > 110 and ", " in text:
        start, _, rest = text.partition("(")
        inside, _, end = rest.rpartition(")")
        text = f"{start}(\n    " + ",\n    ".join(parameters(inside)) + f",\n){end}"
    return ["```python", f"{name}{text}", "```", ""]


def parameters(text: str) -> list[str]:
    """Split at the commas that are not inside brackets."""
    parts, depth, last = [], 0, 0
    for i, letter in enumerate(text):
        depth += letter in "([{"
        depth -= letter in ")]}"
        if letter == "," and not depth:
            parts.append(text[last:i].strip())
            last = i + 1
    return [*parts, text[last:].strip()]


def operators() -> str:
    """What both importers take, what ONNX's own tests say of it, and the widths and targets of the ops behind."""
    record = json.loads((HERE.parent / "benchmarks" / "node_tests" / "record.json").read_text())
    vectors = json.loads((HERE.parent / "benchmarks" / "node_tests" / "vectors.json").read_text())
    right = sum(counts[0] > 0 for counts in record.values())
    made = MADE.replace("docstrings", "importers' marks or the record of benchmarks/node_tests")
    lines = [made, "", "# Operators", ""]
    lines += [
        paragraph(
            "What a network may be written with. Whatever depends on nothing that the network reads is computed while "
            "compiling, by ONNX's own reference, so that any of its operators may stand there. Everything that is "
            "refused is named at once, by the user's layers, with what would work."
        ),
        "",
        "## ONNX",
        "",
        paragraph(
            f"{len(CLAIMED)} operators, opset 7 to the newest. `python -m benchmarks.node_tests --write` tries "
            f"ONNX's own node tests: {right} operators have a case that is computed right, none has one that is "
            "computed wrong. The numbers are cases that are right and cases that are refused; where there are none, "
            "ONNX has no test that reads numbers, or the operator is new here."
        ),
        "",
        paragraph(
            f"Of ONNX's {sum(vectors.values())} quantization vectors (`python -m benchmarks.node_tests.vectors "
            f"--write`), {', '.join(f'{count} are {kind}' for kind, count in vectors.items())}: activations with "
            "several scales and floats of 8 bits or fewer are refused."
        ),
        "",
        "| operator | right | refused |",
        "| --- | --- | --- |",
    ]
    for name in sorted(CLAIMED):
        lines += [f"| `{name}` | {' | '.join(str(n) for n in record.get(name, ('', '')))} |"]
    lines += [
        "",
        "## PyTorch",
        "",
        f"{len(ATEN.operators)} operators of `torch.aten`, as `torch.export` writes them:",
        "",
    ]
    lines += [paragraph(", ".join(f"`{name}`" for name in sorted(ATEN.operators))), ""]
    lines += [
        "## Widths and targets",
        "",
        paragraph(
            "Results have 4, 8 or 16 bits, as selection says; weights of layers 2, 4 or 8, or float32 in an island. "
            "What the kernels of an op read has so many bits at most; a wider tensor is rounded in front of it."
        ),
        "",
        "| op | reads at most | weights | targets |",
        "| --- | --- | --- | --- |",
    ]
    for op in qd.QD.operations:
        if issubclass(op, qd.Operator) and op is not qd.ConstantOp and not issubclass(op, qd.Spelled):
            made = [each for each in qi.QI.operations if issubclass(op, getattr(each, "made_from", ()))]
            where = [t for t in names() if all(each.OPERATION_NAME in target_of(t).kernels for each in made)]
            weights = "2, 4, 8" if issubclass(op, qd.Layer) else ""
            lines += [f"| `{op.OPERATION_NAME}` | {op.widest_input} | {weights} | {', '.join(where)} |"]
    return "\n".join(lines) + "\n"


def paragraph(text: str) -> str:
    """Lines of the pages' width."""
    return textwrap.fill(text, 120, break_on_hyphens=False, break_long_words=False)


PAGES = {
    "command-line.md": command_line,
    "operators.md": operators,
    "api.md": api,
    "dialects.md": dialects,
    "pipeline.md": pipeline,
    "knobs.md": knobs,
}


def main() -> None:
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
