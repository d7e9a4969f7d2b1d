"""Rounding by a quadratic form: against every choice of steps where all can be tried, and never worse than before."""

import itertools

import numpy as np
import pytest

from dyadic.passes.refine.learn_rounding import learned
from dyadic.passes.refine.second_order import Objective, Reals, descend, fitted_factor, round_with_feedback


def nearest(objective: Objective, sizes: Reals) -> Reals:
    """Each weight for itself."""
    return np.clip(np.rint(objective.target / sizes), -objective.top, objective.top)


def random_objective(
    seed: int, columns: int, rows: int = 3, groups: int = 1, blocks: int = 1, top: int = 7
) -> Objective:
    """Inputs that go together, as neighbouring pixels do."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(groups, blocks, 4 * columns, columns)) + 2 * random.normal(
        size=(groups, blocks, 4 * columns, 1)
    )
    moments = inputs.swapaxes(2, 3) @ inputs / inputs.shape[2]
    return Objective(moments, random.normal(size=(groups, blocks, rows, columns)), top)


def sizes_of(objective: Objective) -> np.ndarray:
    largest = np.abs(objective.target).max((1, 3), keepdims=True) / objective.top
    return np.broadcast_to(largest, objective.target.shape)


def best_cost(objective: Objective, sizes: np.ndarray) -> np.ndarray:
    """Of all choices of steps, row by row."""
    columns = objective.target.shape[-1]
    choices = np.array(list(itertools.product(range(-objective.top, objective.top + 1), repeat=columns)), np.float64)
    error = choices[None] * sizes[0, 0, :, None] - objective.target[0, 0, :, None]
    return ((error @ objective.moments[0, 0]) * error).sum(-1).min(1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("columns", "top"), [(1, 7), (2, 7), (4, 7), (8, 1)])
def test_close_to_the_best_of_all_choices(seed: int, columns: int, top: int) -> None:
    objective = random_objective(seed, columns, top=top)
    sizes = sizes_of(objective)
    steps = descend(objective, round_with_feedback(objective, sizes), sizes, sweeps=20)
    cost, best = objective.cost(steps, sizes)[0], best_cost(objective, sizes)
    assert (cost >= best - 1e-9).all(), f"seed {seed}"
    tolerance = 1e-9 if columns == 1 else 0.5 * objective.cost(nearest(objective, sizes), sizes)[0]
    assert (cost <= best + tolerance).all(), f"seed {seed}"


def test_two_correlated_weights_are_solved_exactly() -> None:
    for seed in range(20):
        objective = random_objective(seed, 2)
        sizes = sizes_of(objective)
        steps, factor = learned(objective, nearest(objective, sizes), sizes)
        grown = sizes * factor[:, None, :, None]
        assert (objective.cost(steps, grown)[0] <= best_cost(objective, sizes) * 1.5 + 1e-12).all(), f"seed {seed}"


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("groups", "blocks", "columns"), [(1, 1, 150), (1, 3, 20), (8, 1, 9)])
def test_no_row_ever_gets_worse(seed: int, groups: int, blocks: int, columns: int) -> None:
    objective = random_objective(seed, columns, 5, groups, blocks)
    sizes = sizes_of(objective)
    start = nearest(objective, sizes)
    before = objective.cost(start, sizes)
    moved = descend(objective, start, sizes)
    after = objective.cost(moved, sizes)
    fitted = sizes * fitted_factor(objective, moved, sizes)[:, None, :, None]
    steps, factor = learned(objective, start, sizes)
    costs = [before, after, objective.cost(moved, fitted)]
    costs.append(objective.cost(steps, sizes * factor[:, None, :, None]))
    assert (costs[1] <= costs[0] + 1e-9).all() and (costs[2] <= costs[1] + 1e-9).all(), f"seed {seed}"
    assert (costs[3] <= costs[0] + 1e-9).all() and costs[3].sum() < 0.7 * costs[0].sum(), f"seed {seed}"
    assert np.abs(steps).max() <= objective.top and (steps == np.rint(steps)).all()


def test_tiles_and_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from dyadic.passes.refine import second_order

    objective = random_objective(3, 70)
    sizes = sizes_of(objective)
    feedback = round_with_feedback(objective, sizes)
    moved = descend(objective, feedback, sizes)
    monkeypatch.setattr(second_order, "TILE", 7)
    assert np.array_equal(round_with_feedback(objective, sizes), feedback)
    assert np.array_equal(descend(objective, feedback, sizes), moved)


def test_a_column_that_is_never_seen_does_no_harm() -> None:
    objective = random_objective(1, 6)
    moments = objective.moments.copy()
    moments[..., 2, :] = moments[..., :, 2] = 0
    dead = Objective(moments, objective.target, 7)
    sizes = sizes_of(dead)
    steps, factor = learned(dead, nearest(dead, sizes), sizes)
    assert np.isfinite(factor).all() and np.abs(steps).max() <= 7
