"""The model that shares out squeeze-and-excite blocks: there is a kernel for whatever it may choose."""

import pytest

from dyadic.passes.lower.cuda.kernel_selection.squeeze_blocks import PIECES, SQUEEZED, Blocks, blocks_for, pays
from dyadic.passes.lower.cuda.kernels.families.excite import ExciteSpec
from dyadic.passes.lower.cuda.kernels.families.squeeze import SqueezeSpec


@pytest.mark.parametrize("blocks", [Blocks(squeezed, pieces) for squeezed in SQUEEZED for pieces in PIECES])
def test_there_is_a_kernel_for_all_that_it_may_choose(blocks: Blocks) -> None:
    squeeze = SqueezeSpec(8, 8, 200, 48, 208, 1664, blocks.squeezed)
    excite = ExciteSpec(8, 8, 200, 48, blocks.slices(200), blocks.pieces, 208, 1664, 208, 1664)
    assert squeeze.items == excite.slices and excite.piece * excite.pieces >= 64
    assert blocks.sums_bytes(200, 48) == 4 * 48 * excite.slices


def test_large_images_are_cut_into_pieces_and_small_ones_have_fewer_sums() -> None:
    assert blocks_for(112 * 112, 32, 8) == Blocks(32, 64)
    assert blocks_for(7 * 7, 1152, 48) == Blocks(128, 1)
    assert blocks_for(1, 64, 16).pieces == 1


def test_many_sums_cost_more_than_launches() -> None:
    assert pays(32 * 32, 960, 240) and pays(1, 10, 24)
    assert not pays(7 * 7, 2048, 2048)
