"""The weights that serve best on rounded inputs: the solution of the normal equations, or the weights themselves."""

import numpy as np

from dyadic.compiler.refine.moments import JUDGES, Moments, Seen

SIZE, ROWS = 12, 200


def moments(seed: int, noise: float) -> tuple[Moments, np.ndarray, np.ndarray]:
    """Of inputs with rounding noise, and both kinds of inputs."""
    random = np.random.default_rng(seed)
    real = random.normal(size=(ROWS, SIZE)) @ random.normal(size=(SIZE, SIZE))
    rounded = real + noise * random.normal(size=real.shape)
    own, cross = rounded.T @ rounded / ROWS, real.T @ rounded / ROWS
    return Moments(own[None, None], cross[None, None], ROWS), real, rounded


def test_the_target_comes_closest_to_what_the_weights_make_of_float_inputs() -> None:
    known, real, rounded = moments(0, 1.0)
    weight = np.random.default_rng(1).normal(size=(1, 1, 5, SIZE))
    found = known.target(weight, 1e-9)
    assert found is not None
    best = np.linalg.lstsq(rounded, real @ weight[0, 0].T, rcond=None)[0].T
    np.testing.assert_allclose(found[0, 0], best, rtol=1e-4, atol=1e-4)
    assert known.loss(weight, found) < known.loss(weight, weight)


def test_moments_that_rounding_made_indefinite_have_no_target() -> None:
    own = np.diag([1.0, 1.0, -0.5])[None, None]
    broken = Moments(own, own, ROWS)
    weight = np.ones((1, 1, 2, 3))
    assert broken.target(weight, 1e-3) is None and broken.loss(weight, None) == np.inf
    assert broken.target(weight, 10.0) is not None, "with a ridge that is large enough there is one"
    assert Seen((broken, broken)).target(weight) is not None


def test_where_nothing_holds_for_the_other_half_the_weights_stay() -> None:
    first, second = moments(2, 0.0)[0], moments(3, 0.0)[0]
    noise = np.random.default_rng(4).normal(size=first.cross.shape)
    halves = Moments(first.own, first.own + noise, ROWS), Moments(second.own, second.own - noise, ROWS)
    weight = np.random.default_rng(5).normal(size=(1, 1, 2 * JUDGES + 1, SIZE))
    assert Seen(halves).target(weight) is weight
