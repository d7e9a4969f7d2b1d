"""The end of the report: the proof, how the artifact was made, and how to see every figure again."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dyadic.compiler import formats
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.tables import Column, Table, table

Parts = tuple[str, list[str], list[Table | None]]


def certificate(facts: Facts) -> Parts:
    """Title, sentences and tables of the proof that only integers compute."""
    said = facts.artifact.certificate or {}
    images = [image | {"offenders": len(image.get("offenders") or [])} for image in said.get("images") or []]
    columns = [
        Column("Level", "level", kind="name"),
        Column("Kernels", "kernels", formats.count),
        Column("Instructions swept", "instructions", formats.count, total=True),
        Column("Of them in islands", lambda image: image.get("island_instructions") or None, formats.count, total=True),
        Column("Offenders", "offenders", formats.count, total=True),
        Column("Bytes of code", "bytes", formats.count, total=True),
        Column("SHA-256", "sha256", formats.text, kind="code"),
    ]
    intervals = said.get("accumulators") or {}
    accumulators = [
        {"layer": layer, "low": low, "high": high, "bits": bits(low, high)} for layer, (low, high) in intervals.items()
    ]
    proven = [
        Column("Layer", "layer", kind="name"),
        Column("Least", "low", formats.count),
        Column("Largest", "high", formats.count),
        Column("Bits of 32", "bits", formats.count, bar=True),
    ]
    summary = said.get("summary") or facts.report.certificate
    islands = [{"layer": name} for name in said.get("islands") or []]
    tables = [
        table("Float islands, which void the certificate", islands, [Column("Layer", "layer", kind="name")]),
        table("Machine code, every instruction decoded", images, columns),
        table("What no partial sum can leave", accumulators, proven, folded=True),
    ]
    return "The certificate", [sentence(summary), *map(sentence, facts.verified)], tables


def sentence(words: str) -> str:
    """With a capital and a full stop.

    >>> sentence("rings by KL"), sentence("")
    ('Rings by KL.', '')
    """
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def bits(low: int, high: int) -> int:
    """How wide an integer must be to hold low to high.

    >>> bits(-128, 127), bits(-129, 0)
    (8, 9)
    """
    return max(-low - 1, high, 0).bit_length() + 1


def made(facts: Facts) -> Parts:
    """Title, sentences and tables of versions, options, data, stages and the sizes of what came out."""
    artifact, record = facts.artifact, facts.artifact.made
    two = [Column("What", "what", kind="name"), Column("Value", "value", kind="code")]
    tables = [
        table(name.capitalize(), [{"what": k, "value": shown(v)} for k, v in value.items()], two, folded=True)
        for name, value in record.items()
        if isinstance(value, Mapping)
    ]
    loose = [{"what": k, "value": shown(v)} for k, v in record.items() if v is not None and not isinstance(v, Mapping)]
    tables.append(table("More", loose, two))
    stages = [{"stage": stage, "seconds": s} for stage, s in facts.report.seconds.items()]
    clock = [
        Column("Stage", "stage", kind="name"),
        Column("Time", "seconds", formats.seconds, bar=True, total=True),
    ]
    sizes = [{"section": name, "bytes": n} for name, n in artifact.sections.items()]
    parts = [
        Column("Section", "section", kind="name"),
        Column("Bytes", "bytes", formats.count, bar=True, total=True),
    ]
    tables += [
        table("Time of every stage", stages, clock, folded=True),
        table("Parts of the file", sizes, parts, folded=True),
    ]
    tuned = facts.report.tune
    ends = (("input", artifact.inputs), ("output", artifact.outputs))
    boundary = [{"is": kind, **asdict(tensor)} for kind, tensors in ends for tensor in tensors]
    columns = [
        Column("Tensor", "name", kind="name"),
        Column("Is", "is", formats.text, kind="text"),
        Column("Shape", "shape", formats.shape, kind="code"),
        Column("Type", "dtype", formats.text, kind="code"),
    ]
    tables.append(table("Inputs and outputs", boundary, columns))
    sentences = [
        sentence("" if tuned is None else tuned.summary),
        f"While it runs, every image of a batch takes {formats.count(artifact.arena_bytes)} bytes of memory.",
    ]
    return "How it was made", sentences, tables


def shown(value: Any) -> str:
    """A setting as one would type it."""
    if value is None:
        return "default"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {shown(v)}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def commands(facts: Facts) -> Parts:
    """Title, sentences and table of what to type to see the figures again."""
    rows = [{"what": what, "command": command} for what, command in commands_of(facts).items()]
    columns = [Column("Figure", "what", kind="name"), Column("Command", "command", formats.text, kind="command")]
    files = "Files are called as they were when this was compiled; whole paths are not recorded."
    return "Commands that reproduce the figures", [files], [table("Commands", rows, columns)]


def commands_of(facts: Facts) -> dict[str, str]:
    """Figure -> command: the compile's own, and before them what any artifact can be asked."""
    file = shlex.quote(facts.artifact.file)
    always = {
        "layers": f"dyadic bench {file} --profile",
        "certificate": f"dyadic verify {file}",
        "made": f"dyadic inspect {file} --json",
        "this report": f"dyadic report {file} --html",
        "all figures as JSON": f"dyadic report {file} --json",
    }
    return always | {**facts.report.commands}


def commands_for(facts: Facts, key: str) -> list[str]:
    """Those of one section: named as it, or as it and more ("latency", "latency by layer")."""
    found = [said for what, said in commands_of(facts).items() if what == key or what.startswith(f"{key} ")]
    return list(dict.fromkeys(found))
