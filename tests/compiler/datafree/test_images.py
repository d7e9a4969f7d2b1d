"""Images that nobody took: always the same, between 0 and 1, with the spectrum and the edges of photographs."""

import numpy as np
import pytest

from dyadic.compiler.datafree.images import dead_leaves, pink_noise


def leaves(shape: tuple[int, int, int], count: int = 8) -> np.ndarray:
    return dead_leaves(count, shape, np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8), (4, 9, 40)])
def test_they_are_the_same_ones_every_time(shape: tuple[int, int, int]) -> None:
    images = leaves(shape)
    assert images.shape == (8, *shape) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1 and images.std() > 0.15
    assert np.array_equal(images, leaves(shape)) and not np.array_equal(images[0], images[1])


def test_neighbours_are_alike_and_edges_are_sharp() -> None:
    images = leaves((3, 64, 64))
    steps = np.abs(np.diff(images, axis=3))
    assert np.median(steps) < 0.07 and np.percentile(steps, 99) > 0.25
    assert np.corrcoef(images[..., :-1].ravel(), images[..., 1:].ravel())[0, 1] > 0.8


def test_amplitudes_of_the_noise_fall_as_the_frequency_grows() -> None:
    noise = pink_noise(16, (2, 64, 64), np.random.default_rng(0))
    amplitude = np.abs(np.fft.rfft2(noise)).mean((0, 1))
    assert noise.std() == pytest.approx(1, abs=1e-3)
    assert amplitude[0, 4] / amplitude[0, 16] == pytest.approx(4, rel=0.3)
    assert np.corrcoef(noise[:, 0].ravel(), noise[:, 1].ravel())[0, 1] == pytest.approx(0.9, abs=0.05)
