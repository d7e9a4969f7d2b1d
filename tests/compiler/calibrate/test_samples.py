"""Everything that users calibrate with, and one sentence for everything that does not fit."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dyadic.compiler.calibrate import data
from dyadic.compiler.calibrate.data import KEPT, Input, Samples
from dyadic.runtime.errors import FileError, UsageError

X = np.arange(7 * 12, dtype=np.float32).reshape(7, 3, 4)
ONE = (Input("x", (3, 4)),)
TWO = (Input("x", (3, 4)), Input("y", (2,)))
Y = np.ones((7, 2), np.float32)


class Reader:
    """As ONNX Runtime wants it."""

    def __init__(self) -> None:
        self.items = iter([{"x": X[:3]}, {"x": X[3:]}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.items, None)


def rows(samples: Samples, name: str = "x") -> np.ndarray:
    return np.concatenate([feeds[name] for feeds in samples])


@pytest.mark.parametrize(
    "given",
    [
        X,
        {"x": X, "labels": np.arange(7)},
        torch.from_numpy(X).requires_grad_(),
        [X[0], X[1], X[2:]],
        [{"x": x} for x in X],
        [(x, 5) for x in X],
        ([x] for x in X),
        X.astype(np.float64),
        X.astype(np.uint8),
        Reader(),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(X), torch.arange(7)), 2),
    ],
    ids=lambda given: type(given).__name__,
)
def test_all_kinds_of_data_are_the_same_samples(given: object) -> None:
    seen = rows(Samples(given, ONE))
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(seen, X)


@pytest.mark.parametrize("compressed", [False, True])
def test_an_npz_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool) -> None:
    monkeypatch.setattr(data, "PIECE_BYTES", 3 * 12 * 4)
    (np.savez_compressed if compressed else np.savez)(tmp_path / "d.npz", x=X, y=Y, more=np.zeros(2))
    samples = Samples(tmp_path / "d.npz", TWO)
    assert samples.total == 7
    assert [len(feeds["x"]) for feeds in samples] == [3, 3, 1]
    np.testing.assert_array_equal(rows(samples), X)


def test_npy_and_column_major_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.asfortranarray(X))
    np.testing.assert_array_equal(rows(Samples(str(tmp_path / "d.npy"), ONE)), X)


def test_labels_come_along_where_they_are_wanted(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, labels=np.arange(7, dtype=np.uint8))
    np.testing.assert_array_equal(rows(Samples(tmp_path / "d.npz", ONE, labels=True), "labels"), np.arange(7))
    assert "labels" not in next(iter(Samples(tmp_path / "d.npz", ONE)))
    pairs = [(x, i) for i, x in enumerate(X)]
    np.testing.assert_array_equal(rows(Samples(pairs, ONE, labels=True), "labels"), np.arange(7))


def test_the_first_samples_are_kept() -> None:
    many = np.zeros((100, 3, 4), np.float32)
    samples = Samples([many[:20], many[20:]], ONE)
    assert sum(len(feeds["x"]) for feeds in samples) == 100
    assert sum(len(feeds["x"]) for feeds in samples.first) == KEPT and samples.seen == 100


def bad(value: float) -> np.ndarray:
    broken = X.copy()
    broken[5, 1, 1] = value
    return broken


@pytest.mark.parametrize(
    ("given", "inputs", "said"),
    [
        ({"input": X}, ONE, 'no array named "x" (it has: "input")'),
        ({"x": X}, TWO, 'no array named "y"'),
        ({"x": X.transpose(0, 2, 1)}, ONE, '"x" has shape [7, 4, 3], the model reads [N, 3, 4]'),
        ({"x": np.float32(3)}, ONE, '"x" has shape []'),
        ({"x": X[:0]}, ONE, "holds no samples"),
        ([], ONE, "holds no samples"),
        (iter(()), ONE, "holds no samples"),
        ({"x": X, "y": Y[:4]}, TWO, '7 of "x", 4 of "y"'),
        (bad(np.nan), ONE, 'sample 5 of "x" holds NaN or infinity'),
        ([X, bad(np.inf)], ONE, 'sample 12 of "x" holds NaN or infinity'),
        ({"x": np.full((7, 3, 4), 1e300)}, ONE, 'sample 0 of "x" holds NaN or infinity'),
        (np.array([["a"]]), ONE, "the model reads numbers"),
        (torch.zeros(7, 3, 4, device="meta"), ONE, '"x" is a torch.Tensor, which is no array: Cannot copy out of meta'),
        ([torch.zeros(3, 4).to_sparse()], ONE, '"x" is a torch.Tensor, which is no array: can\'t convert Sparse'),
        (b"abc", ONE, "of type bytes cannot be read"),
        (io.BytesIO(b"abc"), ONE, "of type BytesIO cannot be read"),
        (X.astype(complex), ONE, "the model reads numbers"),
        ([X], TWO, 'the model has 2 inputs: "x" [N, 3, 4], "y" [N, 2]'),
        ([(X, Y, Y, Y)], TWO, "yields 4 arrays at a time, the model has 2 inputs"),
        (5, ONE, "of type int cannot be read"),
        ({"x": X, "labels": np.zeros((7, 10))}, ONE, "one whole number a sample"),
    ],
)
def test_what_does_not_fit_is_said_with_the_inputs_name(given: object, inputs: tuple[Input, ...], said: str) -> None:
    with warnings.catch_warnings(), pytest.raises(UsageError) as caught:
        warnings.simplefilter("error")
        list(Samples(given, inputs, labels=True))
    assert said in str(caught.value)
    assert str(caught.value).startswith("calibration data")


def test_files_that_are_missing_damaged_or_something_else(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        Samples(tmp_path / "none.npz", ONE)
    with pytest.raises(UsageError, match="is a folder"):
        Samples(tmp_path, ONE)
    np.save(tmp_path / "one.npy", X[0])
    with pytest.raises(UsageError, match="it looks like one sample; give it a first dimension"):
        Samples(tmp_path / "one.npy", ONE)
    (tmp_path / "d.txt").write_text("x")
    with pytest.raises(UsageError, match=r"neither \.npz nor \.npy, nor a folder of images"):
        Samples(tmp_path / "d.txt", ONE)
    (tmp_path / "d.npz").write_bytes(b"PK\x03\x04 but no archive")
    with pytest.raises(UsageError, match="is damaged"):
        Samples(tmp_path / "d.npz", ONE)
    (tmp_path / "d.npy").write_bytes(b"\x93NUMPY\x01")
    with pytest.raises(UsageError, match="is damaged"):
        Samples(tmp_path / "d.npy", ONE)
    for content, said in (
        (b"nothing", "is a text file, not of arrays$"),
        (b"", "is an empty file, not of arrays: export or copy it again"),
        (b"version https://git-lfs.github.com", "is a pointer of Git LFS, not of arrays: git lfs pull brings the file"),
    ):
        for name in ("d.npy", "d.npz"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(UsageError, match=said):
                Samples(tmp_path / name, ONE)
    np.save(tmp_path / "cut.npy", X)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-5])
    with pytest.raises(UsageError, match=r"is damaged: .*holds 331 bytes only"):
        list(Samples(tmp_path / "cut.npy", ONE))
    np.savez(tmp_path / "flip.npz", x=X)
    content = bytearray((tmp_path / "flip.npz").read_bytes())
    content[200] ^= 1
    (tmp_path / "flip.npz").write_bytes(content)
    with pytest.raises(UsageError, match="is damaged"):
        list(Samples(tmp_path / "flip.npz", ONE))


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UsageError, match=r"is damaged|numbers"):
        list(Samples(tmp_path / "d.npz", ONE))


def test_what_can_be_read_only_once_is_known_to_be_so() -> None:
    class Reader:
        def get_next(self) -> None:
            return None

    assert Samples(iter([X]), ONE).once and Samples(Reader(), ONE).once
    assert not Samples([X], ONE).once and not Samples(X, ONE).once


def test_items_of_other_shapes_are_said_with_theirs() -> None:
    """A data set's items are joined to batches only where they can be."""

    class Mixed:
        what, total, record = "calibration data", 2, {}

        def __iter__(self) -> Iterator[object]:
            return iter([{"x": X[:1]}, {"x": X[:1, :2]}])

    with pytest.raises(UsageError, match=r'"x" has shape \[1, 2, 4\], the model reads \[N, 3, 4\]'):
        list(Samples(Mixed(), ONE))


def test_tensors_of_bfloat16_are_numbers() -> None:
    (feeds,) = Samples(torch.from_numpy(X[:2]).bfloat16(), ONE)
    np.testing.assert_array_equal(feeds["x"], torch.from_numpy(X[:2]).bfloat16().float())
