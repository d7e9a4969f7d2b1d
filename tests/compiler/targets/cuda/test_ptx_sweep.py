"""Every instruction of PTX is looked at: what computes in float or divides is named with its kernel and layers."""

import pytest
from support.ptx.convolutions import Convolution

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.compiler.targets.cuda.ptx_sweep import certify_ptx, instructions, wrong

KERNEL = """
.version 7.0
.target sm_80
.extern .shared .align 128 .b8 ring[];
.visible .entry {symbol}(
	.param .u64 .ptr .global .align 1 {symbol}_param_0
)
.maxntid 128, 1, 1
{{
	.reg .b32 	%r<4>;

	ld.param.b64 	%rd1, [{symbol}_param_0];
$L__BB0_1:                              // a label
	@%p1 bra 	$L__BB0_1;
	{line}
	ret;
}}
"""


def test_what_the_product_kernel_does_is_allowed() -> None:
    specs = {"conv": Convolution(5, 5, 8, 16, kernel=3, in_align=8).spec()}
    text = compile_kernels(specs, "sm_80")
    found = certify_ptx(text, "ptx", {"conv": ("layer1",)})
    assert (found.level, found.kernels, found.offenders) == ("ptx", 1, ())
    assert found.instructions == sum(1 for _ in instructions(text)) > 200


def test_what_four_warps_do_is_allowed() -> None:
    for line in (
        "wgmma.mma_async.sync.aligned.m64n16k32.s32.u8.s8 {%r1, %r2, %r3, %r4}, %rd1, %rd2, 1;",
        "wgmma.fence.sync.aligned;", "wgmma.commit_group.sync.aligned;", "wgmma.wait_group.sync.aligned 1;",
        "fence.proxy.async.shared::cta;",
    ):  # fmt: skip
        assert wrong(line) == "", line


def test_what_blocks_of_a_cluster_do_is_allowed() -> None:
    copy = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
    for line in (
        "mbarrier.init.shared::cta.b64 [%r1], 1;", "fence.mbarrier_init.release.cluster;",
        "barrier.cluster.arrive.release.aligned;", "mapa.shared::cluster.u32 %r1, %r2, %r3;",
        f"{copy} [%r1], [%rd1], 1024, [%r2], %rs1;",
    ):  # fmt: skip
        assert wrong(line) == "", line


@pytest.mark.parametrize(
    ("line", "objection"),
    [
        ("add.f32 %f1, %f2, %f3;", "computes in floating point"),
        ("cvt.rn.f32.s32 %f1, %r1;", "computes in floating point"),
        ("fma.rn.f16x2 %r1, %r2, %r3, %r4;", "is not among the instructions that are allowed"),
        ("div.u32 %r1, %r2, %r3;", "divides"),
        ("@%p1 rem.s64 %rd1, %rd2, %rd3;", "divides"),
        ("call.uni (retval0), f, (param0);", "is not among the instructions that are allowed"),
        ("ex2.approx.ftz.f32 %f1, %f2;", "is not among the instructions that are allowed"),
        ("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1}, {%r1}, {%r2}, {%f1};", "computes in floating point"),
        ("mma.sync.aligned.m16n8k64.row.col.s32.u4.s4.s32 {%r1}, {%r1}, {%r2}, {%r1};", "something else than bytes"),
        ("wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 {%f1}, %rd1, %rd2, 1;", "computes in floating point"),
        (
            "wgmma.mma_async.sync.aligned.m64n8k256.s32.b1.b1.and.popc {%r1}, %rd1, %rd2, 1;",
            "something else than bytes",
        ),
        ("wgmma.mma_async.sp.sync.aligned.m64n8k64.s32.s8.s8 {%r1}, %rd1, %rd2, %r2, 0, 1;", "something else than"),
        ("wgmma.mma_async.sync.aligned;", "something else than bytes"),
        ("wgmma.fence.sync.aligned.m64n8k32.s32.u8.s8;", "something else than bytes"),
        ("fence.acq_rel.sys;", "is a fence of another kind"),
        ("%weird;", "is no instruction that is known"),
    ],
)
def test_what_must_not_be_there_is_named(line: str, objection: str) -> None:
    text = KERNEL.format(symbol="clean", line="dp4a.u32.s32 %r1, %r2, %r3, %r4;") + KERNEL.format(
        symbol="bad", line=line
    )
    found = certify_ptx(text, "sm_80", {"bad": ("conv1", "conv2")})
    (one,) = found.offenders
    assert objection in one.objection
    assert (one.symbol, one.layers, one.instruction) == ("bad", ("conv1", "conv2"), line)
    assert found.kernels == 2 and found.instructions == 8


def test_instructions_over_several_lines_and_in_blocks_are_seen() -> None:
    line = "{ .reg .b32 tmp; mov.b64 {tmp, %r110}, %rd31; }\n\tmma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32\n"
    text = KERNEL.format(symbol="k", line=line + "\t\t{%r1, %r2},\n\t\t{%r3};")
    assert [one for _, _, one in instructions(text)][2:4] == [
        "mov.b64 {tmp, %r110}, %rd31;",
        "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%r1, %r2}, {%r3};",
    ]
    assert not certify_ptx(text, "ptx", {}).offenders
    assert certify_ptx(text.replace("mov.b64", "cvt.f32.f64"), "ptx", {}).offenders


def test_a_kernel_of_the_boundary_may_round_floats_and_no_other() -> None:
    text = "".join(KERNEL.format(symbol=name, line="div.rn.f32 %f1, %f2, %f3;") for name in ("quantize", "conv"))
    found = certify_ptx(text, "ptx", {}, boundary={"quantize"})
    assert [one.symbol for one in found.offenders] == ["conv"]
    assert wrong("sin.approx.f32 %f1, %f2;", boundary=True)
