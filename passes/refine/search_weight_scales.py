"""The scale of few-bit weights that loses least.

    conv2d(x, w) {qd.weight_bits = 4}  -->  {qd.weight_scale, qd.weight_steps} and, with groups, {qd.group_scales}

The float graph is unchanged. With `qd.input_moments` each weight's error counts as much as what it is multiplied with
is on average, squared; without, all count the same (`weight_grid.py`). Rows for which the whole quadratic form says
otherwise (their inputs go together, as neighbouring pixels do) keep the scale that reaches their largest weight.
"""

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.passes.refine.weight_grid import Grid, Reals, plain_grid, weight_grid
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


def cost(layer: WeightLayer, grid: Grid) -> Reals:
    """What each output channel loses on `grid`."""
    objective = layer.objective()
    if objective is None:
        return ((grid.steps * grid.sizes(layer.group) - layer.target) ** 2).sum(tuple(range(1, layer.weight.ndim)))
    blocks = objective.moments.shape[1]
    steps, sizes = layer.rows(grid.steps, blocks), layer.rows(grid.sizes(layer.group), blocks, fill=1.0)
    return objective.cost(steps, sizes).reshape(-1)


@module_pass
def search_weight_scales(module: ir.Operation) -> None:
    """Choose the scales of weights below 8 bits by the squared error: conv2d {weight_bits} --> {weight_scale, steps}"""
    for layer in weight_layers(module):
        if qd.WEIGHT_SCALE not in layer.attributes:
            found = weight_grid(layer.target, layer.bits, layer.group, importance(layer))
            plain = plain_grid(layer.target, layer.bits, layer.group)
            layer.write(found.replaced(plain, cost(layer, plain) < cost(layer, found)))
