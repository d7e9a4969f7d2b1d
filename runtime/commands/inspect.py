"""`dyadic inspect`: what an artifact holds."""

import json
from pathlib import Path
from typing import Any

from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.commands.declared import DEBUG, DEVICE, JSON, Command
from dyadic.runtime.errors import printable
from dyadic.runtime.executor import programs_for
from dyadic.runtime.program import Output, results_of
from dyadic.runtime.tensor_info import result_info, tensor_info


def inspect(artifact: Path, device: str | None, as_json: bool) -> None:
    """Say what ARTIFACT holds: inputs, outputs, layers, code, how it was made.

    Of several programs, layers and code are those that a device would run, which need not be there.
    """
    with open_artifact(artifact) as file:
        (program, *_), _ = programs_for(file, device)
        facts: dict[str, Any] = {
            "bytes": file.bytes,
            "programs": [one.name for one in file.programs],
            "inputs": [{"name": t.name, "shape": tensor_info(t).shape, "dtype": t.user_dtype} for t in program.inputs],
            "outputs": [
                {"name": one[0].name, "shape": shown(one), "dtype": one[0].user_dtype, "last": one[0].last._asdict()}
                for one in results_of(program.outputs)
            ],
            "levels": {level: {"kernels": count} for level, count in program.kernels.items()},
            "steps": len(program.timed_steps),
            "macs_per_image": sum(step.macs for step in program.timed_steps),
            "arena_bytes_per_image": program.memory_bytes,
            "sections": {name: section.length for name, section in file.sections.items()},
            "made": file.made,
            "certificate": file.json("certificate") if "certificate" in file.sections else None,
            "layers": [{"layer": step.layer, "op": step.op, "macs": step.macs} for step in program.timed_steps],
        }
    print(json.dumps(facts) if as_json else printable("\n".join(described(facts))))


def shown(parts: tuple[Output, ...]) -> tuple[str | int, ...]:
    """The shape of an output as `inspect` says it: with the batch in front, where there is one."""
    info = result_info(parts)
    return info.shape if info.fixed else info.batch_first


def described(facts: dict[str, Any]) -> list[str]:
    lines = [f"size        {facts['bytes']:,} bytes"]
    for kind in ("inputs", "outputs"):
        for t in facts[kind]:
            last = t.get("last", {})
            how = f", its {last['name']} {'left out' if last['left_out'] else 'in float'}" if last.get("name") else ""
            lines.append(f"{kind[:-1]:11} {t['name']} {t['dtype']} [{', '.join(map(str, t['shape']))}]{how}")
    lines += [f"program     {name}" for name in facts["programs"]]
    lines += [f"code        {level}: {said['kernels']} kernels" for level, said in facts["levels"].items()]
    lines.append(f"work        {facts['macs_per_image']:,} MAC an image in {facts['steps']} steps")
    lines.append(f"memory      {facts['arena_bytes_per_image']:,} bytes an image")
    lines += [f"section     {name}: {length:,} bytes" for name, length in facts["sections"].items()]
    for name, value in facts["made"].items():
        if name == "extensions":
            lines += [f"pass        {one['pass']} in {one['stage']}, of {package(one['from'])}" for one in value]
            continue
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        lines.append(f"{name:11} {shown}")
    if facts["certificate"]:
        lines.append(f"certificate {facts['certificate'].get('summary', 'without a summary')}")
    lines += [f"layer       {step['op']:12} {step['macs']:>13,} MAC  {step['layer']}" for step in facts["layers"]]
    return lines


def package(source: dict[str, str]) -> str:
    """
    >>> package({"name": "p", "version": "1.0"}), package({"name": "p.py", "sha256": "00"})
    ('p 1.0', 'p.py')
    """
    return " ".join(source[key] for key in ("name", "version") if key in source)


INSPECT = Command("inspect", "Say what ARTIFACT holds.", inspect, ("ARTIFACT",), (DEVICE, JSON, DEBUG))
