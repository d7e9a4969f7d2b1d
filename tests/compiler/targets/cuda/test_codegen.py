"""Kernels become PTX for every architecture, in a process of their own."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.effort import slow
from support.ptx.convolutions import Convolution

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cuda import codegen
from dyadic.compiler.targets.cuda.codegen import PTX_VERSIONS, compile_kernels

SPECS = {"three_by_three": Convolution(9, 7, 48, 40, kernel=3).spec(), "linear": Convolution(1, 1, 64, 12).spec()}


@pytest.mark.parametrize("architecture", ["sm_90a", *slow(["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"])])
def test_a_kernel_is_ptx(architecture: str) -> None:
    text = compile_kernels(SPECS, architecture)
    assert re.findall(r"\.visible \.entry (\w+)\(", text) == list(SPECS)
    assert f".target {architecture}\n" in text
    major, minor = PTX_VERSIONS[architecture]
    assert f".version {major}.{minor}\n" in text
    assert ".maxntid 128" in text
    instructions = set(re.findall(r"^\t(?:@!?%\w+ )?([a-z]\w*(?:\.\w+)*)", text, re.M))
    assert "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32" in instructions
    # nothing spilled, no float, no division, nothing called
    assert ".local" not in text
    assert not [one for one in instructions if re.search(r"\.f(16|32|64)|^div|^rem|^call", one)]


def test_there_are_architectures_without_code() -> None:
    with pytest.raises(ValueError, match="no code for sm_75: there is some for sm_80, sm_86"):
        compile_kernels(SPECS, "sm_75")


def test_a_child_that_fails_is_an_error_of_ours() -> None:
    wrong = replace(SPECS["linear"])
    object.__setattr__(wrong, "channels", "many")
    with pytest.raises(CodegenError, match=r"^code generation of wrong for sm_80 failed \(exit 1\):\n(.|\n)*TypeError"):
        compile_kernels({"linear": SPECS["linear"], "wrong": wrong}, "sm_80", jobs=1)


def test_kernels_are_kept_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    first = compile_kernels({"linear": SPECS["linear"]}, "sm_80", cache)
    both = compile_kernels(SPECS, "sm_80", cache)
    monkeypatch.setattr(codegen, "generated", lambda *_: pytest.fail("a child was started"))
    assert compile_kernels({"linear": SPECS["linear"]}, "sm_80", cache) == first
    assert compile_kernels(SPECS, "sm_80", cache) == both
    assert both.count(".extern .shared") == both.count(".target") == 1
