"""What a user may cost a network: the words of every limit, and what is none."""

from typing import get_args

import pytest

from dyadic.compiler.budget import EXAMPLES, METRIC_EXAMPLE, UNITS, Axis, Limit, parse_limit
from dyadic.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("axis", "text", "value"),
    [
        ("size", "100B", 100.0),
        ("size", "6.7MB", 6.7e6),
        ("size", " 6.7 mb ", 6.7e6),
        ("size", "2MiB", 2.0 * 2**20),
        ("size", ".5kB", 500.0),
        ("latency", "12ms", 12e6),
        ("latency", "250us", 250e3),
        ("latency", "1.5s", 1.5e9),
        ("bops", "3.5G", 3.5e9),
        ("bops", "1e9", 1e9),
        ("bops", "2e-1T", 0.2e12),
        ("drop", "1%", 0.01),
        ("drop", "0%", 0.0),
    ],
)
def test_absolute_limits_are_in_bytes_nanoseconds_operations_and_shares(axis: Axis, text: str, value: float) -> None:
    limit = parse_limit(axis, text)
    assert (limit.asked, limit.relative) == (text, False)
    assert limit.of(1234.0) == limit.value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("axis", ["size", "latency", "bops"])
def test_ratios_are_of_int8(axis: Axis) -> None:
    assert parse_limit(axis, "0.6x") == Limit("0.6x", 0.6, True)
    assert parse_limit(axis, "1.5X").of(200.0) == 300.0


@pytest.mark.parametrize(
    ("axis", "text"),
    [
        ("size", "6.7"),
        ("size", "0MB"),
        ("size", "-1MB"),
        ("size", "6,7MB"),
        ("size", "6.7 M B"),
        ("size", "12ms"),
        ("size", "0x"),
        ("size", "nanMB"),
        ("size", "60%"),
        ("size", "1e400x"),
        ("size", "1e308GB"),
        ("latency", "12"),
        ("latency", ""),
        ("bops", "3.5GB"),
        ("drop", "1"),
        ("drop", "0.5x"),
        ("drop", "-1%"),
        ("drop", "100%"),
    ],
)
def test_what_is_no_limit_says_how_one_is_written(axis: Axis, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_limit(axis, text)
    assert str(caught.value) == f"--max-{axis} '{text}' is no limit; write it as {EXAMPLES[axis]}"


@pytest.mark.parametrize(("text", "value"), [("0.02", 0.02), ("2%", 0.02), ("1.5", 1.5), ("0", 0.0), ("1e-3", 0.001)])
def test_a_drop_of_a_metric_may_be_a_plain_number(text: str, value: float) -> None:
    limit = parse_limit("drop", text, metric=True)
    assert (limit.asked, limit.value, limit.relative) == (text, pytest.approx(value), False)


def test_a_metric_changes_no_other_limit() -> None:
    wrong: list[tuple[Axis, str, str]] = [
        ("drop", "0.5x", METRIC_EXAMPLE),
        ("drop", "-1", METRIC_EXAMPLE),
        ("size", "6.7", EXAMPLES["size"]),
        ("latency", "12", EXAMPLES["latency"]),
    ]
    for axis, text, form in wrong:
        with pytest.raises(UsageError) as caught:
            parse_limit(axis, text, metric=True)
        assert str(caught.value).endswith(f"is no limit; write it as {form}")


def test_the_examples_in_errors_are_limits_themselves() -> None:
    for axis in get_args(Axis):
        assert axis in UNITS
        words = EXAMPLES[axis].replace(" of int8's weights", "").replace(" of int8's", "")
        for text in words.replace(", in percentage points", "").split(", or "):
            parse_limit(axis, text)
