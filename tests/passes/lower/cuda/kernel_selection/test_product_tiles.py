"""The model that chooses tiles: there is a kernel for whatever it may choose, and few rows are cut along k."""

from dataclasses import replace
from math import gcd
from typing import Any

import pytest

from dyadic.passes.lower.cuda.kernel_selection.product_tiles import Tile, fastest_first, tile, tiles_for
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec

BASE = ProductSpec(
    rows=7, columns=7, channels=192, in_pixel=512, in_row=4608, out_pixel=512, out_row=3584, chunks=240, store_bytes=16,
)  # fmt: skip
WIDE = {"in_plane": 1 << 20, "out_plane": 1 << 20, "residual_pixel": 512, "residual_plane": 1 << 20}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "packed pixels": {"granule": 1},
    "table": {"table": True},
    "addition behind it": {"table": True, "residual": True, "added": True},
    "2-bit weights": {"weights": "w2"},
    "groups of scales": {"weights": "w4g32"},
    "parts": {"parts": (96, 32, 64)},
    "two sums of everything": {**WIDE, "acc_shift": 4, "residual": True, "weights": "w2"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_a_kernel_for_every_tile(kind: str) -> None:
    base = replace(BASE, **KINDS[kind], block_columns=32, warps_across=1)
    seen: set[int] = set()
    for steps in (1, 5, 9, 60):
        for one in tiles_for(
            base.channels, steps, twice=base.acc_shift > 0, within=gcd(*base.parts), narrow=base.format.bits == 2
        ):
            spec = replace(base, chunks=4 * steps, **one.fields(steps))
            assert spec.threads <= 256 and spec.rounds * spec.warps_deep == steps
            seen.add(spec.warps_deep)
    assert {1, 2, 3, 4} <= seen


def test_few_rows_and_a_long_sum_are_cut_along_k() -> None:
    """As the last layers of a ResNet: a block an image would walk 72 steps. Where there are many rows, none is."""
    made = tile(49, 512, 1, 72, twice=False)
    assert made["warps_deep"] >= 4 and made["block_rows"] <= 32
    assert tile(3136, 256, 1, 4, twice=False)["warps_deep"] == 1
    assert tile(49, 512, 1, 71, twice=False)["warps_deep"] == 1  # no slices have as many steps each


def test_the_order_is_by_what_is_lost_to_the_best_of_each_batch() -> None:
    every = tiles_for(512, 72, twice=False)
    alone, many = (fastest_first(every, 49, 512, 1, 72, [batch])[0] for batch in (1, 64))
    assert alone.warps_deep > 1 and alone.block_rows < many.block_rows
    times = [one.cycles(49, 512, 1, 72) for one in fastest_first(every, 49, 512, 1, 72, [1])]
    assert times == sorted(times)


def test_processors_wait_for_the_second_cache_together() -> None:
    """Blocks as small as can be would be spread best, and read everything so often that it takes longer."""
    small, larger = Tile(16, 16, 1, 1, 8), Tile(32, 32, 1, 1, 8)
    assert small.cycles(49, 512, 1, 72) < larger.cycles(49, 512, 1, 72)
    assert small.cycles(8 * 49, 512, 1, 72) > larger.cycles(8 * 49, 512, 1, 72)
