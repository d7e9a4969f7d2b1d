"""Whatever computes in float, divides, cannot be decoded or leaves the image is found and named by layer."""

import re
import time
from pathlib import Path

import pytest
from iced_x86 import Mnemonic
from torch_mlir import ir

from dyadic.compiler.targets.certificate import Certificate, accumulators
from dyadic.compiler.targets.cpu.code_sweep import certify_image, island_kernels, island_layers
from dyadic.compiler.targets.cpu.integer_instructions import ALLOWED, FLOAT_ALLOWED, NAMES, objection
from dyadic.dialects import new_context
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu.program import Step

RET = b"\xc3"
VPADDD = b"\xc5\xfd\xfe\xc0"
VMOVUPS = b"\xc5\xfc\x10\x07"
INTEGER = VMOVUPS + VPADDD + RET
SHORT_VECTORS = {  # what AVX-VNNI and AVX2 code is made of, in its VEX forms
    "vpdpbusd": b"\xc4\xe2\x7d\x50\xc0",
    "vbroadcastss": b"\xc4\xe2\x7d\x18\x07",
    "vpmaddwd": b"\xc5\xfd\xf5\xc0",
    "vpsraw": b"\xc5\xfd\x71\xe0\x08",
    "vpmuldq": b"\xc4\xe2\x7d\x28\xc0",
    "vpermd": b"\xc4\xe2\x7d\x36\xc0",
}
PLANTED = {
    "vaddps": (b"\xc5\xfc\x58\xc0", "floating-point"),
    "vcvtdq2ps": (b"\xc5\xfc\x5b\xc0", "floating-point"),
    "idiv": (b"\xf7\xf9", "divides"),
    "0x06": (b"\x06", "cannot be decoded"),
    "call": (b"\xe8\x00\x10\x00\x00", "leaves the image"),
    "jmp": (b"\xe9\x00\xf0\xff\xff", "leaves the image"),
    "call rax": (b"\xff\xd0", "register or memory"),
    "ldmxcsr": (b"\x0f\xae\x17", "floating-point"),
    "fadd": (b"\xd8\xc1", "floating-point"),
    "vdivps": (b"\xc5\xfc\x5e\xc0", "divides"),
    "syscall": (b"\x0f\x05", "not on the list"),
}


def test_integer_code_has_no_offender() -> None:
    swept = certify_image(INTEGER * 2, {"a": (0, 9, ["/conv1"]), "b": (9, 9, ["/conv2"])})
    assert swept.offenders == ()
    assert (swept.kernels, swept.instructions) == (2, 6)


def test_vex_forms_are_integer_code() -> None:
    code = b"".join(SHORT_VECTORS.values()) + RET
    swept = certify_image(code, {"a": (0, len(code), ["/conv"])}, level="avxvnni")
    assert (swept.offenders, swept.instructions) == ((), len(SHORT_VECTORS) + 1)


@pytest.mark.parametrize("instruction", PLANTED)
def test_a_planted_instruction_is_found_and_named_by_layer(instruction: str) -> None:
    planted, why = PLANTED[instruction]
    code = INTEGER + VPADDD + planted + RET
    swept = certify_image(code, {"a": (0, 9, ["/conv1"]), "b": (9, len(code) - 9, ["/conv2", "/conv3"])})
    (offender,) = swept.offenders
    assert offender.layers == ("/conv2", "/conv3")
    assert offender.address == 13
    assert str(offender).startswith('"/conv2", "/conv3": ') and instruction in str(offender)
    assert why in offender.objection


def test_constants_after_the_text_are_not_code_and_not_reachable() -> None:
    vaddps, _ = PLANTED["vaddps"]
    assert certify_image(INTEGER + vaddps, {"a": (0, 9, ["/conv"])}, text_length=9).offenders == ()
    (offender,) = certify_image(INTEGER + vaddps, {"a": (0, 13, ["/conv"])}, text_length=9).offenders
    assert "leaves the image's code" in str(offender)


def test_a_jump_into_the_middle_of_an_instruction_is_an_offender() -> None:
    code = VPADDD + b"\xeb\xfb" + RET  # jumps one byte into the vpaddd
    (offender,) = certify_image(code, {"a": (0, len(code), ["/conv"])}).offenders
    assert "no kernel's instruction" in offender.objection


def test_a_loop_and_a_tail_call_are_fine() -> None:
    loop = VPADDD + b"\x75\xfa" + RET
    jump = b"\xeb\xf7"  # to the loop's first instruction
    assert certify_image(loop + jump, {"a": (0, 7, ["/conv"]), "b": (7, 2, ["/conv"])}).offenders == ()


def test_a_kernel_that_runs_past_its_end_is_an_offender() -> None:
    (offender,) = certify_image(INTEGER, {"a": (0, 8, ["/conv"])}).offenders
    assert "run past" in offender.objection


def test_an_instruction_cut_by_the_end_is_an_offender() -> None:
    found = certify_image(INTEGER, {"a": (0, 6, ["/conv"])}).offenders
    assert any("cannot be decoded" in offender.objection for offender in found)


def test_overlapping_kernels_are_offenders() -> None:
    code = VPADDD + INTEGER
    (offender,) = certify_image(code, {"a": (0, 13, ["/conv1"]), "b": (8, 5, ["/conv2"])}).offenders
    assert offender.layers == ("/conv2",) and "inside a" in offender.objection


def test_every_line_of_the_list_names_real_instructions_and_no_arithmetic_on_floats() -> None:
    allowed = [name for number, name in NAMES.items() if objection(number) is None]
    for line in ALLOWED:
        for family in families(line):
            assert any(re.fullmatch(family, name) for name in allowed), family
    arithmetic = re.compile(
        r"V?(ADD|SUB|MUL|DIV|SQRT|MIN|MAX|CMP|ROUND|RCP|RSQRT|DP|FN?M\w*|U?COMI|HADD|HSUB|CVT\w*)[PS][SDH]"
    )
    assert [name for name in allowed if arithmetic.fullmatch(name)] == []
    assert objection(Mnemonic.TDPBF16PS) and objection(Mnemonic.VDPBF16PS) and not objection(Mnemonic.TDPBUSD)


def families(line: str) -> list[str]:
    """The alternatives of a regular expression, those inside parentheses left together."""
    parts, depth = [""], 0
    for c in line:
        depth += (c in "([") - (c in ")]")
        parts = [*parts, ""] if c == "|" and depth == 0 else [*parts[:-1], parts[-1] + c]
    return parts


@pytest.mark.alone
def test_a_megabyte_is_swept_in_seconds() -> None:
    kernel = (VMOVUPS + VPADDD) * 1250 + RET
    entries = {f"k{i}": (i * len(kernel), len(kernel), [f"/conv{i}"]) for i in range(100)}
    start = time.perf_counter()
    swept = certify_image(kernel * 100, entries)
    assert swept.bytes > 1_000_000 and not swept.offenders
    assert time.perf_counter() - start < 5


def test_accumulators_and_summary_name_what_was_proven() -> None:
    text = (Path(__file__).parent / "one_linear.mlir").read_text()
    with new_context():
        intervals, ops = accumulators(ir.Module.parse(text))
    assert intervals == {"/fc": (-1000, 70000)} and ops == 3
    swept = certify_image(INTEGER, {"a": (0, 9, ["/fc"])}, level="avx512vnni")
    certificate = Certificate((swept,), intervals, ops)
    assert (
        certificate.valid and "at most 18 of 32 bits" in certificate.summary() and "avx512vnni" in certificate.summary()
    )
    bad = certify_image(b"\xf7\xf9" + RET, {"a": (0, 3, ["/fc"])})
    broken = Certificate((bad,), intervals, ops)
    assert not broken.valid and '"/fc": idiv ecx' in broken.summary()
    assert broken.to_json()["images"][0]["offenders"][0]["layers"] == ("/fc",)


FLOAT = {  # what islands are made of
    "vmulps": b"\xc5\xfc\x59\xc0",
    "vaddps": b"\xc5\xfc\x58\xc0",
    "vdivps": b"\xc5\xfc\x5e\xc0",
    "vcvtdq2ps": b"\xc5\xfc\x5b\xc0",
}
FUSED = b"\xc4\xe2\x7d\xb8\xc0"  # vfmadd231ps


def test_a_declared_island_may_compute_in_float_and_no_other_kernel() -> None:
    code = b"".join(FLOAT.values()) + RET
    entries = {"a": (0, len(code), ["/conv1"]), "b": (len(code), len(code), ["/conv2"])}
    swept = certify_image(2 * code, entries, islands={"a"})
    assert {one.layers for one in swept.offenders} == {("/conv2",)} and len(swept.offenders) == len(FLOAT)
    assert (swept.kernels, swept.island_kernels, swept.island_instructions) == (2, 1, len(FLOAT) + 1)
    assert certify_image(2 * code, entries, islands={"a", "b"}).offenders == ()


@pytest.mark.parametrize("instruction", ["ldmxcsr", "fadd", "idiv", "0x06", "call", "call rax", "syscall"])
def test_an_island_may_do_nothing_else_that_is_forbidden(instruction: str) -> None:
    code = VPADDD + PLANTED[instruction][0] + RET
    assert len(certify_image(code, {"a": (0, len(code), ["/conv"])}, islands={"a"}).offenders) == 1


def test_a_fused_multiply_add_is_an_offender_even_there() -> None:
    (offender,) = certify_image(FUSED + RET, {"a": (0, 6, ["/conv"])}, islands={"a"}).offenders
    assert str(offender).startswith('"/conv": vfmadd231ps') and "float islands" in offender.objection
    kinds = [name for number, name in NAMES.items() if re.fullmatch(FLOAT_ALLOWED, name)]
    assert len(kinds) > 20 and not any(re.search("FN?M|CVT(T|PS|PD)|ROUND|MXCSR|P[HD]$", name) for name in kinds)


def test_integer_code_may_not_call_an_island() -> None:
    island, call = FLOAT["vaddps"] + RET, b"\xe8\xf6\xff\xff\xff"  # back to 0
    entries = {"a": (0, 5, ["/conv1"]), "b": (5, 6, ["/conv2"])}
    (offender,) = certify_image(island + call + RET, entries, islands={"a"}).offenders
    assert offender.layers == ("/conv2",) and "no kernel's instruction" in offender.objection


def step(layer: str, op: str, kernel: str, weights: int = 0) -> Step:
    return Step(layer, op, kernel, Reference(1, 0), (Reference(0, 0),), 1, weights)


def test_a_kernel_is_an_island_if_all_that_it_computes_is_declared() -> None:
    """The ring around an island's result is filled by a kernel that others use, too."""
    steps = [
        step("/conv1", "qi.float_conv2d", "float_conv_1"),
        step("/conv1", "qi.float_conv2d", "halo_1", weights=-1),
        step("/conv2", "qi.conv2d", "conv_1"),
        step("/conv3", "qi.float_conv2d", "float_conv_2"),
        step("/fc", "qi.float_linear", "float_conv_2"),
        step("/conv4", "qi.float_conv2d", "shared"),
        step("/conv5", "qi.conv2d", "shared"),
    ]
    assert island_layers(steps) == ("/conv1", "/conv3", "/fc", "/conv4")
    assert island_kernels(steps, island_layers(steps)) == {"float_conv_1", "float_conv_2"}
    assert island_kernels(steps, ["/conv1", "/conv3"]) == {"float_conv_1"}
    assert island_kernels(steps, []) == set()


def test_islands_void_the_certificate_and_are_named() -> None:
    code = FLOAT["vaddps"] + RET
    swept = certify_image(code + INTEGER, {"a": (0, 5, ["/conv"]), "b": (5, 9, ["/fc"])}, islands={"a"})
    certificate = Certificate((swept,), {"/fc": (0, 7)}, 3, ("/conv",))
    assert not certificate.valid and certificate.offenders == []
    assert certificate.summary().startswith(
        'integer-only but for 1 float island ("/conv"), which voids the certificate: none of the other 3 instructions '
    )
    everything = Certificate((swept,), {}, 0, ("/conv", "/fc"))
    assert '2 float islands ("/conv", "/fc"), which void the certificate: ' in everything.summary()
    assert everything.summary().endswith("computes in floating point or divides")
    said = certificate.to_json()
    assert said["islands"] == ("/conv",) and said["valid"] is False
