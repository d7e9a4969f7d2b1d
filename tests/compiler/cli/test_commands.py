"""What the commands do when all is well."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS, Command

import dyadic

TEST = np.load(DIGITS / "test.npz")


def test_compile_ends_with_the_table_and_saves_the_artifact(
    started_anew: Command, command: Command, tmp_path: Path, calibration: Path
) -> None:
    words = ("--evaluate", DIGITS / "test.npz", "-o", "m.dyq", "--threads", "1", "--isa", "x86-64")
    done = started_anew("compile", DIGITS / "digits.onnx", "--calibration", calibration, *words)
    assert done.returncode == 0, done.stderr
    for row in ("accuracy", "same class as float", "output SQNR", "time per image", "size"):
        assert row in done.stdout
    assert "95 % interval" in done.stdout and "integer-only: none of" in done.stdout
    report = json.loads(command("report", "m.dyq", "--json").stdout)
    comparison = report["comparison"]
    assert comparison["samples"] == len(TEST["labels"]) and comparison["held_out"]
    assert abs(comparison["int8_accuracy"] - comparison["float_accuracy"]) < 0.015
    assert comparison["sqnr_db"] > 30 and comparison["threads"] == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "m.dyq"]


def test_python_does_the_same_as_the_command(artifact: Path, command: Command, tmp_path: Path) -> None:
    assert command("run", artifact, "--input", DIGITS / "test.npz", "--output", "y.npz").returncode == 0
    with dyadic.load(artifact, threads=1, max_batch=8) as session:
        (expected,) = session.run(None, {"image": TEST["image"][:8]})
    with np.load(tmp_path / "y.npz") as written:
        assert written["logits"].shape == (len(TEST["labels"]), 10)
        np.testing.assert_array_equal(written["logits"][:8], expected)
        assert (written["logits"].argmax(1) == TEST["labels"]).mean() > 0.97


def test_run_reads_and_writes_npy(artifact: Path, command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", TEST["image"][:3])
    assert command("run", artifact, "--input", "x.npy", "--output", "y.npy", "--threads", "2").returncode == 0
    assert np.load(tmp_path / "y.npy").shape == (3, 10)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (TEST["image"][:3].astype(np.complex64), "dtype complex64, expected float32"),
        (TEST["image"][:3, 0], "has shape [3, 8, 8], expected [N, 1, 8, 8]"),
        (TEST["image"][:0], "give it at least one sample"),
    ],
)
def test_run_refuses_what_does_not_fit(
    artifact: Path, command: Command, tmp_path: Path, x: np.ndarray, said: str
) -> None:
    np.save(tmp_path / "x.npy", x)
    done = command("run", artifact, "--input", "x.npy", "--output", "y.npy")
    assert done.returncode == 2 and said in done.stderr
    assert not (tmp_path / "y.npy").exists()


def test_bench_prints_json(artifact: Path, command: Command) -> None:
    done = command("bench", artifact, "--threads", "1", "--iterations", "5", "--warmup", "1", "--json", "--profile")
    result = json.loads(done.stdout)
    assert (result["threads"], result["iterations"], result["batch"], result["isa"]) == (1, 5, 1, "x86-64")
    assert 0 < result["min_ms"] <= result["median_ms"] <= result["p90_ms"]
    assert "/classifier/Gemm" in [layer["layer"] for layer in result["layers"]]
    assert "images/s" in command("bench", artifact, "--iterations", "2", "--batch", "2").stdout


def test_inspect_names_inputs_layers_and_certificate(artifact: Path, command: Command) -> None:
    text = command("inspect", artifact).stdout
    assert "image float32 [N, 1, 8, 8]" in text and "/classifier/Gemm" in text and "integer-only" in text
    facts = json.loads(command("inspect", artifact, "--json").stdout)
    assert facts["levels"]["x86-64"]["kernels"] > 0 and facts["macs_per_image"] > 100_000
    assert facts["made"]["calibration"]["samples"] == 64
    assert "/" not in json.dumps(facts["made"]["model"]["name"])


def test_verify_sweeps_the_code_again(artifact: Path, command: Command) -> None:
    done = command("verify", artifact)
    assert done.returncode == 0 and "none computes in floating point" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected", "gone"),
    [
        (("--until", "import"), "torch.operator", '"qd.'),
        (("--until", "prepare"), '"qd.conv2d"', "torch."),
        (("--emit", "qd"), "qd.bits = 8", "qi."),
        (("--emit", "qi"), '"qi.conv_add"', '"qd.'),
        (("--until", "lower"), '"qi.launch"', '"qi.conv2d"('),
        (("--emit", "llvm"), "define", "qi.launch"),
    ],
)
def test_the_network_in_between(
    command: Command, calibration: Path, words: tuple[str, ...], expected: str, gone: str
) -> None:
    data = () if words[1] in ("import", "prepare") else ("--calibration", calibration)
    done = command("compile", DIGITS / "digits.onnx", *data, *words, "--progress", "off")
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout and gone not in done.stdout


def test_bytecode_goes_to_a_file_that_dyadic_opt_reads(command: Command, tmp_path: Path) -> None:
    from dyadic.compiler.opt.main import main as opt

    words = ("--until", "ingest", "-o", "m.mlirbc", "--progress", "off")
    assert command("compile", DIGITS / "digits.onnx", *words).returncode == 0
    assert opt(["-p", "prepare", str(tmp_path / "m.mlirbc")]) == 0


def test_a_trace_has_a_numbered_page_for_every_pass(command: Command, tmp_path: Path) -> None:
    words = ("--until", "prepare", "--trace", "pages", "-o", "m.mlir", "--progress", "off")
    assert command("compile", DIGITS / "digits.onnx", *words).returncode == 0
    pages = sorted(path.name for path in (tmp_path / "pages").iterdir())
    assert pages[0] == "00-import-module.mlir" and pages[-1].startswith(f"{len(pages) - 1:02}-prepare-")
    assert all(path.stat().st_size < 60_000 for path in (tmp_path / "pages").iterdir())  # weights are elided
