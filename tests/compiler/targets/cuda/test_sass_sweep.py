"""Every machine instruction of a cubin is looked at: what computes in float is named with its kernel and layers."""

import pytest
from support.ptx.convolutions import Convolution

from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cuda.assemble import assemble, assembler
from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.compiler.targets.cuda.sass_sweep import certify_sass, disassembled, disassembler, instructions, wrong

SAID = """
	.target	sm_80
//--------------------- .text.conv --------------------------
	.section	.text.conv,"ax",@progbits
        .global         conv
conv:
.text.conv:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
        /*0010*/                   IMMA.16832.U8.S8 R4, R8.ROW, R2.COL, R4 ;
        /*0020*/               @P0 EXIT ;
        /*0030*/                   {line} ;
.L_x_0:
        /*0040*/                   BRA `(.L_x_0);
        /*0050*/                   NOP;
.text.quantize:
        /*0000*/              @!P1 FFMA R3, R4, R5, R6 ;
        /*0010*/                   MUFU.RCP R3, R4 ;
"""


def swept(line: str) -> list[tuple[str, tuple[str, ...], int, str]]:
    found = certify_sass(SAID.replace("{line}", line), b"cubin", "sm_80", {"conv": ("layer1",)}, {"quantize"})
    assert (found.kernels, found.instructions, found.bytes) == (2, 8, 5)
    return [(one.symbol, one.layers, one.address, one.instruction) for one in found.offenders]


def test_integers_moves_and_branches_are_allowed() -> None:
    assert not swept("IMAD.WIDE.U32 R2, R5, R4, c[0x0][0x168]")
    assert not swept("IGMMA.64x256x32.U8.S8 R24, gdesc[UR16], R24, gsb0")
    assert not swept("WARPGROUP.DEPBAR.LE gsb0, 0x1")
    assert not swept("UBLKCP.S.G.MULTICAST [UR12], [UR10], UR4")
    assert not swept("SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [R18+UR6+0x38000], R157")
    assert not swept("UCGABAR_ARV")
    assert [address for _, address, _ in instructions(SAID)] == [0, 16, 32, 48, 64, 80, 0, 16]


@pytest.mark.parametrize(
    "line",
    ["FADD R1, R2, R3", "@!UP0 FFMA R3, R4, R5, R6", "HFMA2.MMA R15, R3, R4, R5", "DADD R2, R4, R6", "F2I.S32 R1, R2",
     "HMMA.16816.F32 R4, R8, R2, R4",
     "HGMMA.64x256x16.F32 R24, gdesc[UR16], R24", "QGMMA.64x8x32.F32.E4M3.E4M3 R4, gdesc[UR4], R4",
     "CALL.REL.NOINC `(f)", "I2F.S32 R1, R2", "MUFU.EX2 R3, R4"],
)  # fmt: skip
def test_what_computes_in_float_or_calls_is_named(line: str) -> None:
    assert swept(line) == [("conv", ("layer1",), 48, line)]


def test_a_constant_may_be_loaded_as_two_halves() -> None:
    """As the assembler does where that port is free: nothing times nothing, and the constant."""
    assert not wrong("HFMA2.MMA R15, -RZ, RZ, 0, 5.9604644775390625e-08")
    assert wrong("HFMA2.MMA R15, R2, RZ, 0, 1")
    assert wrong("SOMETHING_NEW R1", boundary=True)


def test_without_a_disassembler_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dyadic.compiler.targets.cuda.sass_sweep.disassembler", lambda: None)
    assert disassembled(b"") is None


@pytest.mark.skipif(
    disassembler() is None or assembler() is None, reason="NOT TESTED: no nvdisasm here (pip install dyadic[cuda])"
)
def test_a_real_cubin_is_clean() -> None:
    text = compile_kernels({"conv": Convolution(5, 5, 8, 16, kernel=3, in_align=8).spec()}, "sm_90a")
    made = assemble(text, "sm_90a")
    assert made is not None
    seen = disassembled(made.cubin)
    assert seen is not None
    found = certify_sass(seen, made.cubin, "sm_90a", {})
    assert found.kernels == 1 and found.instructions > 200 and not found.offenders
    with pytest.raises(CodegenError, match="nvdisasm failed"):
        disassembled(b"no cubin")
