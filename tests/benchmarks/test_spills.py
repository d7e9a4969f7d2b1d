"""What the assembler says of kernels is counted, and what does not fit is named."""

import json
from pathlib import Path

import pytest

from benchmarks.gpu import spills, table
from benchmarks.gpu.__main__ import main
from benchmarks.replay.zoo import Case
from dyadic.compiler.targets.cuda.assemble import Assembled, Resources, assembler

FITS, SPILLS, FRAME = [128, 0, 0, 0], [128, 8, 16, 12], [40, 256, 0, 0]
RECORDS = [
    {
        "group": "replay",
        "name": "fits",
        "launches": 6,
        "layers": 5,
        "kernels": {"sm_80": {"a": FITS}, "sm_90a": {"a": FITS, "b": FITS}},
    },
    {"group": "replay", "name": "spills", "kernels": {"sm_80": {"a": FITS}, "sm_90a": {"a": SPILLS, "c": FRAME}}},
    {"group": "widths", "name": "islands", "refused": "stays in float"},
]


def test_kernels_are_counted_once_and_those_that_spill_are_named() -> None:
    made = spills.summary(RECORDS)
    assert made["replay"]["kernels"] == {"sm_80": 1, "sm_90a": 3}
    assert (made["replay"]["networks"], made["replay"]["registers"]) == (["fits", "spills"], 128)
    assert made["replay"]["spills"] == {"spills": {"a": "sm_90a", "c": "sm_90a"}}
    assert made["widths"]["refused"] == {"islands": "stays in float"}
    section = table.spills_section(made)
    assert "networks | 2 | 1 | 3 | 128 | 2 |" in section
    assert "Asked so far: `fits`, `spills`.\n" in section
    assert "* `spills`: spills: a, c\n" in section and "* `islands`: stays in float\n" in section


def test_a_kernel_of_several_tests_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    head = "//\n.version 7.0\n.target sm_80\n"
    one, same, other = (f".visible .entry k0(\n)\n{{\n\t{what};\n}}\n" for what in ("ret", "ret", "exit"))

    def made(text: str, architecture: str) -> Assembled:
        used = 32 if "exit" in text else 24
        return Assembled(b"", {name: Resources(used, 0, 0, 0, 0) for name in spills.named(text)})

    monkeypatch.setattr(spills, "assemble", made)
    hopper, by_hand = (head + one).replace("sm_80", "sm_90a"), ".version 7.0\n.target sm_80\n.entry k1(){ret;}"
    texts = [head + one, head + same + "\n", head + other, by_hand]
    found = spills.assembled([*texts, hopper.replace("ret", "trap")], "sm_80")
    assert sorted(one[0] for one in found.values()) == [24, 32] and all(name.startswith("k0 ") for name in found)
    assert len(spills.assembled([*texts, hopper.replace("ret", "trap")], "sm_90a")) == 3


def test_groups_that_the_log_has_nothing_of_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spills, "assembler", lambda: Path("ptxas"))
    monkeypatch.setattr(spills, "SUMMARY", tmp_path / "spills.json")
    (tmp_path / "spills.json").write_text('{"widths": 7, "tests": 8}')
    kernels = {of: {"k": FITS} for of in spills.ARCHITECTURES}
    monkeypatch.setitem(spills.GROUPS, "tests", lambda: [("kernels", lambda: {"kernels": kernels})])
    assert main(["spills", str(tmp_path / "log.jsonl"), "--groups", "tests"]) == 0
    kept = json.loads((tmp_path / "spills.json").read_text())
    assert kept["widths"] == 7 and kept["tests"]["kernels"] == {"sm_80": 1, "sm_90a": 1}


def test_a_failure_and_a_refusal_do_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if assembler() is None:
        monkeypatch.setattr(spills, "assembler", lambda: Path("ptxas"))

    def fail() -> spills.Made:
        raise ValueError("of ours")

    def refuse() -> spills.Made:
        return spills.replayed(Case(lambda: ("/no/model.onnx", None, None)))

    cases = {"fails": fail, "is refused": refuse, "another": fail}
    monkeypatch.setattr(spills, "SUMMARY", tmp_path / "spills.json")
    monkeypatch.setitem(
        spills.GROUPS,
        "replay",
        lambda: ((name, lambda make=make: spills.compiled(make)) for name, make in cases.items()),
    )
    log = tmp_path / "log.jsonl"
    command = ["spills", str(log), "--groups", "replay", "--only", "*[sd]"]
    assert main(command) == 1 and main(command) == 1
    said = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["name"] for one in said] == ["fails", "is refused"] and said[0]["failed"] == "ValueError: of ours"
    assert '"/no/model.onnx"' in said[1]["refused"] and "replay: fails: failed" in capsys.readouterr().out


def test_without_an_assembler_it_is_a_sentence_and_7(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spills, "assembler", lambda: None)
    assert main(["spills", str(tmp_path / "log.jsonl")]) == 7
    assert "there is no ptxas here" in capsys.readouterr().err
