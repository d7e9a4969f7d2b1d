"""How an operand of a kernel lies, as part of the kernel's spec."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Strided:
    """Bytes from one column, row, image or element of an outer dimension to the next; 0: the same for all of them.

    `channel` is 1, or 0 for one number a pixel. The high bytes of 16-bit numbers lie `plane` behind the low ones.
    """

    column: int
    row: int
    image: int
    channel: int = 1
    plane: int = 0
    outer: tuple[int, ...] = ()
