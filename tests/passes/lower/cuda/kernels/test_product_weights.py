"""Stored weights are found again, whatever they were stored in."""

from dataclasses import replace

import numpy as np
import pytest

from dyadic.dialects.weight_groups import factors
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec
from dyadic.passes.lower.cuda.kernels.families.product_weights import (
    StoredRuns,
    pack_weights,
    unpack_weights,
    weights_of,
)

BEHIND = np.full(64, 77, np.int8)


def spec_of(runs: StoredRuns, dims: list[int], *, tiled: bool = False) -> ProductSpec:
    chunks = len(runs.distances([0] * runs.lengths(dims).runs, dims))
    spec = ProductSpec(2, 3, runs.channels, 16, 64, 32, 96, chunks, store_bytes=1, groups=runs.groups)
    return replace(spec, weights=runs.weights, run_pixel=runs.run_pixel, sharing=runs.sharing, tiled=tiled)


@pytest.mark.parametrize(
    ("runs", "dims"),
    [
        (StoredRuns(10, 1, "w8", 0, 1), [10, 3, 3, 20]),
        (StoredRuns(10, 1, "w8", 4, 1), [10, 3, 3, 3]),
        (StoredRuns(12, 2, "w8", 0, 3), [24, 3, 3, 4]),
        (StoredRuns(12, 2, "w4", 12, 3), [24, 3, 3, 4]),
        (StoredRuns(10, 1, "w2", 0, 1), [10, 1, 2, 37]),
        (StoredRuns(10, 1, "w4g64", 0, 1), [10, 3, 1, 150]),
        (StoredRuns(18, 1, "w4g32", 0, 1), [18, 1, 2, 70]),
    ],
)
def test_weights_are_found_again(runs: StoredRuns, dims: list[int]) -> None:
    random = np.random.default_rng(3)
    spec = spec_of(runs, dims)
    largest = (1 << (spec.format.bits - 1)) - 1
    weight = random.integers(-largest, largest + 1, dims)
    scales = None
    if spec.format.group:
        scales = random.integers(1, 19, [*dims[:3], -(-dims[3] // spec.format.group)])
        weight = weight * factors(scales, spec.format.group, dims)
    stored = pack_weights(spec, weight, scales)
    assert stored.dtype == np.int8
    stored = np.concatenate([stored, BEHIND])  # those of other layers
    found, groups = weights_of(spec, stored, dims)
    np.testing.assert_array_equal(found, weight)
    if scales is not None:
        np.testing.assert_array_equal(groups, scales)
    whole = unpack_weights(spec, stored)
    assert whole.shape == (dims[0], 16 * spec.chunks)
    assert np.abs(whole.astype(int)).sum() == np.abs(weight).sum()  # all else is 0


def test_weights_in_tiles_are_found_again() -> None:
    dims = [48, 3, 3, 20]
    spec = spec_of(StoredRuns(24, 2, "w8", 0, 1), dims, tiled=True)
    weight = np.random.default_rng(4).integers(-127, 128, dims)
    stored = np.concatenate([pack_weights(spec, weight), BEHIND])
    np.testing.assert_array_equal(weights_of(spec, stored, dims)[0], weight)
    whole = pack_weights(replace(spec, tiled=False), weight).reshape(48, -1)
    tile = stored[128 * (2 * spec.chunks + 3) :][:128].reshape(8, 16)  # of channels 16 to 23, their fourth chunk
    np.testing.assert_array_equal(tile, whole[16:24, 48:64])


def test_smallest_steps_of_given_weights_are_kept() -> None:
    """-8 and -2, which we choose nowhere, but models may have."""
    for bits in (4, 2):
        runs = StoredRuns(1, 1, f"w{bits}", 0, 1)
        spec = spec_of(runs, [1, 1, 1, 16])
        weight = np.full([1, 1, 1, 16], -(1 << (bits - 1)))
        np.testing.assert_array_equal(weights_of(spec, pack_weights(spec, weight), [1, 1, 1, 16])[0], weight)
