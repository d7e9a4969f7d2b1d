"""Outlying samples teach nothing, some samples are kept apart, and both work on streams as on arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dyadic.compiler.calibrate.data import LABELS, Input
from dyadic.compiler.calibrate.screening import CalibrationSamples, kept_apart

INPUTS = (Input("x", (2, 3)),)
NORMAL = np.random.default_rng(0).standard_normal((300, 2, 3)).astype(np.float32)


def read(data: object, **options: Any) -> tuple[np.ndarray, np.ndarray, CalibrationSamples]:
    """(what is learned from, what is held out, the samples)."""
    samples = CalibrationSamples(data, INPUTS, **options)
    learned = np.concatenate([feeds["x"] for feeds in samples])
    held = np.concatenate([feeds["x"] for feeds in samples.held_out]) if samples.held_out else NORMAL[:0]
    return learned, held, samples


def in_batches(array: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (array[i : i + size] for i in range(0, len(array), size))


@pytest.mark.parametrize("count", [1, 31, 127, 128, 129, 300])
@pytest.mark.parametrize("size", [None, 1, 7, 64, 300])
def test_the_last_are_kept_apart_where_there_are_enough(count: int, size: int | None) -> None:
    data = NORMAL[:count]
    learned, held, samples = read(data if size is None else in_batches(data, size))
    apart = kept_apart(count)
    assert np.array_equal(learned, data[: count - apart]) and np.array_equal(held, data[count - apart :])
    assert samples.seen == count - apart
    assert samples.total == (count - apart if size is None else None)


@pytest.mark.parametrize("size", [None, 1, 50, 300])
@pytest.mark.parametrize(("factor", "numbers"), [(1e3, [200]), (30, [7]), (-1e6, [0, 31, 150])])
def test_what_is_out_of_all_proportion_is_left_out(size: int | None, factor: float, numbers: list[int]) -> None:
    data = NORMAL.copy()
    data[numbers, 1, 1] = factor
    learned, held, samples = read(data if size is None else in_batches(data, size))
    rest = np.delete(data, numbers, 0)
    assert np.array_equal(np.concatenate([learned, held]), rest)
    assert samples.inputs_seen["x"].outlying == numbers
    assert samples.inputs_seen["x"].usual == (rest.min(), rest.max())


def test_min_max_keeps_everything() -> None:
    data = NORMAL.copy()
    data[5] *= 1e3
    learned, _, samples = read(data, screen=False)
    assert 5e2 < np.abs(learned).max() and samples.inputs_seen["x"].outlying == []


@pytest.mark.parametrize("what", ["few samples", "many of them", "heavy tails", "rare events", "bounded"])
def test_what_the_data_are_like_is_no_outlier(what: str) -> None:
    random = np.random.default_rng(1)
    data = NORMAL.copy()
    match what:
        case "few samples":
            data = data[:31]
            data[3] *= 1e3
        case "many of them":
            data[:4] *= 1e3
        case "heavy tails":
            data = random.standard_t(3, data.shape).astype(np.float32)
        case "rare events":
            data[2:] = 0
        case "bounded":
            data = random.integers(0, 256, data.shape).astype(np.float32)
            data[1:] /= 2
    learned, held, samples = read(data)
    assert len(learned) + len(held) == len(data) and samples.inputs_seen["x"].outlying == []


def test_every_pass_gives_the_same_and_labels_stay_with_their_samples() -> None:
    data, labels = NORMAL.copy(), np.arange(300)
    data[10] *= 1e3
    samples = CalibrationSamples({"x": data, LABELS: labels}, INPUTS, labels=True)
    first, second = ([dict(feeds) for feeds in samples] for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in ("x", LABELS))
    seen = np.concatenate([feeds[LABELS] for feeds in first])
    assert seen.tolist() == [n for n in range(300 - kept_apart(299)) if n != 10]
    assert all(LABELS not in feeds for feeds in samples.held_out)
