"""Accepted is what keeps its promise: the bounds' coverage is counted out over every result that there can be."""

import doctest
import itertools
import math

import pytest
from scipy.stats import binom, multinomial

from dyadic.compiler.quality import acceptance
from dyadic.compiler.quality.acceptance import (
    CONFIDENCE,
    by_accuracy,
    by_agreement,
    by_metric,
    largest_share,
    two_digits,
)
from dyadic.compiler.quality.comparison import Tally
from dyadic.compiler.quality.evaluator import verdict

SAMPLES = 40
DIFFERENCES = [(0.01, 0.0), (0.05, 0.0), (0.2, 0.0), (0.02, 0.01), (0.05, 0.05), (0.1, 0.02), (0.2, 0.1), (0.3, 0.3)]


@pytest.mark.parametrize(("lost", "gained"), DIFFERENCES)
def test_the_bound_of_a_drop_is_too_low_in_one_of_twenty_cases_at_most(lost: float, gained: float) -> None:
    missed = 0.0
    for a, b in itertools.product(range(SAMPLES + 1), repeat=2):
        if a + b <= SAMPLES and by_accuracy(b, a, SAMPLES, 0.01).bound < lost - gained - 1e-12:
            chances = [lost, gained, 1 - lost - gained]
            missed += float(multinomial.pmf([a, b, SAMPLES - a - b], SAMPLES, chances))
    assert missed <= 1 - CONFIDENCE


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.3, 0.5, 0.9])
def test_the_bound_of_a_disagreement_is_too_low_in_one_of_twenty_cases_at_most(share: float) -> None:
    low = [k for k in range(SAMPLES + 1) if by_agreement(k, SAMPLES, 0.01).bound < share]
    assert sum(binom.pmf(k, SAMPLES, share) for k in low) <= 1 - CONFIDENCE


def test_the_largest_share_is_where_so_few_become_unlikely() -> None:
    for count, samples in [(0, 10), (3, 50), (49, 50), (200, 5000)]:
        assert binom.cdf(count, samples, largest_share(count, samples)) == pytest.approx(1 - CONFIDENCE)
    assert largest_share(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert largest_share(7, 7) == 1.0


def test_more_loss_is_never_better_and_more_gain_never_worse() -> None:
    for lost, gained in itertools.product(range(0, 30, 3), repeat=2):
        here = by_accuracy(gained, lost, 500, 0.01)
        assert here.drop <= here.bound
        assert by_accuracy(gained, lost + 1, 500, 0.01).bound > here.bound
        assert by_accuracy(gained + 1, lost, 500, 0.01).bound <= here.bound + 0.002
        assert by_accuracy(10 * gained, 10 * lost, 5000, 0.01).bound < here.bound


@pytest.mark.parametrize(("lost", "gained", "limit"), [(5, 4, 0.005), (12, 2, 0.03), (0, 0, 0.001), (10, 10, 0.01)])
def test_the_same_drop_is_accepted_on_about_as_many_samples_as_are_needed(lost: int, gained: int, limit: float) -> None:
    seen = by_accuracy(gained, lost, 500, limit)
    assert not seen.accepted and seen.needed is not None
    assert str(seen).endswith(f"(a drop like this could be accepted on about {seen.needed:,} samples)")

    def accepted_on(samples: float) -> bool:
        return by_accuracy(
            round(gained * samples / 500), round(lost * samples / 500), math.ceil(samples), limit
        ).accepted

    assert accepted_on(1.5 * seen.needed) and not accepted_on(0.6 * seen.needed)


def test_no_number_of_samples_helps_a_drop_beyond_the_limit() -> None:
    seen = by_accuracy(0, 30, 500, 0.05)
    assert not seen.accepted and seen.needed is None
    assert str(seen).startswith("loses 6.00 points on 500 samples, at most ") and "needed" not in str(seen)
    assert str(seen).endswith("with 95 % confidence; 5.00 are allowed")


def tally(labelled: int) -> Tally:
    """100 samples: 3 in another class than in float, of which 2 are lost and 1 is gained."""
    counted = Tally()
    counted.samples = counted.classified = 100
    counted.labelled, counted.same, counted.lost, counted.gained = labelled, 97, 2, 1
    return counted


def test_with_labels_accuracy_counts_and_without_agreement() -> None:
    assert verdict(tally(100), 0.1) == by_accuracy(1, 2, 100, 0.1)
    assert verdict(tally(0), 0.1) == by_agreement(3, 100, 0.1)
    assert verdict(tally(50), 0.1) == by_agreement(3, 100, 0.1)


def test_a_metrics_verdict_is_on_its_own_scale() -> None:
    seen = by_metric("psnr", 0.004, 0.012, 500, 0.01)
    assert not seen.accepted and seen.needed is not None
    assert seen.needed == pytest.approx(500 * (8 / 6) ** 2, rel=0.03)
    assert str(seen) == (
        "loses 0.004 of psnr on 500 samples, at most 0.012 with 95 % confidence; 0.01 is allowed "
        f"(a drop like this could be accepted on about {two_digits(seen.needed)} samples)"
    )


def test_what_is_gained_is_no_negative_loss() -> None:
    said = "gains 0.20 points on 5,000 samples, and loses at most "
    assert str(by_accuracy(20, 10, 5000, 0.01)).startswith(said)
    assert str(by_metric("psnr", -0.004, 0.002, 500, 0.01)).startswith(
        "gains 0.004 of psnr on 500 samples, and loses at"
    )
    assert by_metric("psnr", 0.004, 0.01, 500, 0.01).accepted
    assert by_metric("psnr", 0.02, 0.03, 500, 0.01).needed is None


def test_doctests() -> None:
    done = doctest.testmod(acceptance)
    assert done.attempted and not done.failed
