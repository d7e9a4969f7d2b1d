"""Widths from the command line: plans written and read back, limits that cannot be met, and what is no way to ask."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import DIGITS, report_of

import dyadic
from dyadic.compiler import driver
from dyadic.compiler.cli.main import main
from dyadic.compiler.options import Options
from dyadic.compiler.quality.acceptance import by_agreement
from dyadic.compiler.report_schema import Interval
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.errors import SearchInterrupted, UsageError

MODEL = DIGITS / "digits.onnx"
FIRST, POINTWISE = "/stem/stem.0/Conv", "/pointwise/pointwise.0/Conv"

pytestmark = pytest.mark.usefixtures("short_fronts")


@pytest.fixture
def said(calibration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """(exit code, standard error) of `dyadic compile` of the example network; `out.dyq` is where artifacts go."""

    def run(*words: str | Path, until: str = "emit") -> tuple[int, str]:
        output = tmp_path / ("out.dyq" if until == "emit" else "out.mlir")
        line = ["compile", MODEL, "--calibration", calibration, "-o", output, "--isa", "x86-64"]
        line += ["--progress", "off", "--sensitivity", "sqnr", *(["--until", until] if until != "emit" else [])]
        code = main([str(word) for word in (*line, *words)])
        return code, capsys.readouterr().err.lstrip()  # an interrupt ends the line on the terminal first

    return run


def weights_of(path: Path) -> bytes:
    with open_artifact(path) as file:
        return bytes(file.section("cpu/weights"))


def test_a_plan_that_was_written_compiles_to_the_same_weights(said: Any, tmp_path: Path) -> None:
    plan, out = tmp_path / "plan.json", tmp_path / "out.dyq"
    code, error = said("--precision", "w4a8", "--keep", f"{FIRST}=w8a16", "--exclude", POINTWISE, "--emit-plan", plan)
    assert (code, error) == (0, "")
    weights = weights_of(out)
    layers, why = (json.loads(plan.read_text())[key] for key in ("layers", "why"))
    assert layers[FIRST] == "w8a16" and layers[POINTWISE] == "f32a16" and layers["image"] == "a8"
    assert {scheme for name, scheme in layers.items() if name not in (FIRST, POINTWISE) and "w" in scheme} == {"w4a8"}
    assert why[FIRST] == f"--keep {FIRST}=w8a16" and why["image"] == "--precision w4a8"
    assert why[POINTWISE] == f"--exclude {POINTWISE}"
    again = tmp_path / "again.json"
    assert said("--plan", plan, "--emit-plan", again) == (0, "")
    assert weights_of(out) == weights
    assert json.loads(again.read_text())["layers"] == layers


def test_the_python_call_writes_plans_too(tmp_path: Path, calibration: Path) -> None:
    dyadic.compile(MODEL, calibration, isa=("x86-64",), emit_plan=tmp_path / "plan.json", measure=False)
    layers = json.loads((tmp_path / "plan.json").read_text())["layers"]
    assert layers[FIRST] == "w8a8" and layers["image"] == "a8"


def test_4_a_size_that_cannot_be_met_leaves_the_nearest_plan(said: Any, tmp_path: Path) -> None:
    code, error = said("--max-size", "0.01x")
    assert code == 4 and error.startswith("dyadic: --max-size 0.01x cannot be met: ") and error.count("\n") == 1
    plan = tmp_path / "out.plan.json"
    assert f"the plan is in {plan}" in error and not (tmp_path / "out.dyq").exists()
    schemes = json.loads(plan.read_text())["layers"]
    assert {schemes[FIRST], schemes[POINTWISE]} == {"w2a8"}
    assert said("--plan", plan) == (0, "")
    assert len(weights_of(tmp_path / "out.dyq")) > 0


def test_130_an_interrupted_search_leaves_its_best_plan(
    said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise SearchInterrupted({FIRST: "w2a8", "image": "a8"})

    monkeypatch.setattr(driver, "select", interrupted)
    code, error = said("--max-size", "0.6x", "--emit-plan", tmp_path / "best.json")
    assert code == 130 and error.count("\n") == 1
    assert f"interrupted; no artifact was written, but the plan is in {tmp_path / 'best.json'}" in error
    monkeypatch.undo()
    assert said("--plan", tmp_path / "best.json", until="select")[0] == 0


def test_143_a_search_that_sigterm_ends_leaves_its_best_plan(
    said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`timeout` sends it twice, to the process and to its group: the second must not cost the plan."""

    def ended(*_: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGTERM)
            raise SearchInterrupted({FIRST: "w2a8", "image": "a8"}) from None

    monkeypatch.setattr(driver, "select", ended)
    before = signal.getsignal(signal.SIGTERM)
    code, error = said("--max-size", "0.6x", "--emit-plan", tmp_path / "best.json")
    assert code == 143 and signal.getsignal(signal.SIGTERM) is before
    assert error == (
        f"dyadic: ended by SIGTERM; no artifact was written, but the plan is in {tmp_path / 'best.json'}: "
        "compile it with --plan, or edit it first\n"
    )


def test_130_without_a_plan_nothing_was_written(said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "select", interrupted)
    assert said("--max-size", "0.6x") == (130, "dyadic: interrupted; nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_2_strict_refuses_what_is_applied_otherwise(said: Any) -> None:
    code, error = said("--strict", "--exclude", "/ReduceMean", until="select")
    assert code == 2
    assert error == (
        "dyadic: --strict: /ReduceMean: float was asked for, a16 would be applied "
        "(only convolutions and linear layers stay float; this is the most precise form that it has)\n"
    )
    assert said("--exclude", "/ReduceMean", until="select")[0] == 0
    for words in (("--exclude", FIRST), ("--keep", f"{FIRST}=f32a8"), ("--exclude", "linear")):
        assert said("--strict", *words, until="select") == (0, "")
    code, error = said("--strict", "--keep", "depthwise=w4g32", until="select")
    assert code == 2 and "w4g32a8 was asked for, w4a8 would be applied (its results have one input channel" in error
    assert said("--strict", "--keep", f"{FIRST}=w8a16", until="select")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--keep", "/stem/stem.0/Con=w8a16"), f"matches no layer; did you mean {FIRST}"),
        (("--keep", "conv3d=w8"), "--keep conv3d=w8 matches no layer; did you mean conv2d"),
        (("--keep", f"{FIRST}=w3a8"), "'w3a8' is no scheme; weights are w8, w4, w4g64, w4g32, w2 or f32"),
        (("--keep", f"{FIRST}=f16"), "'f16' is no scheme; weights are w8, w4, w4g64, w4g32, w2 or f32"),
        (("--keep", "image=f32"), '"image" has no weights; say a16, a8 or a4 alone'),
        (("--keep", "w4a8"), "--keep 'w4a8' is not NAME=SCHEME"),
        (("--keep", "image=w4"), '"image" has no weights; say a16, a8 or a4 alone'),
        (("--exclude", "nothing"), "--exclude 'nothing' matches no layer"),
    ],
)
def test_2_names_and_schemes_that_there_are_not(said: Any, words: tuple[str, ...], sentence: str) -> None:
    code, error = said(*words, until="select")
    assert code == 2 and sentence in error


def test_2_plans_that_do_not_fit(said: Any, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    for layers, sentence in [
        ({"/stem/stem.0/con": "w4"}, f'"/stem/stem.0/con", which the model has not; did you mean {FIRST}'),
        ({FIRST: "w8a4", "/Relu": "a8"}, "which share the type of their results; say the same of both"),
        ({"image": "w4a8"}, 'w4a8 of layer "image", which has no weights; a8 would do'),
        ({"image": "f32a8"}, 'f32a8 of layer "image", which has no weights; a8 would do'),
    ]:
        plan.write_text(json.dumps({"dyadic_plan": 1, "layers": layers}))
        code, error = said("--plan", plan, until="select")
        assert code == 2 and sentence in error


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"precision": "w4a8", "max_size": "0.6x"}, "leave --precision w4a8 out, or the limits"),
        ({"precision": "w8a16", "max_drop": "1%"}, "leave --precision w8a16 out, or the limits"),
        ({"precision": "mixed"}, "needs a limit to choose by: --max-size, --max-latency, --max-bops or --max-drop"),
        ({"plan": Path("p.json"), "precision": "w4a8"}, "leave --precision and limits out, or the plan"),
        ({"plan": Path("p.json"), "max_size": "0.6x"}, "leave --precision and limits out, or the plan"),
        ({"max_size": "small"}, "--max-size 'small' is no limit; write it as 6.7MB"),
        ({"time_limit": "soon"}, "--time-limit 'soon' is no duration; write it as 90s, 10m or 1.5h"),
        ({"sensitivity": "guess"}, "--sensitivity must be one of hessian-top-eigenvalue"),
    ],
)
def test_2_combinations_that_contradict_each_other(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**wrong)
    assert sentence in str(caught.value)


def test_limits_choose_by_themselves_or_as_mixed() -> None:
    assert Options(max_size="0.6x", max_drop="1%").limits.keys() == {"size", "drop"}
    assert Options(precision="mixed", max_bops="1G").mixed and not Options(precision="w4a8").mixed


def test_2_a_drop_is_judged_on_other_samples(said: Any) -> None:
    code, error = said("--max-drop", "1%")
    assert code == 2 and "--max-drop is judged on --evaluate data" in error


@pytest.mark.parametrize("labels", [True, False])
def test_a_drop_is_kept_as_accuracy_or_as_agreement(said: Any, tmp_path: Path, labels: bool) -> None:
    """Of 597 samples 2 points may be lost: the report says what was tried; what was chosen is accepted."""
    data = dict(np.load(DIGITS / "test.npz"))
    if not labels:
        del data["labels"]
    np.savez(tmp_path / "others.npz", **data)
    code, notes = said("--max-drop", "2%", "--evaluate", tmp_path / "others.npz")
    assert code == 0 and all("signal to noise" in note for note in notes.splitlines())
    selection = report_of(tmp_path / "out.dyq").selection
    assert selection is not None
    float_, int8, chosen = selection.variants
    assert selection.objective == "the smallest network within --max-drop 2%"
    assert (chosen.weight_bytes or 0) < (int8.weight_bytes or 0)
    notes = [note for note in selection.notes if note.startswith("a plan of ")]
    assert notes and all(" points on 597 samples, at most " in note for note in notes)
    if labels:
        assert chosen.accuracy is not None and float_.accuracy is not None and chosen.difference is not None
        assert chosen.accuracy >= float_.accuracy - 0.02
    else:
        assert chosen.accuracy is None and chosen.agreement is not None
        assert by_agreement(round(597 * (1 - chosen.agreement)), 597, 0.02).accepted


def test_every_compile_can_be_typed_again(said: Any, calibration: Path, tmp_path: Path) -> None:
    assert said("--precision", "w4a8", "--keep", f"{FIRST}=w8")[0] == 0
    commands = report_of(tmp_path / "out.dyq").commands
    typed = f"dyadic compile digits.onnx --calibration {calibration.name} --precision w4a8 --keep {FIRST}=w8"
    assert all(commands[key].startswith(typed) for key in ("headline", "requested", "refine", "layers share of peak"))
    assert commands["layers SQNR"].startswith("dyadic compare model.dyq digits.onnx --data ")


def test_excluded_layers_are_islands_however_it_is_said(said: Any, tmp_path: Path, command: Any) -> None:
    """By --exclude, by --keep, by a plan: the same code and weights. Every command says that it is not integer-only."""
    plan, out = tmp_path / "plan.json", tmp_path / "out.dyq"
    plan.write_text(json.dumps({"dyadic_plan": 1, "layers": {FIRST: "f32a16", "/classifier/Gemm": "f32a16"}}))
    seen = []
    for words in (
        ("--exclude", FIRST, "--exclude", "linear", "--strict"),
        ("--keep", f"{FIRST}=f32a16", "--keep", "/classifier/Gemm=f32a16", "--strict"),
        ("--plan", plan, "--strict"),
    ):
        assert said(*words) == (0, "")
        with open_artifact(out) as file:
            seen.append([bytes(file.section(name)) for name in ("cpu/weights", "cpu/params", "cpu/code/x86-64")])
            certificate, report = file.json("certificate"), report_of(out)
        assert certificate["valid"] is False and certificate["islands"] == [FIRST, "/classifier/Gemm"]
        assert report.certificate.startswith("integer-only but for 2 float islands (")
        assert [row.weights for row in report.layers if row.name == FIRST] == ["f32"]
    assert seen[0] == seen[1] == seen[2]
    verified, inspected, reported = (command(word, out).stdout for word in ("verify", "inspect", "report"))
    assert f"these layers stay float: {FIRST}, /classifier/Gemm" in verified and "every hash is right" in verified
    assert 'certificate integer-only but for 2 float islands ("' in inspected
    assert "Not all of it is integers: 2 layers stay in float." in " ".join(reported.split())


def test_a_search_keeps_what_is_excluded_in_float(said: Any, tmp_path: Path) -> None:
    """Its cost is measured in place; what ratios are against has no islands."""
    assert said("--max-bops", "0.9x", "--exclude", FIRST, "--strict") == (0, "")
    report = report_of(tmp_path / "out.dyq")
    assert report.selection is not None and report.latency is not None
    assert report.selection.applied[FIRST] == "f32a16" and report.selection.differences == ()
    (row,) = [row for row in report.layers if row.name == FIRST]
    assert row.sensitivity == Interval(0.0, 0.0, 0.0) and row.why == f"--exclude {FIRST}"
    assert [layer.name for layer in report.latency.layers].count(FIRST) == 1


def test_5_an_island_that_the_certificate_does_not_name_is_refused(tmp_path: Path, calibration: Path) -> None:
    artifact = dyadic.compile(
        MODEL, calibration, isa=("x86-64",), exclude=[FIRST], keep={"linear": "f32"}, measure=False
    )
    certificate = replace(artifact.certificate, islands=("/classifier/Gemm",))
    replace(artifact, certificate=certificate).save(tmp_path / "m.dyq")
    assert main(["verify", str(tmp_path / "m.dyq")]) == 5
