"""What the report says before anything else, and that it says what is not known."""

from dataclasses import replace
from typing import Any

import pytest
from support.html import Page
from support.report_example import REPORT, example, read

from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.headline import lead, measured_on
from dyadic.compiler.report.network import lanes, network
from dyadic.compiler.report.page import page
from dyadic.compiler.report.sections import sections_of
from dyadic.compiler.report.trust import GOOD, WARNING, checks
from dyadic.compiler.report_schema import Layer, Report


def test_it_says_what_was_gained_where_and_whether_to_trust_it(without_plots: None) -> None:
    """Every figure of it is the record's; and all of it comes before the first section."""
    text = page(read(example()))
    c, first = REPORT["comparison"], Page(text[: text.index("<main>")] + "</body></html>").text
    flowing = " ".join(first.split())
    assert f"{c['float_ms'] / c['int8_ms']:.2f} times as fast as float in ONNX Runtime 1.23.2 on 2 threads" in flowing
    assert f"{c['int8_bytes'] / c['float_bytes']:.2f} of its size, -0.26 points of accuracy." in flowing
    for said in (
        "2.36× as fast as float 0.812 ms float 1.91 ms",
        "-0.26 points of accuracy 91.52 % float 91.78 % 95 %: -0.51 to -0.01",
        "Measured on Example 9000 <8>, 12 cores, avx512vnni, 2 threads, batch 1, 29 November 2026.",
        "Integers only, proven : none of 8,045 instructions",
        "Not verified just now",
        "Held-out data : 5,000 samples of test.npz that it has not learned from",
        "1 note",
        REPORT["selection"]["notes"][0],
        "dyadic compile small.onnx --calibration train.npz --evaluate test.npz -o small.dyq",
    ):
        assert said in flowing, said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"comparison": None}, "Nothing was measured when this was compiled"),
        ({"comparison": None}, "neither accuracy nor time is known"),
        ({"used": {"synthetic": True}}, "ranges come from synthetic samples, not from yours"),
        ({"comparison": {"synthetic": True}}, "5,000 samples that the compiler made; accuracy is not known"),
        ({"machine": None}, "Measured on a machine that is not on record, 2 threads, batch 1"),
        ({"machine": {"instead_of": "cuda"}}, "this machine cannot run cuda"),
        ({"comparison": {"held_out": False}}, "compared on 5,000 samples that ranges were learned from"),
        ({"comparison": {"difference": None, "int8_accuracy": None}}, "the same class for 97.12 % of the samples"),
        ({"comparison": {"difference": None, "int8_accuracy": None}}, "they have no labels, so accuracy is not known"),
        ({"comparison": {"engine_version": None, "float_engine": "torch"}}, "as float in PyTorch on 2 threads"),
        ({"comparison": {"float_ms": 0.4}}, "0.49 times as fast as float"),
        ({"comparison": {"float_ms": None}}, "0.812 ms an image on 2 threads, "),
    ],
)
def test_what_is_missing_or_weak_is_said_first(change: dict[str, Any], said: str) -> None:
    facts = example()
    for key, parts in change.items():
        facts[key] = None if parts is None else facts[key] | parts
    said_first = [lead(read(facts)), measured_on(read(facts)), *(one.more for one in checks(read(facts)))]
    assert any(said in one for one in said_first), said_first


def test_times_of_another_machine_and_what_verify_found_are_said() -> None:
    facts = replace(read(example()), verified=("avx2: 4,759 instructions",), elsewhere="Other 7")
    said = {one.said: one for one in checks(facts)}
    assert said["Verified just now"].state == GOOD and said["Times of another machine"].state == WARNING
    assert "Avx2: 4,759 instructions." in sections_of(facts)["certificate"].sentences


def test_the_network_is_drawn_with_all_that_is_read_again() -> None:
    rows = [replace(row, reads=row.reads or ()) for row in read(example()).layers]
    lines = lanes(rows)
    assert [(line.start, line.end, line.lane) for line in lines] == [
        (0, 1, 0),
        (1, 2, 0),
        (2, 3, 0),
        (3, 4, 0),
        (0, 2, 1),
    ]
    many = [Layer(f"l{i}", reads=tuple({f"l{max(0, i - 1)}", "l0"}) if i else ()) for i in range(70)]
    drawn = network(Facts(Report("m", "int8", "", layers=tuple(many)), read(example()).artifact))
    assert drawn is not None and len(drawn.pieces) == 3 and len(Page(drawn.pieces[2]).each("rect")) == 10
