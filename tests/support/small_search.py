"""Two convolutions and a subtraction, every cost and loss of which is known: what a search can be made of by hand."""

from support.hand_made import CONV, IMAGE, RANGE, RELU, hand_made

from dyadic.compiler.cost import Times
from dyadic.compiler.select.model import Costs
from dyadic.compiler.sensitivity import Candidates, Estimate, Sensitivities
from dyadic.compiler.widths.points import Points
from dyadic.dialects import new_context

MACS, WEIGHTS = 16 * 4, 4
BODY = f"""
  %1 = "qd.conv2d"(%x, %w, %b) {CONV} loc("first")
  %2 = "qd.clamp"(%1) {RELU} loc("relu")
  %3 = "qd.conv2d"(%2, %v, %b) {CONV} loc("second")
  %4 = "qd.sub"(%3, %y) {{{RANGE}}} : ({IMAGE}, {IMAGE}) -> {IMAGE} loc("sub")"""
CANDIDATES = Candidates(
    {"first": ("w8", "w4"), "second": ("w8", "w2")},
    {"x": (16, 8), "y": (8,), "relu": (8, 4), "second": (8,), "sub": (16, 8)},
)


def times(boundary: float, first: float, second: float, sub: float) -> Times:
    layers = {"": boundary, "first": first, "second": second, "sub": sub}
    return Times({name: (ns, ns, ns) for name, ns in layers.items()}, 2 * sum(layers.values()), 0.0, 0.0)


COSTS = Costs(
    {
        ("w8", 8): times(100, 1000, 2000, 500),
        ("w4", 8): times(110, 900, 2100, 505),
        ("w2", 8): times(120, 800, 1800, 510),
        ("w8", 16): times(130, 1500, 2500, 700),
    },
    {scheme: {"first": size, "second": size, "norm": 7} for scheme, size in (("w8", 64), ("w4", 32), ("w2", 16))},
)  # what scales and shifts channels has weights, too, of 8 bits always


def estimate(value: float) -> Estimate:
    return Estimate(value, value / 2, 2 * value)


SENSITIVITIES = Sensitivities(
    "augmented",
    "nats",
    {"first": {"w8": estimate(0.0), "w4": estimate(3.0)}, "second": {"w8": estimate(0.0), "w2": estimate(7.0)}},
    {
        "x": {16: estimate(0.0), 8: estimate(0.5)},
        "y": {8: estimate(0.25)},
        "relu": {8: estimate(1.0), 4: estimate(4.0)},
        "second": {8: estimate(0.125)},
        "sub": {16: estimate(0.0), 8: estimate(2.0)},
    },
    (("first", "w4", "second", "w2", 10.0), ("first", "w4", "x", "a8", -1.5), ("second", "w2", "relu", "a4", 20.0)),
)


def small_points() -> Points:
    with new_context() as context, context:
        return Points(hand_made(BODY, "4"))
