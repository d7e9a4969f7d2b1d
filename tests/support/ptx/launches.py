"""A kernel of the compiler's, launched as a program would."""

from collections.abc import Sequence

import numpy as np
from support.ptx.gpu import Counters, Gpu, In, Out

from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import Spec

NOTHING = np.zeros(1, np.uint8)


def run_launch(
    gpu: Gpu,
    ptx: str,
    symbol: str,
    spec: Spec,
    out: np.ndarray,
    inputs: Sequence[np.ndarray],
    in_images: Sequence[int],
    weights: np.ndarray = NOTHING,
    params: np.ndarray = NOTHING,
    batch: int = 1,
    start: int = 0,
    in_starts: Sequence[int] = (),
) -> Counters:
    """Write into `out`, bytes of `batch` images. in_images: bytes from an image of an input to the next, 0: a constant.
    start, in_starts: where in the first image the places are that the kernel is given. It may touch nothing else.
    Raises DriverError at a fault."""
    assert spec.inputs == len(inputs) == len(in_images)
    grid = -(-batch * spec.items // spec.block_items), spec.grid_y
    numbers = [batch, out.nbytes // batch, *in_images]
    places = [In(each, first) for each, first in zip(inputs, in_starts or [0] * len(inputs), strict=True)]
    arguments = [Out(out, start), *places, weights, params, *numbers]
    return gpu.run(ptx, symbol, grid, (spec.threads,), arguments, spec.shared_bytes)
