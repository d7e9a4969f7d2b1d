"""Make the pages that are made from the code: dialects.md, pipeline.md, knobs.md. A test says when they are stale.

python docs/generate.py
"""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

from dyadic.compiler.knobs import KNOBS
from dyadic.dialects import DIALECTS
from dyadic.passes import PIPELINE

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


PAGES = {"dialects.md": dialects, "pipeline.md": pipeline, "knobs.md": knobs}


def main() -> None:
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
