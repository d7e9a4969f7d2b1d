"""From relocatable ELF objects to one flat, position-independent image that needs no loader (docs/artifact.md).

The image is `.text` of every object first, then their read-only constants. Only PC-relative relocations inside the
image are applied; everything else is refused: undefined symbols, absolute addresses, writable data, thread-local
storage, constructors.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

PROGBITS, SYMTAB, RELA, NOBITS = 1, 2, 4, 8
WRITE, ALLOC, EXEC = 1, 2, 4
PC32, PLT32 = 2, 4
FUNCTION = 2


@dataclass(frozen=True)
class Image:
    """Code of one ISA level: `code[:text_length]` is instructions, the rest constants.

    `entries` is symbol -> (offset, length).
    """

    code: bytes
    text_length: int
    entries: dict[str, tuple[int, int]]


class _Object:
    """The tables of one ELF64 object."""

    def __init__(self, elf: bytes) -> None:
        self.elf = elf
        (table,) = struct.unpack_from("<Q", elf, 40)
        count, names = struct.unpack_from("<HH", elf, 60)
        # name, type, flags, address, offset, size, link, info, align, entry size
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", elf, table + 64 * i) for i in range(count)]
        self.section_names = self.sections[names][4]
        self.symbols = next(s for s in self.sections if s[1] == SYMTAB)
        self.symbol_names = self.sections[self.symbols[6]][4]

    def name(self, table: int, offset: int) -> str:
        return self.elf[table + offset : self.elf.index(b"\0", table + offset)].decode()

    def symbol(self, index: int) -> tuple[str, int, int, int, int, int]:
        """(name, bind, type, section, value, size)."""
        name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", self.elf, self.symbols[4] + 24 * index)
        return self.name(self.symbol_names, name), info >> 4, info & 15, section, value, size

    def every_symbol(self) -> list[tuple[str, int, int, int, int, int]]:
        return [self.symbol(i) for i in range(self.symbols[5] // 24)]


def link(objects: Sequence[bytes]) -> Image:
    """One image of all `objects`.

    Raises:
        ValueError: an object holds what an image cannot: see the module's first paragraph.
    """
    parsed = [_Object(elf) for elf in objects]
    image = bytearray()
    start: dict[tuple[int, int], int] = {}
    text_length = 0
    for wanted in (EXEC, 0):
        for n, one in enumerate(parsed):
            for i, (name, kind, flags, _, offset, size, _, _, align, _) in enumerate(one.sections):
                if not flags & ALLOC or not size or flags & EXEC != wanted:
                    continue
                label = one.name(one.section_names, name)
                if label.startswith(".eh_frame"):
                    continue  # unwind tables: nothing here throws
                if kind != PROGBITS or flags & WRITE:
                    raise ValueError(
                        f"section '{label}' is writable or has no bytes: an image holds code and constants only"
                    )
                image += b"\xcc" * (-len(image) % max(1, align))
                start[n, i] = len(image)
                image += one.elf[offset : offset + size]
        if wanted == EXEC:
            text_length = len(image)
    defined: dict[str, int] = {}
    entries: dict[str, tuple[int, int]] = {}
    for n, one in enumerate(parsed):
        for name, bind, kind, section, value, size in one.every_symbol():
            if bind >= 1 and (n, section) in start:
                defined[name] = start[n, section] + value
                if kind == FUNCTION:
                    entries[name] = (defined[name], size)
    for n, one in enumerate(parsed):
        for _, kind, _, _, offset, size, _, section, _, _ in one.sections:
            if kind == RELA and (n, section) in start:
                _relocate(image, one, n, offset, size, start[n, section], start, defined)
    return Image(bytes(image), text_length, entries)


def _relocate(
    image: bytearray,
    one: _Object,
    n: int,
    offset: int,
    size: int,
    base: int,
    start: dict[tuple[int, int], int],
    defined: dict[str, int],
) -> None:
    for k in range(size // 24):
        place, info, addend = struct.unpack_from("<QQq", one.elf, offset + 24 * k)
        name, _, _, section, value, _ = one.symbol(info >> 32)
        target = start[n, section] + value if (n, section) in start else defined.get(name)
        if target is None:
            raise ValueError(f"'{name}' is not in the image")
        if info & 0xFFFFFFFF not in (PC32, PLT32):
            raise ValueError(f"relocation type {info & 0xFFFFFFFF} against '{name}' is not relative to the code")
        place += base
        struct.pack_into("<i", image, place, target + addend - place)
