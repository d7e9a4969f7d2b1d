"""Look at every instruction of PTX: integers only, nothing called, nothing divided.

What is allowed is listed; an instruction that is not known here is an offence. The kernels of the boundary quantize and
dequantize: they alone may compute in float32, and nothing else of it but what that takes.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

from dyadic.compiler.targets.certificate import ImageCertificate, Offender

ENTRY = re.compile(r"^\.visible \.entry (\w+)\(")
INSTRUCTION = re.compile(r"^\s*(?:@!?%\w+\s+)?([a-z][\w.:]*)")
LABEL = re.compile(r"^\s*[$\w]+:\s*$")

# The first part of the name; its types follow.
INTEGER = frozenset(
    """abs add and bar barrier bfe bfi bfind bra brev clz cp cvt cvta dp2a dp4a ld ldmatrix lop3 mad mad24 max min mma
    mov mul mul24 neg not or popc prmt redux ret sad selp set setp shf shfl shl shr st sub vote xor
    fence wgmma mapa mbarrier""".split()
)
BOUNDARY = INTEGER | {"div", "fma", "rcp"}
FLOAT = re.compile(r"\.(?:f16|f16x2|bf16|bf16x2|f32|f64|tf32|e4m3\w*|e5m2\w*)\b")
DIVISION = frozenset({"div", "rem", "rcp", "sqrt", "rsqrt"})
TENSOR = re.compile(r"\.s32\.[us]8\.[us]8\.s32\b")  # what a product of matrices may be of
TOGETHER = re.compile(
    r"(?:fence|commit_group|wait_group|mma_async)\.sync\.aligned(?:\.m64n\d+k32\.s32\.[us]8\.[us]8)?$"
)
FENCES = frozenset({"proxy.async.shared::cta", "mbarrier_init.release.cluster"})


def certify_ptx(
    text: str, level: str, layers: Mapping[str, tuple[str, ...]], boundary: Collection[str] = ()
) -> ImageCertificate:
    """What a sweep over the PTX of a level finds; boundary: kernels that quantize or dequantize."""
    count, offenders = 0, []
    symbols: set[str] = set()
    for symbol, number, line in instructions(text):
        symbols.add(symbol)
        count += 1
        if objection := wrong(line, symbol in boundary):
            offenders.append(Offender(symbol, layers.get(symbol, ()), number, line, objection))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ImageCertificate(level, digest, len(text), len(symbols), count, tuple(offenders))


def instructions(text: str) -> Iterator[tuple[str, int, str]]:
    """(kernel, number of its first line, instruction) of all that stands inside of kernels."""
    symbol, inside, first = "", False, 0
    begun: list[str] = []  # of an instruction, which may go on for lines
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.partition("//")[0].strip()
        if entry := ENTRY.match(bare):
            symbol = entry[1]
        elif bare in ("{", "}") and not begun:
            inside = bare == "{"
        elif inside and not begun and bare.startswith("{") and bare.endswith("}"):  # with a register of its own
            for piece in filter(None, map(str.strip, bare[1:-1].split(";"))):
                if not piece.startswith("."):
                    yield symbol, number, f"{piece};"
        elif inside and bare and not (bare.startswith(".") or LABEL.match(bare)):
            first = first if begun else number
            begun.append(bare)
            if bare.endswith(";"):
                yield symbol, first, " ".join(begun)
                begun = []


def wrong(line: str, boundary: bool = False) -> str:
    """What is to be objected to in an instruction, '' for nothing."""
    found = INSTRUCTION.match(line)
    if found is None:
        return "is no instruction that is known"
    name, _, types = found[1].partition(".")
    if boundary:
        return "" if name in BOUNDARY else "is not allowed in a kernel of the boundary"
    if name in DIVISION:
        return "divides"
    if name not in INTEGER:
        return "is not among the instructions that are allowed"
    if FLOAT.search(f".{types}"):
        return "computes in floating point"
    if name == "mma" and not TENSOR.search(f".{types}"):
        return "multiplies matrices of something else than bytes"
    if name == "wgmma" and not (TOGETHER.match(types) and ("mma_async" in types) == (".s32." in types)):
        return "multiplies matrices of something else than bytes"
    if name == "fence" and types not in FENCES:
        return "is a fence of another kind"
    return ""
