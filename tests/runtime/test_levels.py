"""Which level runs where, and the names LLVM knows them by."""

import errno

import pytest

from dyadic.runtime import native
from dyadic.runtime.cpu import levels
from dyadic.runtime.errors import MachineError, UsageError


def pretend(monkeypatch: pytest.MonkeyPatch, *wanted: str, refusal: int = 0) -> None:
    """A machine that has these levels; its system answers `refusal` to whoever asks for AMX."""
    had = frozenset().union(*(levels.BY_NAME[name].needs for name in wanted))
    monkeypatch.setattr(levels, "features", lambda: had)
    monkeypatch.setattr(levels, "_refusal", lambda level: refusal if level == "amx" else 0)


def test_detection_agrees_with_the_kernel() -> None:
    with open("/proc/cpuinfo") as cpuinfo:
        flags = next((line for line in cpuinfo if line.startswith("flags")), None)
    if flags is None:
        pytest.skip("NOT TESTED: this processor is no x86")
    names = {
        "pni": "sse3",
        "sse4_1": "sse4.1",
        "sse4_2": "sse4.2",
        "abm": "lzcnt",
        "bmi1": "bmi",
        "avx512_vnni": "avx512vnni",
        "avx_vnni": "avxvnni",
        "amx_tile": "amx-tile",
        "amx_int8": "amx-int8",
    }
    known = frozenset().union(*(level.needs for level in levels.LEVELS))
    assert native.cpu_features() & known == {names.get(flag, flag) for flag in flags.split()} & known


def test_the_best_level_is_chosen(monkeypatch) -> None:
    both = ("x86-64", "avx512vnni")
    pretend(monkeypatch, "x86-64", "avx2")
    assert levels.usable() == ("avx2", "x86-64")
    assert levels.choose(both) == "x86-64"
    pretend(monkeypatch, "x86-64", "avx512vnni")
    assert levels.choose(both) == "avx512vnni"
    assert levels.choose(both, "x86-64") == "x86-64"
    monkeypatch.setenv("DYADIC_ISA", "x86-64")
    assert levels.choose(both) == "x86-64"


def test_every_generation_of_machines_gets_its_own_code(monkeypatch) -> None:
    every = [level.name for level in levels.LEVELS]
    assert every == ["amx", "avx512vnni", "avxvnni", "avx2", "x86-64"]
    for level in every:
        pretend(monkeypatch, level, "x86-64")
        assert levels.choose(every) == level
    pretend(monkeypatch, "avx512vnni", "x86-64")  # the first processors with AVX-512 VNNI lack its VEX form
    assert levels.choose(["avxvnni", "avx2", "x86-64"]) == "avx2"


def test_what_is_missing_is_named(monkeypatch) -> None:
    pretend(monkeypatch, "x86-64", "avx2")
    with pytest.raises(MachineError, match=r"avx512vnni needs avx512bw, .*compile it again with --isa x86-64"):
        levels.choose(["avx512vnni"])
    with pytest.raises(MachineError, match="lacks avxvnni; it can run avx2, x86-64"):
        levels.choose(["avxvnni"], "avxvnni")
    with pytest.raises(UsageError, match="none of that name; there are amx, avx512vnni"):
        levels.choose(["x86-64"], "altivec")


SUM = """define <16 x i32> @f(<16 x i32> %a, <16 x i32> %b) {
  %c = add <16 x i32> %a, %b
  ret <16 x i32> %c
}"""
WIDEST = {"amx": "zmm", "avx512vnni": "zmm", "avxvnni": "ymm", "avx2": "ymm", "x86-64": "xmm"}


def test_llvm_knows_the_levels(capfd: pytest.CaptureFixture[str]) -> None:
    """A processor or feature that LLVM does not know is a line on standard error, and then left out."""
    binding = pytest.importorskip("llvmlite.binding", reason="NOT TESTED: needs llvmlite")
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple("x86_64-unknown-linux-gnu")
    for level in levels.LEVELS:
        target.create_target_machine(cpu="x86-64", features=",".join(f"+{name}" for name in sorted(level.needs)))
        machine = target.create_target_machine(cpu=level.llvm_cpu, features=level.llvm_features)
        code = machine.emit_assembly(binding.parse_assembly(SUM))
        assert [name for name in ("xmm", "ymm", "zmm") if f"%{name}" in code] == [WIDEST[level.name]]
    assert capfd.readouterr().err == ""
    target.create_target_machine(cpu="x86-64", features="+no-such-feature")
    assert "not a recognized feature" in capfd.readouterr().err


def test_a_system_that_refuses_amx_gets_the_next_level(monkeypatch) -> None:
    pretend(monkeypatch, "amx", refusal=errno.EPERM)
    assert "amx" not in levels.usable()
    assert levels.choose(["amx", "avx512vnni", "x86-64"]) == "avx512vnni"
    assert levels.choose(["amx"], "amx") == "amx"  # forced: what is missing is said when it is asked for
    with pytest.raises(MachineError, match="amx needs leave of the operating system"):
        levels.choose(["amx"])
    with pytest.raises(MachineError, match="refuses the AMX tile registers: Operation not permitted"):
        levels.prepare("amx")
    pretend(monkeypatch, "amx")
    assert levels.choose(["amx", "avx512vnni"]) == "amx"
