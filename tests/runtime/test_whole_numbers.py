"""Whole numbers of every type are taken inside the limits and refused outside, by their place."""

import numpy as np
import pytest

from dyadic.runtime.errors import UsageError
from dyadic.runtime.tokens import whole_numbers

TYPES = ["int64", "int32", "uint8", "uint64", ">i8", ">u4", "float32"]
INT32 = np.dtype("int32")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("low", [0, -3])
def test_numbers_inside_are_taken(dtype: str, low: int) -> None:
    ids = np.array([[0, 99, 100]], dtype)
    got = whole_numbers("ids", ids, (low, 100), INT32)
    assert got.dtype == INT32 and got.tolist() == [[0, 99, 100]]
    assert whole_numbers("ids", ids[:, ::2], (low, 100), INT32).tolist() == [[0, 100]]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("low", [0, -3])
def test_numbers_beyond_are_refused(dtype: str, low: int) -> None:
    with pytest.raises(UsageError, match=r"input 'ids' holds 101(\.0)? at \[0, 1\]; .* from -?\d to 100"):
        whole_numbers("ids", np.array([[100, 101]], dtype), (low, 100), INT32)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", ">i8"])
def test_numbers_below_are_refused(dtype: str) -> None:
    with pytest.raises(UsageError, match=r"holds -1 at \[1\]; the network takes whole numbers from 0 to 100"):
        whole_numbers("ids", np.array([7, -1], dtype), (0, 100), INT32)


def test_no_numbers_are_none() -> None:
    assert whole_numbers("ids", np.zeros((1, 0), np.int64), (0, 100), INT32).shape == (1, 0)


def test_bytes_in_another_order_are_not_mistaken() -> None:
    with pytest.raises(UsageError, match=r"holds 72057594037927936 at \[0\]"):
        whole_numbers("ids", np.array([1 << 56], ">i8"), (0, 100), INT32)
