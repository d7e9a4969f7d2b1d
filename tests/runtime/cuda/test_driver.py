"""What we say of NVIDIA's interface is what its header says: `cuda.h` of a toolkit, or of nvidia-cuda-runtime."""

import ctypes
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ptx import build
from support.ptx import gpu as tests_gpu

from dyadic.runtime.cuda import driver

# our names of numbers, by what the header has in front of its own
PREFIXES = {
    "CAPABILITY_MAJOR": "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR",
    "CAPABILITY_MINOR": "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR",
    "MOST_SHARED_BYTES": "CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN",
    "MOST_DYNAMIC_SHARED_BYTES": "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES",
    "DEVICE_ORDINAL": "CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL",
    "NON_BLOCKING": "CU_STREAM_NON_BLOCKING",
    "NO_TIMING": "CU_EVENT_DISABLE_TIMING",
    "A_NODE": "CU_EVENT_RECORD_EXTERNAL",
    "RELAXED": "CU_STREAM_CAPTURE_MODE_RELAXED",
    "ERROR_LOG": "CU_JIT_ERROR_LOG_BUFFER",
    "ERROR_LOG_BYTES": "CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES",
} | {
    name: f"CUDA_ERROR_{name}"
    for name in (
        "OUT_OF_MEMORY", "NOT_INITIALIZED", "DEINITIALIZED", "STUB_LIBRARY", "NO_DEVICE",
        "INVALID_IMAGE", "NO_BINARY_FOR_GPU", "INVALID_PTX", "UNSUPPORTED_PTX_VERSION", "JIT_COMPILER_NOT_FOUND",
        "JIT_COMPILATION_DISABLED", "SYSTEM_DRIVER_MISMATCH",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def header() -> str:
    places = [
        os.environ.get("CUDA_HOME", "/nowhere") + "/include/cuda.h",
        *glob.glob("/usr/local/cuda*/include/cuda.h"),
    ]
    for packages in {str(Path(pytest.__file__).parents[1])}:
        places += glob.glob(f"{packages}/nvidia/*/include/cuda.h")
    for place in places:
        if Path(place).exists():
            return re.sub(r"/\*.*?\*/|//[^\n]*", "", Path(place).read_text(errors="replace"), flags=re.DOTALL)
    pytest.skip("NOT TESTED: there is no cuda.h (a CUDA toolkit, or pip install nvidia-cuda-runtime)")


def prototypes(text: str) -> dict[str, list[str]]:
    """Function -> its arguments as they are written, under the names that the library has."""
    found = re.findall(r"CUresult\s+CUDAAPI\s+(\w+)\s*\(([^;]*?)\)\s*;", text)
    renamed = dict(re.findall(r"#define\s+(cu\w+)\s+(?:__CUDA_API_PT[SD]Z\()?(cu\w+)", text))
    every: dict[str, list[str]] = {}
    for name, arguments in found:
        words = [one.strip() for one in arguments.split(",")]
        every.setdefault(renamed.get(name, name), words)
        every.setdefault(name, words)  # what the name stood for in earlier versions is still there
    return every


def kind(argument: str) -> str:
    """How an argument is passed, of the header's words or of the executor's."""
    words = argument.replace("const ", " ").split()
    if "*" in argument or "[" in argument:
        return "pointer"
    first = " ".join(words[:2]) if words[0] == "unsigned" else words[0]
    if first in ("CUdeviceptr", "cuuint64_t", "unsigned long"):
        return "8 bytes"
    if first == "unsigned char":
        return "1 byte"
    if first == "size_t":
        return "8 bytes"
    if first in ("int", "CUdevice", "unsigned", "unsigned int", "CUresult") or re.match(
        r"CU\w+_(attribute|flags)|CUstreamCaptureMode|CUjit_option|CU\w+_enum", first
    ):
        return "4 bytes"
    if first.startswith("unsigned "):  # unsigned and a name
        return "4 bytes"
    return "pointer"  # handles


def passed(argument: object) -> str:
    if argument in (ctypes.c_void_p, ctypes.c_char_p):
        return "pointer"
    assert isinstance(argument, type)
    size = ctypes.sizeof(argument)  # pyright: ignore[reportArgumentType]
    return f"{size} byte{'s' * (size > 1)}"


def enumerators(text: str) -> Iterator[tuple[str, int]]:
    for name, number in re.findall(r"\b(CU\w+)\s*=\s*(0x[0-9a-fA-F]+|\d+)", text):
        yield name, int(number, 0)


@pytest.mark.parametrize("signatures", [driver.SIGNATURES, tests_gpu.SIGNATURES], ids=["runtime", "tests"])
def test_functions_take_what_the_header_says(header: str, signatures: dict[str, list[object]]) -> None:
    known = prototypes(header)
    for name, arguments in signatures.items():
        assert [passed(one) for one in arguments] == [kind(one) for one in known[name]], name


def test_the_executor_plays_what_the_header_says(header: str) -> None:
    known, played = prototypes(header), set()
    for path in build.SOURCES.glob("entry_points*.cpp"):
        for name, arguments in re.findall(r"EXPORT CUresult (\w+)\(([^)]*)\)", path.read_text()):
            words = [one.strip() for one in arguments.split(",")]
            assert [kind(one) for one in words] == [kind(one) for one in known[name]], name
            played.add(name)
    assert played >= set(driver.SIGNATURES)


def test_numbers_are_the_headers(header: str) -> None:
    numbers = dict(enumerators(header))
    for name, theirs in PREFIXES.items():
        assert getattr(driver, name) == numbers[theirs], name
    assert {name for name, number in numbers.items() if number in driver.LOST and name.startswith("CUDA_ERROR_")} == {
        f"CUDA_ERROR_{name}"
        for name in (
            "ECC_UNCORRECTABLE", "ILLEGAL_ADDRESS", "LAUNCH_TIMEOUT", "ASSERT", "HARDWARE_STACK_ERROR",
            "ILLEGAL_INSTRUCTION", "MISALIGNED_ADDRESS", "INVALID_ADDRESS_SPACE", "INVALID_PC", "LAUNCH_FAILED",
        )
    }  # fmt: skip
    text = (build.SOURCES / "cuda_api.h").read_text()
    for name, number in re.findall(r"\b([A-Z_]+) = (\d+)", text):
        theirs = [n for n in numbers if n in (name, f"CU_{name}") or n in (f"CU_{kind}_ATTRIBUTE_{name}" for kind in
                  ("DEVICE", "FUNC", "POINTER"))]  # fmt: skip
        assert int(number) in [numbers[one] for one in theirs], name
