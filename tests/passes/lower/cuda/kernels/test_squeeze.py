"""Weights and parameters of both kernels of a squeeze-and-excite block. Their bits: `test_join_squeezes.py`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dyadic.passes.lower.cuda.kernels.families import excite, squeeze
from dyadic.passes.lower.cuda.kernels.families.excite import ExciteSpec
from dyadic.passes.lower.cuda.kernels.families.squeeze import SqueezeSpec

SQUEEZE = SqueezeSpec(5, 9, 70, 40, 80, 720, 32)
EXCITE = ExciteSpec(5, 9, 70, 40, 3, 2, 80, 720, 80, 720)


def test_every_weight_has_one_place() -> None:
    numbers = np.arange(1, 2801)
    for packed, size in (
        (squeeze.pack_weights(SQUEEZE, numbers.reshape(40, 1, 1, 70)), 3 * 32 * 40),
        (excite.pack_weights(EXCITE, numbers.reshape(70, 1, 1, 40)), 3 * 32 * 48),
    ):
        assert packed.shape == (size,)
        np.testing.assert_array_equal(np.sort(packed[packed > 0]), numbers)


def test_threads_have_neighbouring_weights() -> None:
    weight = np.arange(2800).reshape(40, 70)
    packed = squeeze.pack_weights(SQUEEZE, weight).reshape(3, 2, 40, 16)  # blocks, chunks, outputs
    np.testing.assert_array_equal(packed[1, 1, 4], weight[4, 48:64])
    packed = excite.pack_weights(EXCITE, weight.reshape(70, 40)).reshape(3, 3, 32, 16)
    np.testing.assert_array_equal(packed[2, 1, 5], weight.reshape(70, 40)[69, 16:32])


@pytest.mark.parametrize(
    ("spec", "change", "complaint"),
    [
        (SQUEEZE, {"block_channels": 24}, "lanes of a warp share a pixel"),
        (SQUEEZE, {"block_channels": 96}, "lanes of a warp share a pixel"),
        (SQUEEZE, {"block_channels": 256}, "a thread averages a channel"),
        (SQUEEZE, {"access": 3}, "an access of"),
        (SQUEEZE, {"form": "short"}, "in 64 bits"),
        (EXCITE, {"width": 32}, "a width of"),
        (EXCITE, {"form": "short"}, "products round in 64 bits"),
        (EXCITE, {"gate_form": "low"}, "a known way to round"),
        (EXCITE, {"pieces": 46}, "no more pieces than pixels"),
        (EXCITE, {"inner": 200_000}, "shared memory suffices"),
    ],
)
def test_there_is_no_kernel_of_another_kind(spec: Any, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(spec, **change)
