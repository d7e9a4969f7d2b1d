"""The commands that need an artifact take a device, and say which it is."""

import json

import numpy as np
from click.testing import CliRunner

import dyadic
from dyadic.compiler.cli import main as cli
from dyadic.runtime import artifact

NAME = "cuda:0 (PTX executor as sm_90, sm_90)"


def run(*words: object) -> str:
    done = CliRunner().invoke(cli.commands, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_run(model, network, x, cuda, tmp_path) -> None:
    np.save(tmp_path / "x.npy", x)
    run("run", model, "--device", "cuda:0", "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), network.expected(x))


def test_bench(model, cuda) -> None:
    said = run("bench", model, "--device", "cuda", "--batch", 2, "--iterations", 2, "--warmup", 0, "--profile")
    assert f"ptx, {NAME}, batch 2, 2 runs" in said.splitlines()[0] and "threads" not in said
    assert said.count(" us ") == 3 and "/both" in said
    facts = json.loads(run("bench", model, "--device", "cuda", "--iterations", 1, "--json"))
    assert (facts["device"], facts["isa"]) == (NAME, "ptx")


def test_inspect(model) -> None:
    """Needs no device."""
    said = run("inspect", model, "--device", "cuda")
    assert "code        ptx: 6 kernels" in said and "layer       add" in said


def test_what_is_wrong_is_a_sentence_and_a_code(model, cuda, monkeypatch, capsys) -> None:
    assert cli.main(["bench", str(model), "--device", "cpu"]) == 2
    assert "has no program for 'cpu', it has one for 'cuda'" in capsys.readouterr().err
    monkeypatch.setenv("PTX_EXECUTOR_DEVICES", "0")
    assert cli.main(["bench", str(model), "--device", "cuda"]) == 7
    assert "there is no GPU that CUDA can use" in capsys.readouterr().err
    monkeypatch.setenv("PTX_EXECUTOR_DEVICES", "1")
    monkeypatch.setenv("PTX_EXECUTOR_MEMORY", "1")
    assert cli.main(["bench", str(model), "--device", "cuda"]) == 8
    assert "no memory on cuda:0" in capsys.readouterr().err


def test_of_two_programs_the_devices_is_meant(model, network, x, cuda, tmp_path, identity_on_cpu, monkeypatch) -> None:
    """The processor's, unless a device is named; what both are for has the same name."""
    cpu, cpu_sections = identity_on_cpu
    both = tmp_path / "both.dyq"
    with artifact.open_artifact(model) as file:
        sections = {name: bytes(file.section(name)) for name in file.sections}
    for programs in ([network.program, cpu], [cpu, network.program]):
        artifact.write(both, programs=programs, sections=sections | cpu_sections, made={})
        with dyadic.load(both) as session, dyadic.load(both, device="cuda") as other:
            assert (session.program.target, other.program.target) == ("cpu", "cuda")
            assert (session.device, session.device_name) == ("cpu", "")
            np.testing.assert_array_equal(other(x[:1]), network.expected(x[:1]))
        assert "program     cuda" in run("inspect", both)
        assert "code        ptx" in run("inspect", both, "--device", "cuda")
        assert "code        x86-64" in run("inspect", both)
    monkeypatch.setenv("DYADIC_LIBCUDA", "/nowhere")
    dyadic.load(both).close()  # whoever runs on the processor opens no driver
