"""Observers on distributions whose answer is known, and the histogram that they share."""

import numpy as np
import pytest
import torch

from dyadic.compiler.calibrate import OBSERVERS
from dyadic.compiler.calibrate.entropy import Entropy
from dyadic.compiler.calibrate.histogram import BINS, SAMPLE, Histogram
from dyadic.compiler.calibrate.min_max import MinMax
from dyadic.compiler.calibrate.mse import FEW_STEPS, SHARES, Mse
from dyadic.compiler.calibrate.percentile import Percentile

NORMAL = torch.from_numpy(np.random.default_rng(0).standard_normal(100_000).astype(np.float32))
UNIFORM = torch.linspace(-1.0, 3.0, 100_001)


def seen(observer, *batches: torch.Tensor) -> tuple[float, float]:
    for batch in batches:
        observer.see(batch)
    return observer.range()


@pytest.mark.parametrize("name", OBSERVERS)
def test_ranges_contain_zero_and_stay_within_what_was_seen(name: str) -> None:
    for values in (NORMAL, NORMAL.abs(), -NORMAL.abs(), 1.0 + NORMAL.abs()):
        low, high = seen(OBSERVERS[name](), values)
        assert min(0.0, float(values.min())) <= low <= 0.0 <= high <= max(0.0, float(values.max()))
        assert high > low


@pytest.mark.parametrize("name", OBSERVERS)
def test_zeros_alone_have_an_empty_range(name: str) -> None:
    assert seen(OBSERVERS[name](), torch.zeros(2, 3), torch.zeros(1)) == (0.0, 0.0)


@pytest.mark.parametrize("name", OBSERVERS)
def test_a_uniform_distribution_is_not_clipped_much(name: str) -> None:
    low, high = seen(OBSERVERS[name](), UNIFORM)
    assert -1.0 <= low <= -0.95 and 2.85 <= high <= 3.0


@pytest.mark.parametrize("name", OBSERVERS)
def test_the_order_and_size_of_batches_do_not_matter(name: str) -> None:
    small, large = NORMAL[:1000] * 1e-3, NORMAL[:50_000] * 7
    one = seen(OBSERVERS[name](), small, large)
    assert seen(OBSERVERS[name](), large, small) == pytest.approx(one, rel=1e-6)
    assert seen(OBSERVERS[name](), *large.split(9999), small) == pytest.approx(one, rel=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", OBSERVERS)
def test_what_is_not_finite_is_refused(name: str, value: float) -> None:
    with pytest.raises(FloatingPointError):
        OBSERVERS[name]().see(torch.tensor([1.0, value]))


@pytest.mark.parametrize("name", OBSERVERS)
def test_numbers_near_the_largest_float_have_bins(name: str) -> None:
    low, high = seen(OBSERVERS[name](), torch.tensor([1.0, -3.4e38, 3.4e38]))
    assert -3.41e38 < low <= 0 <= high < 3.41e38


def test_min_max_keeps_extremes_exactly() -> None:
    assert seen(MinMax(), torch.tensor([0.5, 2.0]), torch.tensor([-3.25])) == (-3.25, 2.0)


def test_percentile_clips_the_share_it_may_and_no_more() -> None:
    values = torch.cat([torch.linspace(0.0, 1.0, 9_990), torch.full((10,), 100.0)])
    assert seen(Percentile(clipped=0.002), values)[1] == pytest.approx(1.0, abs=0.03)
    assert seen(Percentile(clipped=0.0005), values)[1] == 100.0


def test_mse_is_the_best_range_for_a_normal_distribution() -> None:
    low, high = seen(Mse(), NORMAL)

    def error(bound: float) -> float:
        step = 2 * bound / 255
        rounded = (NORMAL / step).round().clamp(-127.5, 127.5) * step
        return float((rounded - NORMAL).square().mean())

    candidates = np.linspace(2.5, 4.6, 43)
    best = candidates[np.argmin([error(bound) for bound in candidates])]
    assert -low == pytest.approx(best, abs=0.2) and high == pytest.approx(best, abs=0.2)


def test_mse_gives_up_one_outlier_among_many() -> None:
    batches = [*[NORMAL] * 40, torch.tensor([60.0])]
    assert seen(Mse(), *batches)[1] < 10.0
    assert seen(Mse(), NORMAL[:1000], torch.tensor([60.0]))[1] > 40.0  # one among few is worth its steps
    assert seen(MinMax(), *batches)[1] == 60.0


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("scale", [1.0, 1e-12])
@pytest.mark.parametrize("kind", ["bell", "one side", "few numbers", "masks", "tail"])
def test_few_steps_are_those_that_lose_least_of_all_that_are_tried(kind: str, scale: float, bits: int) -> None:
    """To the last bit: each pair of ends on the whole histogram, the first of equals."""
    rng = np.random.default_rng(5)
    values = {
        "bell": rng.standard_normal(3000),
        "one side": rng.exponential(size=3000),
        "few numbers": rng.integers(-3, 4, 40).astype(float),
        "masks": rng.integers(0, 2, 40).astype(float),
        "tail": rng.standard_t(2, 300),
    }[kind]
    observer, steps = Mse(), (1 << bits) - 1
    observer.see(torch.from_numpy((scale * values).astype(np.float32)))
    shares = FEW_STEPS if observer.low < 0 else SHARES
    used = np.flatnonzero(observer.counts)
    centers, counts = observer.centers[used], observer.counts[used]
    tried = [
        (low, high) for low in (observer.low * shares if observer.low else [0.0]) for high in observer.high * shares
    ]

    def error(low: float, high: float) -> float:
        step = (high - low) / steps
        zero = np.rint(-low / step)
        rounded = (np.clip(np.rint(centers / step) + zero, 0, steps) - zero) * step
        return float((counts * (rounded - centers) ** 2).sum())

    assert observer.range(bits) == min(tried, key=lambda pair: error(*pair))


def test_mse_counts_zeros_as_exact() -> None:
    """A rectified tensor's zeros lose nothing to any step, so they have no say."""
    assert seen(Mse(), NORMAL.abs(), torch.zeros(900_000)) == seen(Mse(), NORMAL.abs())


def test_entropy_keeps_a_bell_and_drops_a_far_tail() -> None:
    high = seen(Entropy(), torch.cat([NORMAL, torch.full((3,), 40.0)]))[1]
    assert 3.0 < high < 36.0


def test_a_histogram_keeps_every_count_while_it_grows() -> None:
    histogram, values = Histogram(), NORMAL[:SAMPLE]
    for scale in (1e-3, 1.0, 5e4):
        histogram.see(values * scale)
    assert histogram.counts.sum() + histogram.zeros == 3 * SAMPLE
    assert len(histogram.counts) == BINS
    assert histogram.first * histogram.width <= histogram.low
    assert (histogram.first + BINS) * histogram.width >= histogram.high
    inside = int(((values * 5e4).abs() > 10 * histogram.width).sum())
    far = histogram.counts[np.abs(histogram.centers) > 10.01 * histogram.width].sum()
    assert far == pytest.approx(inside, rel=0.02)


def test_a_large_tensor_is_sampled_but_its_extremes_are_kept() -> None:
    histogram = Histogram()
    values = torch.rand(5 * SAMPLE)
    values[12_345] = 7.0
    histogram.see(values)
    assert histogram.high == 7.0
    assert SAMPLE / 2 < histogram.counts.sum() + histogram.zeros <= 2 * SAMPLE
