"""4-bit weights in groups along the input, as a `qi.constant` says it: whole weights, and what their steps were
multiplied with.

`qi.group` is how many input channels share a group scale, `qi.group_scales` these scales, i8 [O, KH, KW, groups] for
weights [O, KH, KW, I], and [O, runs, groups] for weights [O, runs * I]. A weight is group scale times 4-bit step.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

GROUP, GROUP_SCALES = "qi.group", "qi.group_scales"


def factors(scales: npt.NDArray[Any], group: int, dims: Sequence[int]) -> npt.NDArray[np.int64]:
    """The group scale of every weight of a tensor of shape `dims`.

    >>> factors(np.array([[[2, 3]]]), 2, [1, 3]).tolist()
    [[2, 2, 3]]
    """
    outputs, runs = dims[0], math.prod(scales.shape[1:-1])
    depth = math.prod(dims) // (outputs * runs)
    every = np.repeat(scales.reshape(outputs, runs, -1).astype(np.int64), group, 2)
    return every[:, :, :depth].reshape(dims)
