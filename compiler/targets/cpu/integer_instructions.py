"""The x86 instructions that integer-only code may consist of, and why any other may not be there.

A float instruction is one that computes, compares, rounds or converts floating point, or touches x87 or MXCSR. Moves,
broadcasts, shuffles, blends, inserts and bitwise logic are allowed under any mnemonic, since compilers pick `vmovups`
for integers. Whatever no line below matches in full is refused, also if it is harmless: the list is what was looked at.

Kernels of float islands may have a few more: what computes float32 by the law that their ops state. A fused
multiply-add is not among them, since it would make other bits, nor is anything that changes how floats are rounded.
"""

import re
from functools import cache

from iced_x86 import Mnemonic

# One family a line, as regular expressions over whole mnemonics. V? is the AVX form of an SSE instruction.
ALLOWED = (
    # moves between registers and memory
    r"MOV|MOVZX|MOVSX|MOVSXD|MOVBE|XCHG|LEA|PUSH|POP|LEAVE|BSWAP|CMOV\w+|MOVS[BWQ]|STOS[BWDQ]",
    # integer arithmetic, logic, bits; no division
    r"ADD|ADC|ADCX|ADOX|SUB|SBB|INC|DEC|NEG|NOT|AND|ANDN|OR|XOR|MUL|IMUL|MULX|CMP|TEST|SET[A-Z]{1,2}",
    r"CBW|CWDE|CDQE|CWD|CDQ|CQO|BT|BTS|BTR|BTC|BSF|BSR|TZCNT|LZCNT|POPCNT|BLSR|BLSI|BLSMSK|BEXTR|BZHI|PDEP|PEXT",
    r"SHL|SAL|SHR|SAR|ROL|ROR|RORX|SHLX|SHRX|SARX|SHLD|SHRD",
    # control flow (targets are checked where they are decoded), prefetching, fences, doing nothing
    r"J[A-Z]{1,4}|CALL|RET|UD2|NOP|ENDBR64|PREFETCH(T0|T1|T2|NTA|W)|[SLM]FENCE|VZEROUPPER|VZEROALL",
    # vector moves, under integer and float names alike
    r"V?MOV[DQ]|V?MOVDQ[AU](8|16|32|64)?|V?LDDQU|V?MOVNTDQA?|V?MOVNT(PS|PD)|MOVNTI",
    r"V?MOV[AU]P[SD]|V?MOVS[SD]|V?MOV(HL|LH|H|L)P[SD]|V?MOVS[HL]DUP|V?MOVDDUP",
    r"V?MOVMSKP[SD]|V?PMOVMSKB|V?MASKMOV(DQU|PS|PD)|VPMASKMOV[DQ]|VPGATHER[DQ][DQ]|VPSCATTER[DQ][DQ]",
    r"VBROADCAST[FI](128|(32|64)X[248])|VBROADCASTS[SD]|VPBROADCAST([BWDQ]|MB2Q|MW2D)",
    # shuffles, blends, inserts, extracts
    r"V?PSHUF([BD]|HW|LW)|V?SHUFP[SD]|V?UNPCK[LH]P[SD]|V?PUNPCK[LH](BW|WD|DQ|QDQ)|V?PALIGNR|VALIGN[DQ]",
    r"VPERM([BWDQ]|P[SD]|2[FI]128|ILP[SD]|[IT]2([BWDQ]|P[SD]))|VSHUF[FI](32X4|64X2)|VPMULTISHIFTQB",
    r"VPCOMPRESS[BWDQ]|VPEXPAND[BWDQ]|VCOMPRESSP[SD]|VEXPANDP[SD]",
    r"V?BLENDV?P[SD]|V?PBLENDVB|V?PBLENDW|VPBLENDD|VPBLENDM[BWDQ]|VBLENDMP[SD]",
    r"V?PINSR[BWDQ]|V?PEXTR[BWDQ]|V?INSERTPS|V?EXTRACTPS|V(INSERT|EXTRACT)[FI](128|(32|64)X[248])",
    # bitwise logic
    r"V?(AND|ANDN|OR|XOR)P[SD]|V?P(AND|ANDN|OR|XOR)|VP(AND|ANDN|OR|XOR)[DQ]|VPTERNLOG[DQ]|V?PTEST|VPTESTN?M[BWDQ]",
    # vector integer arithmetic
    r"V?P(ADD|SUB)(S|US)?[BWDQ]|V?PMULL[WDQ]|V?PMULH(U|RS)?W|V?PMULU?DQ|V?PMADD(WD|UBSW)|VPMADD52[LH]UQ",
    r"VPDP(BUSD|WSSD|BSSD|BSUD|BUUD|WSUD|WUSD|WUUD)S?|V?PSADBW|V?MPSADBW|VDBPSADBW|V?PH(ADD|SUB)(W|D|SW)",
    r"V?P(MIN|MAX)[SU][BWDQ]|V?PHMINPOSUW|V?PABS[BWDQ]|V?PSIGN[BWD]|V?PAVG[BW]|V?PACK[SU]S(WB|DW)",
    r"V?PMOV[SZ]X(BW|BD|BQ|WD|WQ|DQ)|VPMOV(S|US)?(WB|DB|QB|DW|QW|QD)|VPMOVM2[BWDQ]|VPMOV[BWDQ]2M",
    r"V?PCMP(EQ|GT)[BWDQ]|VPCMPU?[BWDQ]|V?PS(LL|RL)([WDQ]|DQ)|V?PSRA[WDQ]|VPS(LL|RL|RA)V[WDQ]|VPRO[LR]V?[DQ]",
    r"VPSH[LR]DV?[WDQ]|VPCONFLICT[DQ]|VPLZCNT[DQ]|VPOPCNT[BWDQ]|V?GF2P8\w+|VPSHUFBITQMB",
    # mask registers
    r"K(MOV|AND|ANDN|OR|XOR|XNOR|NOT|ADD|SHIFT[LR]|ORTEST|TEST)[BWDQ]|KUNPCK(BW|WD|DQ)",
    # matrix tiles of bytes
    r"TILELOADD|TILELOADDT1|TILESTORED|TILEZERO|LDTILECFG|STTILECFG|TILERELEASE|TDPB(UU|US|SU|SS)D",
)

# What kernels of float islands have besides: each rounds by itself, alike on every processor.
FLOAT_ALLOWED = r"V?(ADD|MUL|DIV|MIN|MAX|CMP)[PS]S|V?U?COMISS|V?CVT(DQ2PS|SI2SS)"

NAMES = {number: name for name, number in vars(Mnemonic).items() if name.isupper() and isinstance(number, int)}
_ALLOWED = re.compile("|".join(ALLOWED))
_FLOAT_ALLOWED = re.compile(FLOAT_ALLOWED)
_DIVISION = re.compile(r"I?DIV|V?DIV(P|S)[SDH]|VDIVNEPBF16|FI?DIVR?P?")
_FLOAT = re.compile(r"F\w+|\w*MXCSR|\w*(P|S)[SDH]|\w*BF16\w*|V?CVT\w+|\w*FP16\w*|\w*P[SD]_\w+")


@cache
def objection(mnemonic: int, *, island: bool = False) -> str | None:
    """Why an instruction must not be there (in the kernel of a float `island`), or None where it may."""
    name = NAMES[mnemonic]
    if name == "INVALID":
        return "cannot be decoded"
    if _ALLOWED.fullmatch(name) or (island and _FLOAT_ALLOWED.fullmatch(name)):
        return None
    if island:
        return "is not on the list of instructions for float islands"
    if _DIVISION.fullmatch(name):
        return "divides"
    if _FLOAT.fullmatch(name):
        return "is a floating-point instruction"
    return "is not on the list of integer instructions"
