"""Everything that there is to report: what the compile wrote down, and what the artifact's other parts say.

Nothing is measured and nothing outside the file is read.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dyadic.compiler.json_record import to_json
from dyadic.compiler.report_schema import Layer, Report
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.program import Program, results_of

ARTIFACT = "model.dyq"  # in commands of the report: what the file will be called is not known while it is made


@dataclass(frozen=True)
class Tensor:
    """An input or output; its first size is "N", the batch."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str


@dataclass(frozen=True)
class ArtifactFacts:
    """`sections` are bytes by name, `levels` numbers of kernels; `layers` are as the program knows them. `certificate`
    and `made` are as they are in the file."""

    file: str
    bytes: int
    target: str
    sections: Mapping[str, int]
    levels: Mapping[str, int]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    macs: int
    arena_bytes: int
    layers: tuple[Layer, ...]
    certificate: Mapping[str, Any] | None = None
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The report as it was written at the end of the compile, and the artifact that it is in.

    verified: what `verify` said of the file just now, nothing where nobody asked. elsewhere: this machine's processor,
    where the figures are another's.
    """

    report: Report
    artifact: ArtifactFacts
    verified: tuple[str, ...] = ()
    elsewhere: str = ""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The report's, or what the program knows of them."""
        return self.report.layers or self.artifact.layers

    def to_json(self) -> dict[str, Any]:
        return self.report.to_json() | {"artifact": to_json(self.artifact)}


def facts_of(file: ArtifactFile) -> Facts:
    """Raises ArtifactError where the report is damaged or of another schema."""
    return Facts(named(Report.from_json(file.json("report"), file.path), Path(file.path).name), artifact_facts(file))


def named(report: Report, file: str) -> Report:
    """With commands that call the artifact as its file is called now: while a report is made, that is not known."""
    said, chosen = {what: of_file(command, file) for what, command in report.commands.items()}, report.selection
    if chosen is not None:
        front = tuple(
            one if one.command is None else replace(one, command=of_file(one.command, file)) for one in chosen.front
        )
        chosen = replace(chosen, front=front)
    return replace(report, commands=said, selection=chosen)


def of_file(command: str, file: str) -> str:
    """
    >>> of_file("dyadic compile 'a b.onnx' -o model.dyq", "small.dyq"), of_file("dyadic 'unfinished", "small.dyq")
    ("dyadic compile 'a b.onnx' -o small.dyq", "dyadic 'unfinished")
    >>> of_file('dyadic.compile(model, calibration).save("model.dyq")', "small.dyq")
    'dyadic.compile(model, calibration).save("small.dyq")'
    """
    if command.startswith("dyadic.compile("):
        return f"{command.removesuffix(f'.save({json.dumps(ARTIFACT)})')}.save({json.dumps(file)})"
    try:
        words = shlex.split(command)
    except ValueError:  # whoever wrote that: it is shown, never run
        return command
    return shlex.join([file if word == ARTIFACT else word for word in words])


def artifact_facts(file: ArtifactFile) -> ArtifactFacts:
    program = file.program
    lengths = {name: section.length for name, section in file.sections.items()}
    return ArtifactFacts(
        file=Path(file.path).name,
        bytes=file.bytes,
        target=program.name,
        sections=lengths,
        levels=dict(program.kernels),
        inputs=tuple(Tensor(t.name, tuple(t.shape), t.user_dtype) for t in program.inputs),
        outputs=tuple(Tensor(t.name, t.answer, t.user_dtype) for t, *_ in results_of(program.outputs)),
        macs=sum(step.macs for step in program.timed_steps),
        arena_bytes=program.memory_bytes,
        layers=program_rows(program, lengths),
        certificate=file.json("certificate") if "certificate" in file.sections else None,
        made=file.made,
    )


def program_rows(program: Program, lengths: Mapping[str, int]) -> tuple[Layer, ...]:
    """The layers as far as the program knows them: a layer's steps are one row, its first kernel with weights named.

    lengths: of the artifact's sections, in bytes.
    """
    rows: dict[str, Layer] = {}
    for step, stored in zip(program.timed_steps, program.stored_bytes(lengths), strict=True):
        row = rows.get(step.layer) or Layer(step.layer, macs=0, bytes=0, kernel=step.kernel)
        rows[step.layer] = replace(
            row,
            op=joined(row.op, step.op.removeprefix("qi.")),
            macs=(row.macs or 0) + step.macs,
            bytes=(row.bytes or 0) + stored,
        )
    return tuple(rows.values())


def joined(ops: str, op: str) -> str:
    """The operators of a layer, each once."""
    return ops if op in ops.split(" + ") else f"{ops} + {op}" if ops else op
