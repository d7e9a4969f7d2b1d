"""Slices and pads that are no launches leave every bit as it is.

Residuals that are read so are in `kernel_selection/test_matrix.py`, a network with them in
`tests/compiler/networks/test_on_gpu.py`.
"""

from pathlib import Path

import numpy as np
import pytest
from support.meaning import ROOT, parse
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu

__all__ = ["gpu"]

CASES = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "read-through.mlir").read_text().split("// -----")
U8, I16 = "!q = !quant.uniform<u8:f32, 0.5:3>", "!q = !quant.uniform<i16:f32, 0.5>"


@pytest.mark.parametrize("bits", [8, 16])
def test_rows_inside_of_a_border_and_one_of_them(gpu: Gpu, tmp_path: Path, bits: int) -> None:
    text = CASES[1].replace("values = 3", "value = 50").replace(U8, I16 if bits == 16 else U8)
    module = parse(text.replace("array<i64: 0, 2, 0>", "array<i64: 0, 1, 0>"))
    x = np.random.default_rng(bits).uniform(-2, 120, (3, 2, 2, 8)).astype(np.float32)
    with module.context:
        assert check_on_gpu(gpu, module, x, tmp_path / "m.dyq") == ["qi.requant"]


def test_a_border_is_written_once_and_stays(gpu: Gpu, tmp_path: Path) -> None:
    """Rows 0 and 4 are the border's."""
    text = (
        CASES[1].replace("value = 3", "value = 50").replace("high = array<i64: 0, 0, 0>", "high = array<i64: 0, 1, 0>")
    )
    text = text.replace("1x5x8", "1x6x8").replace("array<i64: 0, 2, 0>", "array<i64: 0, 5, 0>")
    module = parse(text)
    x = np.random.default_rng(0).uniform(-2, 120, (3, 2, 2, 8)).astype(np.float32)
    with module.context:
        assert check_on_gpu(gpu, module, x, tmp_path / "m.dyq", (3, 1, 3)) == ["qi.requant"]
