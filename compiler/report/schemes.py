"""The widths of a layer as one word and as a number of bits: what tables say and colours stand for."""

import re

from dyadic.compiler.report_schema import Layer

FLOAT_BITS = 32
NAMES = {0: "no weights", 2: "2 bits", 4: "4 bits", 8: "8 bits", 16: "16 bits", 32: "float"}
BITS = re.compile(r"w(\d+)")


def scheme_of(row: Layer) -> str | None:
    """w4g32a8; a8 of what has no weights; None where nothing is known."""
    return f"{row.weights or ''}{f'a{row.activation}' if row.activation else ''}" or None


def bits_of(scheme: str | None) -> int:
    """The bits of the weights; 0 where there are none.

    >>> bits_of("w4g32a8"), bits_of("w8a16"), bits_of("a8"), bits_of("f32a16"), bits_of(None)
    (4, 8, 0, 32, 0)
    """
    if scheme is not None and scheme.startswith("f"):
        return FLOAT_BITS
    found = BITS.match(scheme or "")
    return int(found[1]) if found else 0
