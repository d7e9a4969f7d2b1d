"""A norm's kernel writes the copy of its result, too, and both have their bits.

A network with scales for every channel is in `tests/compiler/networks/test_on_gpu.py`.
"""

from pathlib import Path

import numpy as np
from support.meaning import ROOT, parse
from support.ptx.gpu import Gpu
from support.ptx.networks import check_on_gpu
from support.ptx.session import gpu

__all__ = ["gpu"]

CASES = (ROOT / "lit_tests" / "passes" / "lower" / "cuda" / "write-copies.mlir").read_text().split("// -----")


def test_the_norm_writes_both(gpu: Gpu, tmp_path: Path) -> None:
    module = parse(CASES[0])
    x = np.random.default_rng(0).uniform(-2, 120, (3, 3, 8)).astype(np.float32)
    with module.context:
        assert check_on_gpu(gpu, module, x, tmp_path / "m.dyq") == ["qi.layer_norm", "qi.add"]
