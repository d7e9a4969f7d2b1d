"""The compiler knows targets by their interface alone: one that was made up here goes all the way, as the CPU does."""

import copy
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.command_line import DIGITS
from support.interpreter_target import GRAPH, LEVEL, NAME, Interpreter, known

import dyadic
from dyadic.compiler.cli import main as cli
from dyadic.compiler.options import Options
from dyadic.compiler.targets.cpu import codegen, emit
from dyadic.compiler.targets.cpu.link import Image
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cpu.levels import usable
from dyadic.runtime.errors import ArtifactError, UsageError

MODEL, TEST = DIGITS / "digits.onnx", DIGITS / "test.npz"


@pytest.fixture(autouse=True)
def interpreter() -> Iterator[None]:
    with known():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, image=np.load(DIGITS / "train.npz")["image"][:32])
    return path


@pytest.fixture(scope="module")
def saved(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "digits.dyq"
    with known():
        dyadic.compile(MODEL, data, target=NAME, measure=False).save(path)
    return path


def run(*words: object) -> str:
    done = CliRunner().invoke(cli.commands, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_it_gives_the_bits_of_the_cpu(saved: Path, data: Path) -> None:
    x = np.load(TEST)["image"][:50]
    cpu = dyadic.compile(MODEL, data, isa=usable()[:1], measure=False)
    with dyadic.load(saved, max_batch=50) as session, cpu.load(max_batch=50) as other:
        assert (session.isa, session.program.target) == (LEVEL, NAME)
        np.testing.assert_array_equal(session(x), other(x))
        assert [len(one.profile({"image": x}, 1, 0)) > 2 for one in (session, other)] == [True, True]
        np.testing.assert_array_equal(copy.copy(session)(x), pickle.loads(pickle.dumps(session))(x))


def test_its_artifact_has_its_program_and_its_sections(saved: Path) -> None:
    with open_artifact(saved) as file:
        assert [program.name for program in file.programs] == [NAME]
        assert sorted(file.sections) == ["certificate", GRAPH, "report"]
        assert file.json("certificate")["valid"] and "accumulators" in file.json("certificate")["summary"]


def test_whoever_does_not_know_it_says_so(saved: Path) -> None:
    from dyadic.runtime import executor

    executor.remove(NAME)
    try:
        with pytest.raises(ArtifactError, match=f"a program for '{NAME}', which this version of dyadic cannot run"):
            dyadic.load(saved)
    finally:
        from support.interpreter_target import InterpreterExecutor

        executor.add(NAME, InterpreterExecutor)


def test_every_command_takes_it(saved: Path, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.dyq"
    run("compile", MODEL, "--calibration", data, "--target", NAME, "--progress", "off", "-o", path)
    assert "there is no code to look at" in run("verify", path)
    assert NAME in run("inspect", "--json", path) and LEVEL in run("bench", path, "--iterations", 2)
    run("run", path, "--input", data, "--output", tmp_path / "y.npy")
    assert np.load(tmp_path / "y.npy").shape == (32, 10)
    assert LEVEL in run("compare", path, MODEL, "--data", data, "--samples", 8)
    run("report", path, "--html", tmp_path / "report.html")
    graph = run("compile", MODEL, "--calibration", data, "--target", NAME, "--emit", "llvm", "--progress", "off")
    assert "qi.conv2d" in graph


def test_a_search_and_tuning_go_through_its_interface(data: Path) -> None:
    artifact = dyadic.compile(MODEL, data, target=NAME, max_bops="0.7x", tune="quick", sensitivity="sqnr")
    tuned = artifact.report.tune
    assert tuned is not None and tuned.details["level"] == LEVEL and not tuned.details["changes"]
    assert {row.weights for row in artifact.report.layers if row.weights} > {"w8"}


def test_levels_are_the_targets_own() -> None:
    assert Options(target=NAME).levels == (LEVEL,)
    with pytest.raises(UsageError, match=f"isa 'x86-64' is no level that code is made for; there are {LEVEL}"):
        Options(target=NAME, isa=("x86-64",))
    with pytest.raises(UsageError, match=f"target must be one of cpu, cuda, {NAME}, not 'gpu'"):
        Options(target="gpu")


def test_one_artifact_has_programs_for_several_targets(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "both.dyq"
    made = dyadic.compile(MODEL, data, target=f"{NAME},cpu:x86-64", measure=False)
    made.save(path)
    with open_artifact(path) as file:
        assert [program.name for program in file.programs] == [NAME, "cpu"]
        assert {GRAPH, "qi", "cpu/weights", "cpu/code/x86-64"} <= set(file.sections)
        assert [image["level"] for image in file.json("certificate")["images"]] == ["x86-64"]
    assert f"{LEVEL}: there is no code" in (said := run("verify", path)) and "x86-64: " in said


@pytest.fixture
def made_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The levels of the processor that machine code is made for, where this machine cannot run the other target."""
    levels: list[str] = []

    def compile_kernels(specs: dict[str, Any], asked: Sequence[str], **more: Any) -> dict[str, Image]:
        levels.extend(asked)
        return codegen.compile_kernels(specs, asked, **more)

    monkeypatch.setattr(emit, "compile_kernels", compile_kernels)
    monkeypatch.setattr(Interpreter, "usable", lambda self: ())
    return levels


def test_what_this_machine_cannot_run_is_measured_with_the_same_integers(data: Path, made_for: list[str]) -> None:
    made = dyadic.compile(MODEL, data, target=f"{NAME}:{LEVEL}")
    assert [one.target for one in (made.emitted, *made.emitted.beside)] == [NAME]
    assert made_for == [usable()[0]] and made.made["options"]["levels"] == [LEVEL]
    assert made.report.comparison is not None
    (note,) = [one for one in made.report.notes if "cannot run" in one]
    assert f"this machine cannot run code for {NAME}: " in note and usable()[0] in note


def test_no_machine_code_is_made_where_nothing_is_run(data: Path, made_for: list[str]) -> None:
    target = f"{NAME}:{LEVEL}"
    made = dyadic.compile(MODEL, data, target=target, measure=False)
    assert made.emitted.target == NAME and made.certificate.accumulators and len(made.report.layers) > 5
    graph = run("compile", MODEL, "--calibration", data, "--target", target, "--emit", "llvm", "--progress", "off")
    assert "qi.conv2d" in graph and made_for == []
    beside = Options(target=f"{target},cpu", measure=False)
    assert beside.primary.name == Options(target=target, max_bops="0.7x", measure=False).primary.name == "cpu"
    assert beside.levels == beside.primary.target.usual()


def test_no_time_is_promised_for_what_cannot_be_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interpreter, "usable", lambda self: ())
    with pytest.raises(UsageError, match=f"--max-latency promises a time, and this machine cannot run code for {NAME}"):
        Options(target=NAME, max_latency="0.5x")
    assert Options(target=f"{NAME},cpu", max_latency="0.5x").primary.name == "cpu"
    with pytest.raises(UsageError, match=f"--tune measures kernels on this machine, which cannot run code for {NAME}"):
        Options(target=NAME, tune="quick")
    assert Options(target=f"{NAME},cpu", tune="quick").primary.name == "cpu"


def test_targets_that_nobody_knows_are_refused() -> None:
    asked = Options(target=f"cpu:avx2,{NAME}").asked
    assert [(one.name, one.levels) for one in asked] == [("cpu", ("avx2",)), (NAME, ())]
    with pytest.raises(UsageError, match=f"target must be one of cpu, cuda, {NAME}, not 'gpu:sm_80'"):
        Options(target="cpu,gpu:sm_80")
    with pytest.raises(UsageError, match=f"target {NAME}:sse: code is made for {LEVEL}, not for 'sse'"):
        Options(target=f"cpu,{NAME}:sse")
