"""Files of samples, and what bit rot or an adversary may make of them, from a seed: bytes, headers, arrays."""

import io
import random
import struct
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

COUNT = 6
DTYPES = ("<f4", "<f8", ">f4", "<f2", "<i8", "|u1", "|b1", "|O", "<U3", "<c8", "<M8[s]", "|V3", "<f16", "nonsense", "")
SIZES = (0, 1, 2, 3, 4, 5, 7, -1, 1 << 31, 1 << 40, 1 << 63)
NAMES = ("x", "labels", "y", "", "X", "../x", "x.npy", "arr_0", "\x1b[31mx", "é" * 100, "x" * 300)
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def original() -> Arrays:
    """Samples [6, 3, 4, 4] of the input "x", and labels below 3."""
    disorder = np.random.default_rng(1)
    return {"x": disorder.normal(0, 1, (COUNT, 3, 4, 4)).astype(np.float32), "labels": np.arange(COUNT) % 3}


def mutant(seed: int, number: int) -> tuple[str, str, bytes]:
    """What was done, the suffix of the file's name, and the file."""
    disorder = random.Random(f"{seed} {number}")
    arrays, done = original(), ""
    if disorder.random() < 0.5:
        done, arrays = _other_arrays(arrays, disorder)
    if disorder.random() < 0.25:
        data, suffix = _npy(arrays.get("x", np.zeros(0)), disorder), ".npy"
    else:
        data, suffix = _npz(arrays, disorder), ".npz"
    if not done or disorder.random() < 0.3:
        done, data = f"{done} bytes".strip(), _other_bytes(data, disorder)
    return f"{done} ({suffix})", suffix, data


def _other_arrays(arrays: Arrays, disorder: random.Random) -> tuple[str, Arrays]:
    """One array is of another kind, shape, name or holds what no number is."""
    name = disorder.choice(list(arrays))
    array = arrays[name]
    match disorder.randrange(6):
        case 0:
            kind = disorder.choice(("f2", "f8", "i8", "u1", "?", "c8", "U2", "O", "M8[s]"))
            return f"type {kind}", arrays | {name: _cast(array, kind)}
        case 1:
            return "shape", arrays | {name: array.reshape(disorder.choice(((-1,), (1, -1), (-1, 3), (-1, 1, 1, 1, 1))))}
        case 2:
            other = array.astype(np.float64 if disorder.random() < 0.5 else array.dtype).copy()
            other.flat[disorder.randrange(other.size)] = disorder.choice((np.nan, np.inf, 1e300, 1e30, -1e38)) if (
                other.dtype.kind == "f"
            ) else disorder.choice((-1, 3, 1 << 40))  # fmt: skip
            return "value", arrays | {name: other}
        case 3:
            return "rows", arrays | {name: array[: disorder.randrange(COUNT)]}
        case 4:
            return "name", {key if key != name else disorder.choice(NAMES): value for key, value in arrays.items()}
        case _:
            return "order", arrays | {name: np.asfortranarray(array)[..., ::-1] * disorder.choice((0, 1, 10**6))}


def _cast(array: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    with np.errstate(all="ignore"):
        return array.astype(np.int64).astype(kind) if kind == "M8[s]" else array.astype(kind)


def _npy(array: npt.NDArray[Any], disorder: random.Random) -> bytes:
    """As numpy writes it, or with a header that says something else."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array))
    data = stream.getvalue()
    if disorder.random() < 0.6:
        return data
    shape: list[Any] = list(array.shape)
    kind: Any = array.dtype.str
    match disorder.randrange(4):
        case 0 if shape:
            shape[disorder.randrange(len(shape))] = disorder.choice(SIZES)
        case 1:
            kind = disorder.choice(DTYPES)
        case 2:
            kind = [("a", "<f4"), ("b", disorder.choice(DTYPES))]
        case _:
            shape = [disorder.choice((1, *SIZES)) for _ in range(disorder.choice((0, 1, 40)))]
    header = f"{{'descr': {kind!r}, 'fortran_order': {disorder.choice((True, False))}, 'shape': {tuple(shape)!r}, }}"
    text = disorder.choice((header, header, header[:-4], header + "(" * 200, "1+" * 500 + "1", "[" * 900)).encode()
    version = disorder.choice(((1, 0), (1, 0), (2, 0), (3, 0), (9, 9)))
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + array.tobytes()


def _npz(arrays: Arrays, disorder: random.Random) -> bytes:
    """An archive of the arrays; perhaps with a member twice, or a bomb beside them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        how = disorder.choice(COMPRESSIONS)
        for name, array in arrays.items():
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"), _npy(array, disorder), how
            )  # of no time: a seed's own bytes
        match disorder.randrange(8):
            case 0:
                archive.writestr(zipfile.ZipInfo("notes.txt"), "no array")
            case 1:
                archive.writestr(zipfile.ZipInfo("z.npy"), bytes(1 << 20), zipfile.ZIP_DEFLATED)
            case _:
                pass
    return stream.getvalue()


def _other_bytes(data: bytes, disorder: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(disorder.choice((1, 1, 2, 5, 20))):
        if not changed:
            break
        # an archive's directory is at its end, its headers and those of arrays are text
        place = disorder.choice((disorder.randrange(len(changed)), max(0, len(changed) - disorder.randrange(1, 200))))
        match disorder.randrange(5):
            case 0 | 1:
                changed[place] = disorder.randrange(256)
            case 2:
                changed[place] ^= 1 << disorder.randrange(8)
            case 3:
                del changed[place : place + disorder.choice((1, 4, 100, len(changed)))]
            case _:
                changed[place:place] = bytes(disorder.randrange(256) for _ in range(disorder.randrange(1, 5)))
    return bytes(changed)
