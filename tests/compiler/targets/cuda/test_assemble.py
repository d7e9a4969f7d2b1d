"""PTX becomes cubins where there is an assembler, and what it says is read."""

import subprocess
from pathlib import Path

import pytest
from support.ptx.convolutions import Convolution

from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cuda import assemble
from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.passes.lower.cuda.kernel_selection.warpgroups import CLUSTERS, SHAPES

SAID = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'conv' for 'sm_80'
ptxas info    : Function properties for conv
    8 bytes stack frame, 16 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 96 registers, used 1 barriers, 512 bytes smem, 400 bytes cmem[0]
ptxas info    : Compile time = 20.000 ms
ptxas info    : Compiling entry function 'ring' for 'sm_80'
ptxas info    : Function properties for ring
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 12 registers, used 0 barriers, 360 bytes cmem[0]
"""


def test_what_the_assembler_says_is_read() -> None:
    assert assemble.resources(SAID) == {
        "conv": assemble.Resources(registers=96, shared_bytes=512, stack_bytes=8, spill_stores=16, spill_loads=12),
        "ring": assemble.Resources(registers=12, shared_bytes=0, stack_bytes=0, spill_stores=0, spill_loads=0),
    }


def test_kernels_that_spill_are_told_to_have_other_registers() -> None:
    text = "".join(f".visible .entry {name}(\n)\n.maxntid 128, 1, 1\n.minnctapersm 4\n{{\n}}\n" for name in "ab")
    told = assemble.retold(text, {"b"}, 384)
    assert told == text[: text.index("b(")] + text[text.index("b(") :].replace("minnctapersm 4", "minnctapersm 3")
    assert assemble.retold(text, {"a", "b"}, 0) == text.replace("\n.minnctapersm 4", "")
    assert assemble.retold(assemble.retold(text, {"a", "b"}, 0), {"a", "b"}, 512) == text


def test_without_an_assembler_there_is_no_cubin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "assembler", lambda: None)
    assert assemble.assemble("", "sm_80") is None


@pytest.mark.skipif(assemble.assembler() is None, reason="NOT TESTED: no ptxas here (pip install dyadic[cuda])")
def test_kernels_assemble_without_spills() -> None:
    text = compile_kernels({"linear": Convolution(1, 1, 64, 12).spec()}, "sm_90a")
    made = assemble.assemble(text, "sm_90a")
    assert made is not None
    assert made.cubin[:4] == b"\x7fELF"
    (kernel,) = made.kernels.values()
    assert kernel.registers > 16 and not kernel.spill_stores
    with pytest.raises(CodegenError, match="ptxas for sm_90a failed"):
        assemble.assemble(text + "nonsense", "sm_90a")


@pytest.mark.slow  # a second to compile
@pytest.mark.skipif(assemble.assembler() is None, reason="NOT TESTED: no ptxas here (pip install dyadic[cuda])")
@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_four_warps_multiply_without_spills_and_waits(rows: int, columns: int, cluster: int, tmp_path: Path) -> None:
    """The assembler warns where it makes products wait for each other."""
    tile = {
        "block_rows": rows, "block_columns": columns, "warps_down": rows // 16, "warps_across": 1, "wgmma": 2,
        "stages": 8, "cluster": cluster, "tiled": cluster > 1,
    }  # fmt: skip
    (tmp_path / "k.ptx").write_text(
        compile_kernels({"k": Convolution(1, 1, 512, columns).spec(**tile)}, "sm_90a"),
    )
    command = [str(assemble.assembler()), "-arch=sm_90a", "-v", "k.ptx", "-o", "k.cubin"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    (needs,) = assemble.resources(said).values()
    assert not (needs.spill_stores or needs.spill_loads or "serialized" in said), said
