"""Two artifacts side by side: differences are of figures that can be compared, and say what is not."""

from typing import Any

import pytest
from support.html import Page
from support.report_example import HOSTILE, example, read

from dyadic.compiler.report import pair
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.page import page_of_two
from dyadic.compiler.report.pair import Pair


def other(**changes: Any) -> Facts:
    """The example at half the time and with another width."""
    facts = example()
    facts["comparison"] |= {"int8_ms": 0.40615, "int8_accuracy": 0.9162}
    facts["layers"][0] |= {"weights": "w4", "bytes": 320}
    facts["layers"][3] |= {"name": "/another/pool"}
    facts["artifact"] |= {"file": "second.dyq", "bytes": 150784}
    for key, parts in changes.items():
        facts[key] = None if parts is None else facts[key] | parts
    return read(facts)


def test_the_second_is_measured_by_the_first() -> None:
    two = Pair(read(example()), other())
    found = pair.gained(two)
    assert found.times_as_fast == pytest.approx(2.0) and found.of_size == pytest.approx(0.5)
    assert found.change == pytest.approx(0.001) and found.layers_of_other_widths == 3
    assert pair.lead(two) == (
        "B is 2.00 times as fast as A on 2 threads, 0.50 of its size, +0.10 points of accuracy; "
        "it has other widths in 3 layers."
    )
    assert [tile.cell.text for tile in pair.tiles(two)] == ["2.00×", "0.50×", "+0.10"]
    said = pair.to_json(two)
    assert said["b_against_a"]["of_size"] == 0.5 and said["a"]["model"] == said["b"]["model"] == "small.onnx"


def test_layers_are_joined_by_name() -> None:
    rows = pair.joined(Pair(read(example()), other()))
    names = ["/stem/Conv", HOSTILE, "/block/second/Conv", "/pool", "/fc/Gemm", "/another/pool"]
    assert [row.name for row in rows] == names
    assert rows[0].change("bytes") == -320 and rows[3].change("bytes") is None
    assert [pair.differs(row) for row in rows] == [True, False, False, True, False, True]


@pytest.mark.parametrize(
    ("change", "said", "lost"),
    [
        ({"machine": {"processor": "Other 7"}}, "processor: Example 9000 <8> and Other 7", "times_as_fast"),
        ({"machine": None}, "a machine is not on record", "times_as_fast"),
        ({"comparison": {"threads": 1}}, "threads: 2 and 1", "times_as_fast"),
        ({"comparison": None}, "not both were measured", "times_as_fast"),
        ({"comparison": None}, "not both were measured", "change"),
        ({"comparison": {"samples": 100}}, "5,000 and 100 samples", "change"),
        ({"used": {"evaluation": "b.npz"}}, "test.npz and b.npz", "change"),
        ({"comparison": {"metric": "rho"}}, "judged by accuracy and rho", "change"),
        (
            {"machine": {"instead_of": "cuda"}},
            "code for cuda could not be run where it was measured, and other code was",
            "times_as_fast",
        ),
        ({"artifact": {"made": {"model": {"sha256": "77"}}}}, "are different files", None),
        ({"artifact": {"made": {}}}, "no hash is on record", None),
    ],
)
def test_what_cannot_be_compared_is_said_and_left_out(change: dict[str, Any], said: str, lost: str | None) -> None:
    two = Pair(read(example()), other(**change))
    assert any(said in check.more for check in pair.checks(two))
    assert lost is None or getattr(pair.gained(two), lost) is None
    assert pair.lead(two) and pair.tiles(two) and pair.sections_of(two)


def test_the_page_of_two() -> None:
    made = Page(page_of_two(Pair(read(example()), other())))
    flowing = " ".join(made.text.split())
    assert "A: small.dyq, B: second.dyq" in flowing and "2.00× as fast as A 0.406 ms A 0.812 ms" in flowing
    assert "Both measured on Example 9000" in flowing and "-320" in flowing and len(made.each("svg")) == 0
    assert "dyadic report small.dyq second.dyq --html" in flowing and "<script>alert" not in flowing.replace(
        HOSTILE, ""
    )
