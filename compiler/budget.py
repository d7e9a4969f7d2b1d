"""What a user allows a network to cost: bytes, time, operations, accuracy, in the user's own words.

    --max-size 6.7MB    --max-size 0.6x    --max-latency 12ms    --max-latency 0.8x    --max-bops 0.5x    --max-drop 1%

A ratio is of uniform int8 of the same compile. Sizes in bytes are of the artifact's file, ratios of sizes are of the
weights in it: code, parameters and text do not shrink with widths. With a metric of the user's own, a drop is on that
metric's scale: `0.02`, or `2%`, which is the same.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

from dyadic.runtime.errors import UsageError

Axis = Literal["size", "latency", "bops", "drop"]
UNITS: dict[Axis, dict[str, float]] = {
    "size": {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30},
    "latency": {"us": 1e3, "ms": 1e6, "s": 1e9},  # to nanoseconds
    "bops": {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12},
    "drop": {"%": 0.01},
}
EXAMPLES: dict[Axis, str] = {
    "size": "6.7MB, or 0.6x of int8's weights",
    "latency": "12ms, or 0.8x of int8's",
    "bops": "3.5G, or 0.5x of int8's",
    "drop": "1%, in percentage points",
}
PLAIN = {"": 1.0}
METRIC_EXAMPLE = "0.02, on the metric's own scale, or 2%, which is the same"
NUMBER = re.compile(r"\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([a-z%]*)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Limit:
    """`value` in bytes, nanoseconds, bit operations, a share of 1 or what a metric is in; or, if `relative`, a ratio to
    uniform int8."""

    asked: str
    value: float
    relative: bool

    def of(self, int8: float) -> float:
        return self.value * int8 if self.relative else self.value


def parse_limit(axis: Axis, text: str, metric: bool = False) -> Limit:
    """A limit in a user's words. A drop of a metric of the user's own may be a plain number, on the metric's scale.

    >>> parse_limit("size", "6.7MB").value, parse_limit("latency", "0.8x"), parse_limit("drop", "1%").value
    (6700000.0, Limit(asked='0.8x', value=0.8, relative=True), 0.01)
    >>> parse_limit("drop", "0.25", metric=True).value, parse_limit("drop", "1%", metric=True).value
    (0.25, 0.01)

    Raises:
        UsageError: it is none.
    """
    match, units = NUMBER.fullmatch(text), UNITS[axis] | (PLAIN if metric and axis == "drop" else {})
    if match is not None and math.isfinite(float(match[1]) * 1e15):
        number, unit = float(match[1]), match[2].lower()
        if unit == "x" and axis != "drop" and number > 0:
            return Limit(text, number, True)
        value = number * units.get(unit, 0.0)
        fits = value < 1 or metric if axis == "drop" else number > 0  # who may lose all accuracy asks for nothing
        if unit in units and fits:
            return Limit(text, value, False)
    form = METRIC_EXAMPLE if metric and axis == "drop" else EXAMPLES[axis]
    raise UsageError(f"--max-{axis} '{text}' is no limit; write it as {form}")
