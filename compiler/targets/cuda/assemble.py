"""PTX to a cubin, by NVIDIA's assembler where there is one: of `pip install dyadic[cuda]`, or on the path."""

import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cuda.codegen import ENTRY

WHEEL = Path("nvidia", "cu13", "bin", "ptxas")  # of the package nvidia-cuda-nvcc
SECONDS = 600
OTHERS_RESIDENT = (384, 0, 256, 640)  # threads, where a kernel spills with what it asks for


@dataclass(frozen=True)
class Resources:
    """What the assembler says of a kernel; the stack frame and spills are bytes."""

    registers: int
    shared_bytes: int
    stack_bytes: int
    spill_stores: int
    spill_loads: int


@dataclass(frozen=True)
class Assembled:
    """A cubin, and what its kernels need."""

    cubin: bytes
    kernels: dict[str, Resources]

    @property
    def spilling(self) -> set[str]:
        """The kernels that keep some numbers in memory."""
        return {name for name, one in self.kernels.items() if one.spill_stores or one.spill_loads}


@cache
def assembler() -> Path | None:
    """Where ptxas is, if anywhere."""
    wheel = Path(sysconfig.get_path("purelib")) / WHEEL
    found = str(wheel) if wheel.is_file() else shutil.which("ptxas")
    return Path(found) if found else None


@cache
def assembler_version() -> str:
    """What it says of itself; nothing where there is none."""
    tool = assembler()
    if tool is None:
        return ""
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False, timeout=SECONDS).stdout
    return said.strip().splitlines()[-1] if said.strip() else ""


def assemble(ptx: str, architecture: str) -> Assembled | None:
    """The cubin of PTX text for that architecture; None where there is no assembler.

    How many registers suit a kernel the assembler alone knows: where it spills some, others are tried.

    Raises:
        CodegenError: the assembler refuses it.
    """
    tool = assembler()
    if tool is None:
        return None
    made = _assembled(tool, ptx, architecture)
    for resident in OTHERS_RESIDENT:
        if not (spilling := made.spilling):
            break
        told = retold(ptx, spilling, resident)
        other = _assembled(tool, told, architecture)
        if len(other.spilling) < len(spilling):
            ptx, made = told, other
    return made


def _assembled(tool: Path, ptx: str, architecture: str) -> Assembled:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "kernels.ptx"), Path(folder, "kernels.cubin")
        source.write_text(ptx)
        command = [tool, f"-arch={architecture}", "-v", source, "-o", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        if done.returncode:
            raise CodegenError(f"ptxas for {architecture} failed (exit {done.returncode}):\n{done.stderr[-4000:]}")
        return Assembled(target.read_bytes(), resources(done.stderr))


def retold(ptx: str, kernels: Collection[str], resident: int) -> str:
    """PTX whose kernels of these names have so many resident threads, 0: as many as the assembler likes."""
    head, *bodies = ptx.split(ENTRY)
    for n, body in enumerate(bodies):
        if body.partition("(")[0] in kernels and (block := BLOCK.search(body)):
            blocks = f"\n.minnctapersm {max(1, resident // int(block[2]))}" if resident else ""
            bodies[n] = body[: block.start()] + block[1] + blocks + body[block.end() :]
    return ENTRY.join([head, *bodies])


BLOCK = re.compile(r"(\.maxntid (\d+)[^\n]*)(?:\n\.minnctapersm \d+)?")
KERNEL = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def resources(said: str) -> dict[str, Resources]:
    """Read what `ptxas -v` prints."""
    found: dict[str, Resources] = {}
    kernel, spills = "", (0, 0, 0)
    for line in said.splitlines():
        if begun := KERNEL.search(line):
            kernel = begun[1]
        elif spilled := SPILLS.search(line):
            spills = int(spilled[1]), int(spilled[2]), int(spilled[3])
        elif used := USED.search(line):
            shared = SHARED.search(line)
            found[kernel] = Resources(int(used[1]), int(shared[1]) if shared else 0, *spills)
    return found
