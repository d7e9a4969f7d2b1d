"""Rounding that knows what it does to a layer's results: the steps q that make `(q*D - t) H (q*D - t)^T` small.

H holds the second moments of what the layer reads, t the best real weights for it, D the size of one step of each
weight. `round_with_feedback` rounds weight by weight, and each one that is left takes back what those before it lost:
GPTQ (Frantar et al. 2022, arXiv:2210.17323), in the form of Babai's nearest plane, which needs no inverse.
`descend` then moves single weights as long as that helps, and fits the scale of each row to its steps in between: COMQ
(Zhang et al. 2024, arXiv:2403.07134). Neither ever makes a row worse.

Arrays are [groups, blocks, rows, columns], moments [groups, blocks, columns, columns]: a row is an output channel,
whose inputs may be cut into blocks that are taken to be independent.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

DAMPING = 1e-2  # of the mean moment: what keeps directions that were never seen from being rounded at will
TILE = 64  # columns at a time; all others learn of them through one product of matrices
SWEEPS, ROUNDS = 3, 2


@dataclass(frozen=True)
class Objective:
    """The quadratic form of one layer."""

    moments: Reals
    target: Reals
    top: int  # steps lie in [-top, top]

    def cost(self, steps: Reals, sizes: Reals) -> Reals:
        """What each row loses, [groups, rows]."""
        error = steps * sizes - self.target
        return ((error @ self.moments) * error).sum((1, 3))

    def damped(self, share: float = DAMPING) -> "Objective":
        """With a little of every direction in it; a column that is never anything but 0 gets a moment of 1."""
        diagonal = np.einsum("gbii->gbi", self.moments)
        mean = diagonal.mean(-1, keepdims=True)
        more = np.where(mean > 0, share * mean, 1.0) + np.zeros_like(diagonal)
        moments = self.moments.copy()
        np.einsum("gbii->gbi", moments)[...] += more
        return Objective(moments, self.target, self.top)


def round_with_feedback(objective: Objective, sizes: Reals) -> Reals:
    """Steps for all weights, those that matter most first."""
    order = np.argsort(np.einsum("gbii->gbi", objective.moments), axis=-1, kind="stable")  # the last is the first
    moments = np.take_along_axis(objective.moments, order[..., None], 2)
    factor = np.linalg.cholesky(np.take_along_axis(moments, order[..., None, :], 3))
    along = np.broadcast_to(order[..., None, :], objective.target.shape)
    target, size = (np.take_along_axis(a, along, 3) for a in (objective.target, np.broadcast_to(sizes, along.shape)))
    steps, carried = np.zeros_like(target), np.zeros_like(target)
    columns = target.shape[-1]
    for end in range(columns, 0, -TILE):
        start = max(end - TILE, 0)
        error = np.zeros((*target.shape[:3], end - start))
        for k in range(end - 1, start - 1, -1):
            wanted = target[..., k] - carried[..., k] / factor[..., k, k, None]
            steps[..., k] = np.clip(np.rint(wanted / size[..., k]), -objective.top, objective.top)
            error[..., k - start] = off = steps[..., k] * size[..., k] - target[..., k]
            carried[..., start:k] += off[..., None] * factor[..., None, k, start:k]
        carried[..., :start] += error @ factor[..., start:end, :start]
    back = np.empty_like(steps)
    np.put_along_axis(back, along, steps, 3)
    return back


def descend(objective: Objective, steps: Reals, sizes: Reals, sweeps: int = SWEEPS) -> Reals:
    """Move single weights to their best step, given the others, until none moves."""
    steps, moments, top = steps.copy(), objective.moments, objective.top
    diagonal = np.maximum(np.einsum("gbii->gbi", moments), np.finfo(np.float64).tiny)
    slope = (steps * sizes - objective.target) @ moments
    columns = steps.shape[-1]
    for _ in range(sweeps):
        moved = False
        for start in range(0, columns, TILE):
            end = min(start + TILE, columns)
            before, local = steps[..., start:end].copy(), slope[..., start:end].copy()
            for k in range(start, end):
                size = sizes[..., k]
                wanted = steps[..., k] - local[..., k - start] / (diagonal[..., k, None] * size)
                new = np.clip(np.rint(wanted), -top, top)
                moves = new != steps[..., k]
                if moves.any():  # in few rows, as a rule
                    change = ((new - steps[..., k]) * size)[moves]
                    others = np.broadcast_to(moments[..., None, k, start:end], local.shape)[moves]
                    local[moves] += change[:, None] * others
                    steps[..., k] = new
            change = (steps[..., start:end] - before) * sizes[..., start:end]
            if change.any():
                slope += change @ moments[..., start:end, :]
                moved = True
        if not moved:
            break
    return steps


def fitted_factor(objective: Objective, steps: Reals, sizes: Reals) -> Reals:
    """What to multiply each row's sizes with, [groups, rows]: the best for these steps."""
    real = steps * sizes
    through = real @ objective.moments
    own, wanted = (through * real).sum((1, 3)), (through * objective.target).sum((1, 3))
    return np.where((own > 0) & (wanted > 0), wanted / np.where(own > 0, own, 1.0), 1.0)
