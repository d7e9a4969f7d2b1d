"""What shows itself is short, says what counts, and is safe in a terminal and in a notebook of any colours."""

import doctest
import re
from dataclasses import replace

import pytest
from support.report_example import example, read

from dyadic.compiler import display
from dyadic.compiler.display import LONGEST, as_html, one_line, summary
from dyadic.compiler.report_schema import Comparison, Interval, Layer, Report

MEASURED = Comparison(
    samples=597,
    held_out=True,
    float_engine="onnxruntime",
    sqnr_db=39.6,
    threads=1,
    batch=1,
    float_ms=0.066,
    int8_ms=0.022,
    int8_bytes=104_640,
    code_bytes=43_900,
    levels=2,
    float_bytes=105_524,
    float_accuracy=0.985,
    int8_accuracy=0.987,
    difference=Interval(0.002, -0.003, 0.0063),
    agreement=0.998,
)
LAYERS = (Layer("quantize", time_us=1.0), Layer("conv", weights="w4", activation=8), Layer("relu", activation=8))


def report(model: str = "m.onnx", measured: bool = True, layers: tuple[Layer, ...] = LAYERS) -> Report:
    return Report(model, "w4a8", "integer-only", layers=layers, comparison=MEASURED if measured else None)


def test_doctests() -> None:
    done = doctest.testmod(display)
    assert done.attempted and not done.failed


def test_one_line_says_what_counts() -> None:
    assert one_line("Artifact", report(), "integer-only") == (
        "<Artifact of m.onnx: w4a8, 2 layers, accuracy 98.70 % (float 98.50 %), 0.022 ms an image, integer-only>"
    )
    assert repr(report()) == "<Report of m.onnx: w4a8, 2 layers>"
    assert repr(report(measured=False)) == "<Report of m.onnx: w4a8, 2 layers, nothing measured>"


@pytest.mark.parametrize("name", ["m" * 5000, "m\x1b[2J\n" * 100], ids=["long", "escapes"])
def test_no_name_makes_it_long_or_moves_a_cursor(name: str) -> None:
    line = one_line("Artifact", report(name))
    assert len(line) <= LONGEST and line.isprintable()
    assert len(repr(report(name))) <= LONGEST


def test_a_summary_has_accuracy_time_size_widths_and_notes() -> None:
    said = summary(replace(report(), notes=("--precision w8a16 helps",)))
    for part in (
        "accuracy             98.70 % (float 98.50 %); +0.20 points, 95 % interval -0.30 to +0.63",
        "0.022 ms (float 0.066 ms); 3.00 times as fast as onnxruntime",
        "104.6 kB (float 105.5 kB)",
        "w4a8 in 1 layer, a8 in 1",
        'note: precision="w8a16" helps',
    ):
        assert part in said
    assert "nothing was measured" in summary(report(measured=False))
    assert "small.onnx, mixed" in summary(read(example()).report)


def test_a_notebooks_table_takes_the_colours_of_the_page() -> None:
    page = as_html(report("<script>alert(1)</script>"))
    assert "<script>" not in page and "&lt;script&gt;" in page
    colours = set(re.findall(r"(?<![-\w])(?:color|background(?:-color)?):([^;\"]+)", page))
    assert colours == {"inherit", "transparent"} and "#" not in page
    assert report()._repr_html_() == as_html(report())
    for what in ("accuracy", "output SQNR", "time per image", "size", "widths"):
        assert f">{what}</td>" in page
    for tag in ("table", "tr", "td", "th", "div"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>")


def test_a_notebook_is_told_the_notes() -> None:
    noted = replace(report(), notes=("first", "<b>second</b>"))
    assert "note: &lt;b&gt;second&lt;/<wbr>b&gt;" in as_html(noted)
