"""Files of arrays that are damaged or lie: one of `DAMAGE` each, and never the memory that they name."""

import io
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dyadic.runtime.array_files import DAMAGE, Member, read_arrays, write_npz

ARRAYS = {"x": np.arange(24, dtype=np.float32).reshape(4, 6), "labels": np.arange(4), "file": np.ones(3)}


def lying(header: str, body: bytes = b"") -> bytes:
    """A `.npy` with this header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


HEADERS = [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 3, 8, 8), }",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (1099511627776, 3, 8, 8), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, 6), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '|V1000000000', 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 6), ",
    "{'descr': '<f9', 'fortran_order': False, 'shape': (4, 6), }",
    "{'descr': [('a', '<f4'], 'fortran_order': False, 'shape': 4}",
    "[" * 5000,
    "__import__('os')",
]


@pytest.mark.parametrize("header", HEADERS)
def test_headers_that_lie(header: str, tmp_path: Path) -> None:
    data = lying(header, b"\x80\x04N." * 4)
    (tmp_path / "a.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", data)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DAMAGE):
            read_arrays(tmp_path / name)


def test_damage_anywhere_is_one_of_the_errors(tmp_path: Path) -> None:
    seed = 7
    print("seed", seed)
    disorder = random.Random(seed)
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        write_npz(stream, ARRAYS, compression)
        whole = stream.getvalue()
        for _ in range(400):
            data = bytearray(whole)
            for _ in range(disorder.choice((1, 1, 1, 8))):
                data[disorder.randrange(len(data))] = disorder.randrange(256)
            cut = disorder.choice((None, None, disorder.randrange(len(data))))
            (tmp_path / "a.npz").write_bytes(data[:cut])
            try:
                read_arrays(tmp_path / "a.npz")
                list(Member(tmp_path / "a.npz", "x.npy").pieces(2))
            except (*DAMAGE, OSError):
                pass


def test_any_name_can_be_written_and_read_by_numpy(tmp_path: Path) -> None:
    arrays = {
        name: np.full(2, i) for i, name in enumerate(("file", "allow_pickle", "args", "kwds", "a/b", "arr_0", "self"))
    }
    with open(tmp_path / "a.npz", "wb") as stream:
        write_npz(stream, arrays)
    with np.load(tmp_path / "a.npz") as found:
        assert {name: found[name].tolist() for name in found.files} == {n: a.tolist() for n, a in arrays.items()}
    assert {n: a.tolist() for n, a in read_arrays(tmp_path / "a.npz").items()} == {
        n: a.tolist() for n, a in arrays.items()
    }


def test_pieces_are_the_rows(tmp_path: Path) -> None:
    for order in ("C", "F"):
        np.save(tmp_path / "x.npy", np.asarray(ARRAYS["x"], order=order))
        for rows in (1, 3, 9):
            member = Member(tmp_path / "x.npy", None)
            assert np.array_equal(np.concatenate(list(member.pieces(rows))), ARRAYS["x"])
