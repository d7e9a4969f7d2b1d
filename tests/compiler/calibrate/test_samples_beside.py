"""What lies beside the samples: everything that the model does not read, from every kind of data."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dyadic.compiler.calibrate import data
from dyadic.compiler.calibrate.beside import SamplesBeside
from dyadic.compiler.calibrate.data import Input
from dyadic.runtime.errors import UsageError

X = np.arange(7 * 12, dtype=np.float32).reshape(7, 3, 4)
ONE = (Input("x", (3, 4)),)
SCORES, MASKS = np.linspace(0, 1, 7), np.arange(7 * 4).reshape(7, 2, 2) % 2 == 0


def read(given: object) -> dict[str, np.ndarray]:
    """After all samples went by, which are those of `X` and nothing else."""
    samples = SamplesBeside(given, ONE)
    for _ in range(2):  # they are read for every artifact
        batches = list(samples)
        assert all(set(feeds) == {"x"} for feeds in batches)
        np.testing.assert_array_equal(np.concatenate([feeds["x"] for feeds in batches]), X)
    return samples.beside()


@pytest.mark.parametrize("kind", ["file", "dict", "batches", "single", "tensors"])
def test_arrays_of_any_type_and_shape_come_along(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "PIECE_BYTES", 3 * 12 * 4)
    whole = {"x": X, "labels": SCORES, "masks": MASKS}
    np.savez(tmp_path / "d.npz", allow_pickle=False, **whole)
    given: dict[str, object] = {
        "file": tmp_path / "d.npz",
        "dict": whole,
        "batches": [{n: a[:3] for n, a in whole.items()}, {n: a[3:] for n, a in whole.items()}],
        "single": [{n: a[i] for n, a in whole.items()} for i in range(7)],
        "tensors": [{n: torch.from_numpy(a[i : i + 1].copy()) for n, a in whole.items()} for i in range(7)],
    }
    beside = read(given[kind])
    assert list(beside) == ["labels", "masks"]
    np.testing.assert_array_equal(beside["labels"], SCORES)
    np.testing.assert_array_equal(beside["masks"], MASKS)
    assert beside["masks"].dtype == bool and beside["labels"].dtype == np.float64


def test_what_loaders_yield_last_is_the_labels() -> None:
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*map(torch.from_numpy, (X, SCORES))), 2)
    np.testing.assert_array_equal(read(loader)["labels"], SCORES)
    np.testing.assert_array_equal(read([(x, s) for x, s in zip(X, SCORES, strict=True)])["labels"], SCORES)


def test_there_may_be_nothing_beside_them(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", X)
    for given in (tmp_path / "d.npy", X, {"x": X}, list(X)):
        assert read(given) == {}


def test_files_and_dicts_may_hold_arrays_without_a_row_a_sample(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, names=np.array(["cat", "dog"]), unit=np.array(2.5))
    for given in (tmp_path / "d.npz", {"x": X, "names": ["cat", "dog"], "unit": 2.5}):
        beside = read(given)
        assert beside["names"].tolist() == ["cat", "dog"] and beside["unit"] == 2.5


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='yields 3 rows of "masks" with 2 samples'):
        list(SamplesBeside([{"x": X[:2], "masks": MASKS[:3]}], ONE))
    samples = SamplesBeside([{"x": X[:2], "masks": MASKS[:2]}, {"x": X[2:]}], ONE)
    assert len(list(samples)) == 2
    with pytest.raises(UsageError, match='has "masks" for some samples only'):
        samples.beside()
    np.savez(tmp_path / "d.npz", x=X, more=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UsageError, match=r"d\.npz: more.npy holds Python objects"):
        SamplesBeside(tmp_path / "d.npz", ONE)
