"""Layers by groups of four warps: every bit is the op's own, with every check; and which of them sm_90a has so."""

from dataclasses import replace

import pytest
from support.ptx.gpu import Gpu
from support.ptx.layers import Layer
from support.ptx.selected import Selected, together

ONES = (1, 1, 1, 1)
CASES = {
    "residual": Layer(24, 40, 9, 7, (3, 3), padding=ONES, rest_bits=8, clamp=True),
    "two groups": Layer(96, 80, 6, 5, (3, 3), padding=ONES, groups=2, rest_bits=8),
    "padded 16-bit residual": Layer(64, 48, 1, 9, rest_bits=16, out_bits=16, rest_shift=8, rest_inside=(0, 16)),
    "16 bits in": Layer(24, 40, 4, 5, (3, 3), padding=ONES, x_bits=16),
}  # fmt: skip


def of_four_warps(case: Selected, rows: int = 64, columns: int = 32, stages: int = 4) -> Selected:
    """Whatever the model thinks of it."""
    for launch in case.launches:
        launch.spec = replace(
            launch.spec, block_rows=rows, block_columns=columns, warps_down=rows // 16, warps_across=1, wgmma=1,
            stages=stages,
        )  # fmt: skip
    return case


@pytest.fixture(scope="module")
def cases() -> dict[str, Selected]:
    return {name: of_four_warps(layer.selected(n)) for n, (name, layer) in enumerate(CASES.items())}


@pytest.fixture(scope="module")
def ptx(cases: dict[str, Selected]) -> str:
    """All of them, from one child process."""
    return together(list(cases.values()), "sm_90a")


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_it_is_the_layer(gpu: Gpu, ptx: str, cases: dict[str, Selected], name: str, batch: int) -> None:
    cases[name].run(gpu, ptx, batch, seed=batch)
