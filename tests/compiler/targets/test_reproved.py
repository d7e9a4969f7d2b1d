"""Whatever a file claims of its integers is held against what it holds, also where every hash was made anew."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.onnx_models import model
from torch_mlir import ir

import dyadic
from dyadic.compiler.cli.main import main
from dyadic.dialects import new_context
from dyadic.runtime.artifact import open_artifact, write
from dyadic.runtime.cpu.program import CpuProgram

Sections = dict[str, bytes]
BODY = (
    "c = Conv<pads=[1,1,1,1]>(x, w, b) t = Tanh(c) d = Conv<group=4>(t, k) a = Add(d, z) f = Flatten(a) y = Gemm(f, v)"
)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    constants = {"w": [4, 4, 3, 3], "b": [4], "k": [4, 1, 1, 1], "z": [1, 4, 1, 1], "v": [168, 3]}
    x = np.random.default_rng(0).normal(0, 1, (16, 4, 7, 6)).astype(np.float32)
    path = tmp_path_factory.mktemp("reproved") / "m.dyq"
    made = dyadic.compile(model(BODY, constants=constants), {"x": x}, isa=("x86-64",), measure=False, progress="off")
    made.save(path)
    return path


def changed(artifact: Path, where: Path, change: Callable[[Sections], None]) -> Path:
    """The artifact with other sections and the hashes of these."""
    with open_artifact(artifact) as file:
        sections = {name: bytes(file.section(name)) for name in file.sections}
        change(sections)
        write(where, programs=file.programs, sections=sections, made=file.made)
    return where


def test_a_program_that_does_something_else(artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_artifact(artifact) as file:
        program = file.program
        assert isinstance(program, CpuProgram)
        sections = {name: bytes(file.section(name)) for name in file.sections}
        first, *rest = program.steps
        for other in (
            replace(program, steps=(replace(first, tiles=first.tiles + 1), *rest)),
            replace(program, steps=(first, *reversed(rest))),
            replace(program, arena_bytes=program.arena_bytes + 64),
            replace(program, inputs=(replace(program.inputs[0], scale=0.5),)),
        ):
            write(tmp_path / "other.dyq", programs=[other], sections=sections, made=file.made)
            assert main(["verify", str(tmp_path / "other.dyq")]) == 5
            assert "network" in capsys.readouterr().err


def in_params(sections: Sections) -> None:
    """One step more of the first bias, as little endian i32."""
    data = bytearray(sections["cpu/params"])
    data[0] ^= 1
    sections["cpu/params"] = bytes(data)


def in_table(sections: Sections) -> None:
    """Weights that no layer has: Tanh's table, which is the only part of 256 bytes."""
    data = sections["cpu/weights"]
    start = next(i for i in range(0, len(data), 64) if len({*data[i : i + 256]}) > 100)
    sections["cpu/weights"] = data[:start] + bytes([data[start] ^ 1]) + data[start + 1 :]


def in_weights(sections: Sections) -> None:
    """Weights as large as they can be, where the packed ones are: sums leave their intervals."""
    data = np.frombuffer(sections["cpu/weights"], np.int8).copy()
    data[np.abs(data) > 30] = 127
    sections["cpu/weights"] = data.tobytes()


def in_network(sections: Sections) -> None:
    """Another multiplier in the integer module, not in what the kernels read."""
    with new_context() as context, ir.Location.unknown():
        module = ir.Module.parse(sections["qi"], context)
        op = next(op for op in module.body.operations[0].regions[0].blocks[0] if "multiplier" in op.attributes)
        numbers = [*ir.DenseI32ArrayAttr(op.attributes["multiplier"])]
        op.attributes["multiplier"] = ir.DenseI32ArrayAttr.get([numbers[0] - 1, *numbers[1:]])

        stream = io.BytesIO()
        module.operation.write_bytecode(stream)
        sections["qi"] = stream.getvalue()


def in_certificate(sections: Sections) -> None:
    record = json.loads(sections["certificate"])
    name = next(iter(record["accumulators"]))
    record["accumulators"][name][1] -= 1
    sections["certificate"] = json.dumps(record).encode()


def test_an_honest_file(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(artifact)]) == 0
    said = capsys.readouterr().out
    assert "accumulators of" in said and "steps are those of the integer network" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_params, "the biases, multipliers and shifts of"),
        (in_table, "the weights of"),
        (in_weights, "can reach"),
        (in_network, "the biases, multipliers and shifts of"),
        (in_certificate, "certificate whose accumulators are not those"),
    ],
)
def test_a_file_that_claims_something_else(
    artifact: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Sections], None],
    words: str,
) -> None:
    path = changed(artifact, tmp_path / "other.dyq", change)
    assert main(["verify", str(path)]) == 5
    assert words in capsys.readouterr().err
