"""The scale of few-bit weights that loses least.

    conv2d(x, w) {qd.weight_bits = 4}  -->  {qd.weight_scale, qd.weight_steps} and, with groups, {qd.group_scales}

The float graph is unchanged. With `qd.input_moments` each weight's error counts as much as what it is multiplied with
is on average, squared; without, all count the same. See `weight_grid.py`.
"""

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.refine.weight_grid import Reals, weight_grid
from dyadic.passes.refine.weight_layers import WeightLayer, weight_layers
from dyadic.passes.rewriting import module_pass


def importance(layer: WeightLayer) -> Reals | None:
    """The mean square of each weight's input, in the shape of the weights."""
    moments = layer.moments
    if moments is None:
        return None
    diagonal = np.einsum("gbii->gbi", moments)
    rows = len(layer.weight) // layer.groups
    each = layer.unrows(np.repeat(diagonal[:, :, None], rows, axis=2))
    return each + 1e-3 * each.mean()  # what never varied here may elsewhere


@module_pass
def search_weight_scales(module: ir.Operation) -> None:
    """Choose the scales of weights below 8 bits by the squared error: conv2d {weight_bits} --> {weight_scale, steps}"""
    for layer in weight_layers(module):
        if qd.WEIGHT_SCALE not in layer.attributes:
            layer.write(weight_grid(layer.target, layer.bits, layer.group, importance(layer)))
