"""Round few-bit weights so that the errors of a row make up for each other.

    conv2d(x, w) {qd.weight_bits = 4, qd.input_moments, qd.weight_target}  -->  {qd.weight_scale, qd.weight_steps}

The float graph is unchanged. What is made small is the mean squared error of the layer's result on what its inputs
really are, with everything before it rounded: see `second_order.py`. Layers without `qd.input_moments` stay as they
are. Not a row gets worse than it was.
"""

import numpy as np
from torch_mlir import ir

from dyadic.passes.refine.second_order import (
    ROUNDS,
    Objective,
    Reals,
    descend,
    fitted_factor,
    round_with_feedback,
)
from dyadic.passes.refine.weight_layers import WeightLayer, weight_layers, with_scale
from dyadic.passes.rewriting import module_pass


def learned(objective: Objective, start: Reals, sizes: Reals) -> tuple[Reals, Reals]:
    """(steps, factor of each row's sizes [groups, rows]), no worse than `start` in any row."""
    steps, scaled = round_with_feedback(objective.damped(), sizes), sizes
    factor = np.ones(sizes.shape[0:1] + sizes.shape[2:3])
    for _ in range(ROUNDS):
        steps = descend(objective, steps, scaled)
        factor = factor * fitted_factor(objective, steps, scaled)
        scaled = sizes * factor[:, None, :, None]
    better = objective.cost(steps, scaled) < objective.cost(start, sizes)
    return np.where(better[:, None, :, None], steps, start), np.where(better, factor, 1.0)


def learn(layer: WeightLayer, objective: Objective) -> None:
    """Write better steps and scales onto one layer."""
    grid, blocks = layer.grid(), objective.moments.shape[1]
    start, sizes = layer.rows(grid.steps, blocks), layer.rows(grid.sizes(layer.group), blocks, fill=1.0)
    steps, factor = learned(objective, start, sizes)
    layer.write(with_scale(grid, grid.scale * factor.reshape(-1), layer.unrows(steps)))


@module_pass
def learn_rounding(module: ir.Operation) -> None:
    """Round weights below 8 bits by second moments: conv2d {input_moments} --> {weight_scale, weight_steps}"""
    for layer in weight_layers(module):
        if (objective := layer.objective()) is not None:
            learn(layer, objective)
