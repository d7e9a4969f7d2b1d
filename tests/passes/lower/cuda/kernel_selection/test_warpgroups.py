"""Layers by groups of four warps: every bit is the op's own, with every check; and which of them sm_90a has so."""

from dataclasses import replace

import pytest
from support.ptx.convolutions import Convolution
from support.ptx.gpu import Gpu
from support.ptx.layers import Layer
from support.ptx.selected import Selected, together

from dyadic.compiler.targets.cuda.codegen import PTX_VERSIONS
from dyadic.passes.lower.cuda.kernel_selection.product_tiles import PROCESSORS
from dyadic.passes.lower.cuda.kernel_selection.warpgroups import cycles, stored_for, suited_to
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec
from dyadic.passes.lower.cuda.kernels.families.product_weights import in_tiles, unpack_weights

ONES = (1, 1, 1, 1)
TILE = ("block_rows", "block_columns", "warps_down", "warps_across", "stages", "wgmma", "cluster")
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
            launch.spec, block_rows=rows, block_columns=columns, warps_down=rows // 16, warps_across=1, warps_deep=1,
            wgmma=1, stages=stages,
        )  # fmt: skip
    return case


SHARED = {
    "residual": Layer(40, 64, 9, 7, (3, 3), padding=ONES, rest_bits=8, clamp=True),
    "two groups": Layer(96, 128, 6, 5, (3, 3), padding=ONES, groups=2),
    "16 bits out": Layer(200, 96, 1, 70, rest_bits=16, out_bits=16, rest_shift=8),
}  # fmt: skip


def of_two_blocks(case: Selected) -> Selected:
    """The same by blocks that share their weights, of four warps each."""
    for launch in of_four_warps(case).launches:
        whole = unpack_weights(launch.spec, launch.weights)
        launch.spec = replace(launch.spec, tiled=True, cluster=2)
        launch.weights = in_tiles(launch.spec, whole).ravel()
    return case


@pytest.fixture(scope="module")
def cases() -> dict[str, Selected]:
    alone = {name: of_four_warps(layer.selected(n)) for n, (name, layer) in enumerate(CASES.items())}
    return alone | {
        f"{name}, shared": of_two_blocks(layer.selected(n)) for n, (name, layer) in enumerate(SHARED.items())
    }


@pytest.fixture(scope="module")
def ptx(cases: dict[str, Selected]) -> str:
    """All of them, from one child process."""
    return together(list(cases.values()), "sm_90a")


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", [*CASES, *(f"{name}, shared" for name in SHARED)])
def test_it_is_the_layer(gpu: Gpu, ptx: str, cases: dict[str, Selected], name: str, batch: int) -> None:
    cases[name].run(gpu, ptx, batch, seed=batch)


def square(side: int) -> ProductSpec:
    return Convolution(1, 1, side, side, batch=1).spec(
        columns=side, block_rows=128, block_columns=128, warps_down=2, warps_across=4
    )


def test_large_products_of_sm_90a_are_by_four_warps() -> None:
    """Of every tile of the others, the best; what weights and parameters are stays."""
    for side in (4096, 8192):
        spec = square(side)
        for given in (spec, stored_for(spec)):
            own = suited_to("sm_90a", given)
            assert (own.wgmma, own.block_rows, own.block_columns, own.threads) == (2, 192, 256, 384)
            assert own == replace(given, **{name: getattr(own, name) for name in TILE})
            assert own.cluster == 1 + given.tiled
        assert all(suited_to(other, spec) == spec for other in PTX_VERSIONS if other != "sm_90a")


@pytest.mark.parametrize(
    "spec",
    [
        square(256),  # few blocks
        replace(square(4096), weights="w4"),
        replace(square(4096), granule=1),
        replace(square(128), columns=1 << 20, norm_bits=8, groups=1),
        Convolution(14, 14, 256, 256, kernel=3).spec(),
        replace(square(4096), in_plane=1 << 24),
    ],
    ids=["small", "of 4 bits", "any address", "with a norm", "of an image", "of 16 bits"],
)
def test_others_are_not(spec: ProductSpec) -> None:
    assert suited_to("sm_90a", spec) is spec


def test_where_channels_end_inside_of_a_block_there_are_two_groups() -> None:
    """Three would spill registers there."""
    assert suited_to("sm_90a", replace(square(4096), channels=4080)).threads == 256


def test_parts_are_whole_blocks() -> None:
    spec = replace(square(4096), channels=3 * 1920, parts=(1920,) * 3)
    assert suited_to("sm_90a", spec).block_columns in (192, 128)


def test_weights_are_in_tiles_where_blocks_share_them() -> None:
    spec = square(4096)
    assert stored_for(spec) == replace(spec, tiled=True)
    for other in (square(256), replace(spec, channels=4112), replace(spec, weights="w4"), replace(spec, granule=1)):
        assert stored_for(other) is other


def test_blocks_that_share_weights_are_worth_a_cache() -> None:
    """The model: 47 and 54 % of the peak where each asks the second cache for itself, then 60 and 71 %."""
    for side, alone, shared in ((4096, 47, 60), (8192, 54, 71)):
        for spec, expected in ((square(side), alone), (stored_for(square(side)), shared)):
            peak = side**3 / 4096 / PROCESSORS
            assert round(100 * peak / cycles(suited_to("sm_90a", spec), 1)) == expected


def test_other_kernels_are_for_all() -> None:
    spec = object()
    assert suited_to("sm_90a", spec) is spec
