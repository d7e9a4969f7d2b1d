"""The scale search leaves the float graph alone, finds scales no worse than the plain one, and fills groups."""

import numpy as np
import pytest
from support.meaning import assert_unchanged, lit_functions, parse, run_passes

from dyadic.dialects.reference import main_function
from dyadic.passes.refine.search_weight_scales import search_weight_scales
from dyadic.passes.refine.weight_grid import largest_step, plain_grid, weight_grid
from dyadic.passes.refine.weight_layers import weight_layers

FUNCTIONS = lit_functions("refine", "search-weight-scales")


@pytest.mark.parametrize("title", FUNCTIONS)
def test_the_float_graph_stays(title: str) -> None:
    assert_unchanged(search_weight_scales, FUNCTIONS[title], tolerance=0.0)


@pytest.mark.parametrize(("bits", "group"), [(4, 0), (2, 0), (4, 16), (4, 32)])
def test_never_worse_than_the_plain_grid(bits: int, group: int) -> None:
    random = np.random.default_rng(bits + group)
    weight = random.standard_t(3, size=(6, 40, 3, 3))
    weight[2] = 0.0

    def error(grid) -> np.ndarray:
        return ((grid.steps * grid.sizes(group) - weight) ** 2).reshape(6, -1).sum(1)

    found, plain = weight_grid(weight, bits, group), plain_grid(weight, bits, group)
    assert (error(found) <= error(plain) + 1e-9).all() and error(found).sum() < (1.0 if group else 0.97) * error(
        plain
    ).sum()
    assert np.abs(found.steps).max() <= largest_step(bits) and (found.scale > 0).all()
    if group:
        assert found.group_scales is not None
        assert found.group_scales.shape == (6, -(-40 // group), 3, 3)
        assert found.group_scales.min() >= 1 and found.group_scales.max() <= 18
        spread = np.repeat(found.group_scales, group, 1)[:, :40].astype(int)
        assert np.abs(spread * found.steps).max() <= 126


def test_groups_lose_less_than_a_scale_for_the_whole_channel() -> None:
    weight = np.random.default_rng(0).normal(size=(8, 64)) * np.repeat([0.1, 1.0], 32)
    one, grouped = weight_grid(weight, 4), weight_grid(weight, 4, 32)
    errors = [((grid.steps * grid.sizes(group) - weight) ** 2).sum() for grid, group in ((one, 0), (grouped, 32))]
    assert errors[1] < 0.8 * errors[0]


def test_the_quadratic_form_has_the_last_word() -> None:
    """Neighbouring pixels are nearly one number: then the diagonal alone misjudges clipping."""
    text = FUNCTIONS["inputs_that_vary_count_more"]
    module = run_passes(parse(text), [search_weight_scales])
    (layer,) = weight_layers(module.operation)
    objective, grid = layer.objective(), layer.grid()
    assert objective is not None and main_function(module)
    plain = plain_grid(layer.target, 2)
    costs = [objective.cost(layer.rows(g.steps, 1), layer.rows(g.sizes(0), 1)).sum() for g in (grid, plain)]
    assert costs[0] <= costs[1]
