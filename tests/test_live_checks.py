"""The guard against dead checks finds each kind of corpse, and leaves living tests alone."""

import importlib.util
from pathlib import Path

import pytest

LIT = Path(__file__).resolve().parent.parent / "lit_tests"
SPEC = importlib.util.spec_from_file_location("live_checks", LIT / "live_checks.py")
assert SPEC and SPEC.loader
LIVE_CHECKS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(LIVE_CHECKS)

RUN = "// RUN: dyadic-opt -p a %s | filecheck %s\n"
CORPSES = {
    "func.func @f()": "has no RUN line",
    "// RUN: dyadic-opt %s\n// CHECK: f": "no RUN line pipes into filecheck",
    RUN + "// CHECK: f\n// OTHER: g": "OTHER: is written but no RUN line reads it",
    RUN + "// CHECK f": "CHECK is read by a RUN line but never written",
    RUN + "// CHECK: f\n// CHECK-NEXT  %0 = g": "'CHECK-NEXT' without its colon",
    RUN + "// CHECK: f\n// CHECK-NXT: g": "CHECK-NXT: is no directive of filecheck",
    RUN + "// CHECK: f\n// CHECK-SAME : g": "'CHECK-SAME' without its colon",
    RUN.replace("%s\n", "%s --check-prefix=NEW\n")
    + "// NEW: f\n// CHECK: g": "CHECK: is written but no RUN line reads it",
    RUN + "// CHECK: %[[R:.+]] = f\n// CHECK: return %[[R:.+]]": "[[R: is captured again",
    RUN + "// CHECK: f\n// expected-error @+1 {{x}}": "expects errors but no RUN line has --verify-diagnostics",
    "// RUN: dyadic-opt --verify-diagnostics %s": "verifies diagnostics but expects none",
}


@pytest.mark.parametrize("text", CORPSES)
def test_a_corpse_is_found(text: str) -> None:
    assert any(complaint.startswith(CORPSES[text]) for complaint in LIVE_CHECKS.dead_checks(text))


@pytest.mark.parametrize(
    "text",
    [
        RUN + "// CHECK-LABEL: f\n// CHECK-NEXT: %[[R:.+]] = g\n// CHECK-NEXT: return %[[R]]",
        RUN + "// CHECK-LABEL: f\n// CHECK: [[R:.+]]\n// CHECK-LABEL: g\n// CHECK: [[R:.+]]",
        "// RUN: dyadic-opt %s | \\\n// RUN:   filecheck %s --check-prefixes=A,B\n// A: f\n// B-NOT: g",
        "// RUN: dyadic-opt --verify-diagnostics %s\n// expected-error @+1 {{x}}",
    ],
)
def test_a_living_test_is_left_alone(text: str) -> None:
    assert list(LIVE_CHECKS.dead_checks(text)) == []


def test_every_lit_test_is_alive() -> None:
    for path in LIT.rglob("*.mlir"):
        assert list(LIVE_CHECKS.dead_checks(path.read_text())) == [], path
