"""Everything that the report says, as JSON: the artifact's own `report`, and under `artifact` what its other parts say.

Nothing is measured and nothing outside the file is read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.program import Program

Facts = dict[str, Any]


def facts_of(file: ArtifactFile) -> Facts:
    """The report as it was written at the end of the compile, and `artifact`: sizes, layers, certificate, history."""
    said = file.json("report")
    if not isinstance(said, dict):
        raise ArtifactError(f"'{file.path}' cannot be reported on: its report is not a record; compile the model again")
    return said | {"artifact": artifact_facts(file)}


def artifact_facts(file: ArtifactFile) -> Facts:
    program = file.program
    lengths = {name: section.length for name, section in file.sections.items()}
    return {
        "file": Path(file.path).name,
        "bytes": file.bytes,
        "sections": lengths,
        "target": program.name,
        "levels": {level: {"kernels": count} for level, count in program.kernels.items()},
        "inputs": [{"name": t.name, "shape": list(t.shape), "dtype": t.dtype} for t in program.inputs],
        "outputs": [{"name": t.name, "shape": list(t.shape), "dtype": "float32"} for t in program.outputs],
        "macs": sum(step.macs for step in program.timed_steps),
        "arena_bytes": program.memory_bytes,
        "layers": program_rows(program, lengths),
        "certificate": file.json("certificate") if "certificate" in file.sections else None,
        "made": file.made,
    }


def program_rows(program: Program, lengths: Mapping[str, int]) -> list[Facts]:
    """The layers as far as the program knows them: a layer's steps are one row, its first kernel with weights named.

    lengths: of the artifact's sections, in bytes."""
    rows: dict[str, Facts] = {}
    for step, stored in zip(program.timed_steps, program.stored_bytes(lengths), strict=True):
        row = rows.setdefault(step.layer, {"name": step.layer, "op": "", "macs": 0, "bytes": 0, "kernel": step.kernel})
        row["op"] = joined(row["op"], step.op.removeprefix("qi."))
        row["macs"] += step.macs
        row["bytes"] += stored
    return list(rows.values())


def joined(ops: str, op: str) -> str:
    """The operators of a layer, each once."""
    return ops if op in ops.split(" + ") else f"{ops} + {op}" if ops else op
