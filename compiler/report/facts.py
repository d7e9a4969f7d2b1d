"""Everything that the report says, as JSON: the artifact's own `report`, and under `artifact` what its other parts say.

Nothing is measured and nothing outside the file is read.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.program import SLACK, Program

Facts = dict[str, Any]


def facts_of(file: ArtifactFile) -> Facts:
    """The report as it was written at the end of the compile, and `artifact`: sizes, layers, certificate, history."""
    said = file.json("report")
    if not isinstance(said, dict):
        raise ArtifactError(f"'{file.path}' cannot be reported on: its report is not a record; compile the model again")
    return said | {"artifact": artifact_facts(file)}


def artifact_facts(file: ArtifactFile) -> Facts:
    program, entries = file.program, file.entries
    return {
        "file": Path(file.path).name,
        "bytes": file.bytes,
        "sections": {name: section.length for name, section in file.sections.items()},
        "levels": {level: {"kernels": len(kernels)} for level, kernels in entries.items()},
        "inputs": [{"name": t.name, "shape": list(t.shape), "dtype": t.dtype} for t in program.inputs],
        "outputs": [{"name": t.name, "shape": list(t.shape), "dtype": "float32"} for t in program.outputs],
        "macs": sum(step.macs for step in program.steps),
        "arena_bytes": program.arena_bytes,
        "layers": program_rows(program, file.sections["weights"].length),
        "certificate": file.json("certificate") if "certificate" in file.sections else None,
        "made": file.made,
    }


def program_rows(program: Program, weights_bytes: int) -> list[Facts]:
    """The layers as far as the program knows them: a layer's steps are one row, its first kernel with weights named."""
    stored = stored_bytes(program, weights_bytes)
    rows: dict[str, Facts] = {}
    for step in program.steps:
        row = rows.setdefault(step.layer, {"name": step.layer, "op": "", "macs": 0, "bytes": 0, "kernel": step.kernel})
        row["op"] = joined(row["op"], step.op.removeprefix("qi."))
        row["macs"] += step.macs
        row["bytes"] += stored.pop(step.weights, 0)  # shared weights: once, where they are first used
    return list(rows.values())


def joined(ops: str, op: str) -> str:
    """The operators of a layer, each once."""
    return ops if op in ops.split(" + ") else f"{ops} + {op}" if ops else op


def stored_bytes(program: Program, weights_bytes: int) -> dict[int, int]:
    """Offset in the weights section -> bytes up to the next thing stored there: packed, with padding."""
    offsets = {step.weights for step in program.steps} | {
        at.offset for step in program.steps for at in step.inputs if at.buffer < 0
    }
    places = sorted(offset for offset in offsets if offset >= 0)
    return {here: after - here for here, after in pairwise([*places, weights_bytes - SLACK])}
