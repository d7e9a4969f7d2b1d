"""Artifacts broken by a seeded hand: bytes, lengths, hashes; headers that say something else and are sealed anew."""

import copy
import hashlib
import json
from random import Random
from typing import Any

PAGE = 4096
NUMBERS = (0, 1, -1, 2, 3, 4, 63, 64, 4096, 255, 256, 65536, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64, 2**70,
           -(2**63) - 1, 10**400, 0.5, 1e30, 1e-46)  # fmt: skip
WORDS = ("", "N", "x", "y", "cpu", "cpu/weights", "cpu/code/x86-64", "uint8", "int16", "int32", "int64", "float32",
         "bool", "one", "none", "arena", "state", "scalars", "softmax", "largest", "last_largest_place", "\x1b[2J",
         "é", "\u2028")  # fmt: skip


def header_of(good: bytes) -> dict[str, Any]:
    return json.loads(good[48 : 48 + int.from_bytes(good[8:16], "little")])


def sealed(good: bytes, text: bytes) -> bytes:
    """The same sections behind another header, with a hash that fits."""
    old = -(-(48 + int.from_bytes(good[8:16], "little")) // PAGE) * PAGE
    new = -(-(48 + len(text)) // PAGE) * PAGE
    start = good[:8] + len(text).to_bytes(8, "little")
    return (start + hashlib.sha256(start + text).digest() + text).ljust(new, b"\0") + good[old:]


def written(header: Any) -> bytes:
    return json.dumps(header, separators=(",", ":")).encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of a header are, `made` apart."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for name, item in inner:
        if path or name != "made":
            found += places(item, (*path, name))
    return found


def at(header: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        header = header[name]
    return header


def other_value(value: Any, dice: Random) -> Any:
    near = [value + step for step in (-64, -1, 1, 64)] + [value * 2, -value] if type(value) in (int, float) else []
    kinds: list[Any] = [dice.choice(NUMBERS), dice.choice(WORDS), None, True, False, [], {}, [value], *near, *near]
    return dice.choice(kinds)


def other_header(header: dict[str, Any], dice: Random) -> dict[str, Any]:
    """One to three values are others, gone, doubled or exchanged."""
    header = copy.deepcopy(header)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        path = dice.choice(places(header))
        inside, name = at(header, path[:-1]), path[-1]
        match dice.randrange(8):
            case 0:
                del inside[name]
            case 1 if isinstance(inside, list):
                inside.insert(name, copy.deepcopy(inside[name]))
            case 1:
                inside[dice.choice(WORDS) or "padding"] = inside[name]
            case 2:
                inside[name] = copy.deepcopy(at(header, dice.choice(places(header))))
            case _:
                inside[name] = other_value(inside[name], dice)
    return header


def other_text(text: bytes, dice: Random) -> bytes:
    """JSON that is almost what it was."""
    place = dice.randrange(len(text))
    match dice.randrange(6):
        case 0:
            return text[:place]
        case 1:
            return text[:place] + bytes([dice.randrange(256)]) + text[place + 1 :]
        case 2:
            return (
                text[:place]
                + dice.choice((b"\\ud800", b"\\u0000", b"NaN", b"-0", b"01", b"1e999", b"\xff", b"[" * 50))
                + text[place:]
            )
        case 3:
            return text.replace(b'"name":', b'"name":1,"name":', 1)
        case 4:
            return dice.choice((b"\xef\xbb\xbf", b" ", b"\n")) + text
        case _:
            return text.decode().encode(dice.choice(("utf-16", "utf-32", "utf-8-sig")))


def broken(good: bytes, dice: Random) -> bytes:
    """One more broken artifact; now and then it is as good as before."""
    match dice.randrange(10):
        case 0:
            return good[: dice.randrange(len(good))]
        case 1:
            changed = bytearray(good)
            changed[dice.randrange(len(good))] ^= 1 << dice.randrange(8)
            return bytes(changed)
        case 2:
            return good + bytes(dice.choice((1, 64, 4096)))
        case 3:
            text = good[48 : 48 + int.from_bytes(good[8:16], "little")]
            return sealed(good, other_text(text, dice))
        case _:
            return sealed(good, written(other_header(header_of(good), dice)))
