"""Look at every machine instruction of a cubin, where NVIDIA's disassembler is installed.

`pip install dyadic[cuda]` brings one (nvdisasm); one on the path will do. As in PTX, what is allowed is listed, and the
kernels of the boundary alone may compute in float32. Opcodes are those of NVIDIA's "CUDA Binary Utilities".
"""

import hashlib
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from dyadic.compiler.targets.certificate import ImageCertificate, Offender
from dyadic.compiler.targets.code_generation import CodegenError

WHEEL = Path("nvidia", "cu13", "bin", "nvdisasm")  # of the package nvidia-cuda-nvdisasm
SECONDS = 600

KERNEL = re.compile(r"^\.text\.(\w+):$")
INSTRUCTION = re.compile(r"^\s*/\*([0-9a-f]+)\*/\s+\{?\s*(.*?)\s*[;}]\s*$")
OPCODE = re.compile(r"(?:@!?U?P(?:\d+|T)\s+)?([A-Z][A-Z0-9]*(?:_[A-Z]+)?)")

# The first part of the name, by what it does; those of the uniform datapath begin with U.
INTEGER = frozenset(
    """BFE BFI BMSK BREV FLO IABS IADD IADD3 IDP IDP4A IMAD IMAD32I IMMA IMNMX IMUL ISCADD ISETP LEA LOP LOP3 LOP32I
    POPC SGXT SHF SHL SHR VABSDIFF VABSDIFF4 VIADD VIADDMNMX VIMNMX VIMNMX3 I2I I2IP R2UR REDUX UBMSK UBREV UFLO
    UIADD3 UIMAD UIMNMX UISETP ULEA ULOP ULOP3 ULOP32I UPOPC USGXT USHF USHL USHR UVIADD UVIMNMX
    IGMMA""".split()
)
MOVES = frozenset(
    """CS2R CS2UR LD LDC LDG LDGDEPBAR LDGSTS LDS LDSM LDU MOV MOV32I MOVM P2R P2UR PLOP3 PRMT R2P R2B B2R S2R S2UR SEL
    SHFL ST STG STS STSM ULDC UMOV UP2UR UPLOP3 UPRMT UR2UP UR2R UBLKCP USEL VOTE VOTEU MATCH""".split()
)
CONTROL = frozenset(
    """BAR BMOV BRA BREAK BRX BSSY BSYNC CCTL DEPBAR ERRBAR EXIT FENCE JMP KILL MEMBAR NANOSLEEP NOP PREEXIT WARPSYNC
    YIELD ACQBULK CGAERRBAR ELECT SYNCS UCGABAR_ARV UCGABAR_WAIT WARPGROUP WARPGROUPSET""".split()
)
ALLOWED = INTEGER | MOVES | CONTROL
# What one rounded quotient takes, its slow path among it, and conversions.
BOUNDARY = ALLOWED | frozenset("CALL F2F F2I F2IP FADD FCHK FFMA FMNMX FMUL FSEL FSETP I2F I2FP MUFU RET".split())
# The assembler's way to load two halves of a constant: nothing times nothing, and the constant.
LOADS_CONSTANT = re.compile(r"HFMA2(?:\.MMA)? R\d+, -RZ, RZ, [-+\w.]+, [-+\w.]+$")


@cache
def disassembler() -> Path | None:
    """Where nvdisasm is, if anywhere."""
    wheel = Path(sysconfig.get_path("purelib")) / WHEEL
    found = str(wheel) if wheel.is_file() else shutil.which("nvdisasm")
    return Path(found) if found else None


def disassembled(cubin: bytes) -> str | None:
    """The text of a cubin's instructions; None where there is no disassembler.

    Raises:
        CodegenError: it is no cubin that this disassembler knows.
    """
    tool = disassembler()
    if tool is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernels.cubin")
        path.write_bytes(cubin)
        done = subprocess.run([tool, "-c", path], capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise CodegenError(f"nvdisasm failed (exit {done.returncode}):\n{done.stderr[-4000:]}")
    return done.stdout


def certify_sass(
    text: str, cubin: bytes, level: str, layers: Mapping[str, tuple[str, ...]], boundary: Collection[str] = ()
) -> ImageCertificate:
    """What a sweep over the instructions of a cubin finds; boundary: kernels that quantize or dequantize."""
    count, offenders = 0, []
    symbols: set[str] = set()
    for symbol, address, instruction in instructions(text):
        symbols.add(symbol)
        count += 1
        if objection := wrong(instruction, symbol in boundary):
            offenders.append(Offender(symbol, layers.get(symbol, ()), address, instruction, objection))
    digest = hashlib.sha256(cubin).hexdigest()
    return ImageCertificate(level, digest, len(cubin), len(symbols), count, tuple(offenders))


def instructions(text: str) -> Iterator[tuple[str, int, str]]:
    """(kernel, address, instruction) of everything that a cubin can execute."""
    symbol = ""
    for line in text.splitlines():
        if begun := KERNEL.match(line):
            symbol = begun[1]
        elif found := INSTRUCTION.match(line):
            yield symbol, int(found[1], 16), found[2]


def wrong(instruction: str, boundary: bool = False) -> str:
    """What is to be objected to in an instruction, '' for nothing."""
    found = OPCODE.match(instruction)
    if found is None:
        return "is no instruction that is known"
    if found[1] in (BOUNDARY if boundary else ALLOWED) or LOADS_CONSTANT.search(instruction):
        return ""
    return "is not among the instructions that are allowed"
