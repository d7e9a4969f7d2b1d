"""The arithmetic of the benchmarks: ratios of alternating runs, shares of the peak, tables."""

import doctest
import io
import json
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks import figures, layers, tables
from benchmarks.figures import Turn
from dyadic.runtime.session import StepTime


@pytest.mark.parametrize("module", [figures, layers], ids=lambda m: m.__name__)
def test_the_examples_hold(module: Any) -> None:
    done = doctest.testmod(module, extraglobs={"np": np})
    assert done.attempted and not done.failed


def cell() -> dict[str, Any]:
    """Ours takes 2 ms, one peer 3, another 2.5; in one round a processor was taken away from the peer."""
    turns = {"dyadic": [[2.0, False]] * 6, "onnxruntime": [[3.0, False]] * 5 + [[300.0, True]]}
    turns["openvino"] = [[2.5, False]] * 6
    measured = {"rounds": turns, "macs": 800_000_000, "peak_gmacs": [480.0, 500.0], "others": 0.1, "failed": {}}
    return tables.summary(measured)


def test_a_summary_holds_ratios_and_shares_of_undisturbed_rounds() -> None:
    found = cell()
    assert found["rounds"] == 5
    assert found["engines"]["onnxruntime"]["ratio"] == [1.5, 1.5, 1.5]
    assert found["engines"]["dyadic"]["share_of_peak"] == pytest.approx(0.8), "of the better peak"
    assert "ratio" not in found["engines"]["dyadic"]
    assert tables.best_peer(found) == 1.25


def test_ratios_are_taken_round_by_round() -> None:
    """The machine was twice as slow in every other round: medians of times would mix the two."""
    rounds = {"a": [Turn(ms, False) for ms in (1.0, 2.0) * 4], "b": [Turn(1.2 * ms, False) for ms in (1.0, 2.0) * 4]}
    ratio = figures.ratios(rounds, "a")["b"]
    assert (ratio.low, ratio.high) == pytest.approx((1.2, 1.2))


def test_means_are_geometric_and_skip_what_was_not_measured() -> None:
    broken: dict[str, Any] = {"engines": {}, "failed": "no such op"}
    found = tables.means([cell(), broken, cell()], ["onnxruntime", "openvino", "litert"])
    assert found == pytest.approx({"best peer": 1.25, "onnxruntime": 1.5, "openvino": 1.25})


def test_tables_show_ratios_and_what_is_missing() -> None:
    text = io.StringIO()
    console = Console(file=text, width=150)
    cells = {"a": cell(), "b": {"engines": {}, "failed": "no such op"}}
    console.print(tables.table("t", cells, ("dyadic", "onnxruntime", "openvino")))
    assert "1.50x" in text.getvalue() and "80%" in text.getvalue()
    json.dumps(cells)


def test_noise_is_measured_against_what_differs_between_images() -> None:
    wanted = np.array([[100.0, 101.0], [100.0, 99.0]])
    assert figures.sqnr_db(wanted, wanted) == figures.NO_NOISE_DB
    assert figures.sqnr_db(wanted, np.tile(wanted.mean(0), (2, 1))) == pytest.approx(0.0)


def test_layers_are_totalled_by_kind() -> None:
    steps = [
        StepTime("", "quantize", "", 0, 1000.0),
        StepTime("a", "qi.conv2d", "conv_0", 10_000, 3000.0),
        StepTime("b", "qi.conv2d", "depthwise_0", 1_000, 4000.0),
        StepTime("c", "qi.conv2d", "conv_1", 20_000, 2000.0),
    ]
    totals = layers.totals(layers.lines(steps))
    assert [(t.op, t.us, t.macs, t.count) for t in totals] == [
        ("conv2d", 5.0, 30_000, 2),
        ("depthwise", 4.0, 1_000, 1),
        ("quantize", 1.0, 0, 1),
    ]
    assert totals[0].gmacs() == pytest.approx(6.0)
