"""The report: nothing that is given is lost, nothing that is missing is missed, and no name becomes markup."""

import base64
import doctest
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from types import ModuleType
from typing import Any

import pytest
from support.html import Page
from support.report_example import HOSTILE, REPORT, example, read

from dyadic.compiler import formats
from dyadic.compiler.report import history, plots
from dyadic.compiler.report.headline import lead, measured_on, variants_table
from dyadic.compiler.report.layer_plots import layer_plots
from dyadic.compiler.report.page import page
from dyadic.compiler.report.plots import PLOTS, plots_of
from dyadic.compiler.report.sections import SECTIONS, sections_of
from dyadic.compiler.report.trust import checks
from dyadic.compiler.report_schema import Report
from dyadic.runtime.errors import ArtifactError


@pytest.fixture(scope="module")
def text() -> str:
    return page(read(example()))


@pytest.fixture(scope="module")
def parsed(text: str) -> Page:
    return Page(text)


def test_every_section_is_there_in_order(parsed: Page) -> None:
    assert [section["id"] for section in parsed.each("section")] == list(SECTIONS)
    of_layers = 1 + len(REPORT["histograms"])
    assert len(parsed.each("figure")) == sum(map(len, PLOTS.values())) + of_layers
    assert len(parsed.each("svg")) == len(parsed.each("figure")) + 1  # the network


def test_tables_too_wide_for_a_telephone_become_cards_there(text: str) -> None:
    """Four columns behind names of layers take more than 390 pixels."""
    wide = dict[str, bool]()
    for one in re.findall(r'<table class="[^"]*">.*?</thead>', text, re.DOTALL):
        wide[re.findall("<caption>(.*?)</caption>", one)[0]] = one.count("<th ") > 3
        assert ("cards" in one.partition(">")[0]) == (one.count("<th ") > 3), one
    assert wide["One layer changed at a time"] and False in wide.values()


def test_the_page_needs_nothing_from_elsewhere(text: str, parsed: Page) -> None:
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)", text)
    assert not any("src" in attributes for _, attributes in parsed.elements)
    for _, attributes in parsed.elements:
        assert attributes.get("href", "#").startswith("#") or attributes["href"] == "data:,"


def test_references_inside_the_page_lead_somewhere(text: str, parsed: Page) -> None:
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {attributes["href"][1:] for _, attributes in parsed.elements if attributes.get("href", "").startswith("#")}
    wanted |= {one for _, attributes in parsed.elements for one in attributes.get("aria-labelledby", "").split()}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert wanted <= set(ids)


def test_it_can_be_read_without_seeing_it(parsed: Page) -> None:
    assert parsed.each("html") == [{"lang": "en"}]
    assert all(heading.get("scope") in ("row", "col") for heading in parsed.each("th"))
    assert len(parsed.each("caption")) == len(parsed.each("table"))
    assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in parsed.each("svg"))
    assert len(parsed.each("figcaption")) == len(parsed.each("figure"))


def test_names_are_text_and_only_our_script_may_run(text: str, parsed: Page) -> None:
    assert "<script>alert" not in text
    assert parsed.text.count(HOSTILE) > 7
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [meta["content"] for meta in parsed.each("meta") if meta.get("http-equiv")]
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_every_number_that_is_given_is_on_the_page(parsed: Page) -> None:
    values = {a[key] for _, a in parsed.elements for key in ("data-value", "value") if key in a}
    words = parsed.text
    drawn = {"histograms"}  # a plot, which says its bins
    for x in numbers_in({name: value for name, value in example().items() if name not in drawn}):
        ways = (formats.count, formats.percent, formats.points, formats.decibels, formats.number, formats.milliseconds)
        shown = {way(x) for way in ways if way is not formats.count or x == int(x)} | {formats.points(-x)}
        assert str(x) in values or any(re.search(rf"(?<![\d.]){re.escape(one)}(?!\d)", words) for one in shown), x


def test_every_command_is_on_the_page(parsed: Page) -> None:
    given = [*REPORT["commands"].values(), *(point["command"] for point in REPORT["selection"]["front"])]
    for command in [*given, "dyadic verify small.dyq", "dyadic inspect small.dyq --json"]:
        assert command in parsed.words


def test_the_same_artifact_gives_the_same_page(text: str) -> None:
    assert page(read(example())) == text


@pytest.mark.parametrize(
    ("taken", "gone"),
    [
        (("selection",), {"requested", "front"}),
        (("latency",), {"latency"}),
        (("sensitivity",), {"sensitivity"}),
        (("refine",), {"refine"}),
        (
            (
                "selection",
                "comparison",
                "latency",
                "sensitivity",
                "refine",
                "layers",
                "commands",
                "seconds",
                "histograms",
            ),
            None,
        ),
    ],
)
def test_a_section_without_data_is_left_out(taken: tuple[str, ...], gone: set[str] | None, without_plots: None) -> None:
    facts = example()
    for key in taken:
        del facts[key]
    left = {"headline", "layers", "certificate", "made", "commands"} if gone is None else set(SECTIONS) - gone
    assert set(sections_of(read(facts))) == left
    if gone is None:
        bare = Page(page(read(facts)))
        assert "small.dyq" in bare.text and not bare.each("svg")


def test_float_islands_are_said_first_and_named_at_the_certificate(parsed: Page, without_plots: None) -> None:
    facts = example()
    certificate = facts["artifact"]["certificate"]
    certificate |= {"islands": ["/stem/Conv", HOSTILE], "valid": False}
    certificate["images"][0] |= {"island_kernels": 2, "island_instructions": 1234}
    said = Page(page(read(facts))).text
    assert "Not all of it is integers: 2 layers stay in float." in " ".join(said.split())
    assert "Float islands, which void the certificate" in said and "1,234" in said
    assert "in float." not in parsed.text and "Float islands" not in parsed.text
    facts["artifact"]["certificate"]["islands"] = [HOSTILE]
    assert "integers: 1 layer stays in float." in " ".join(Page(page(read(facts))).text.split())


def paths(value: Any, *before: str | int) -> Iterator[tuple[str | int, ...]]:
    """Every place in a record, but those inside `artifact`, which is always whole."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        if (*before, key) != ("artifact",):
            yield (*before, key)
            yield from paths(value[key], *before, key)


@pytest.mark.parametrize("change", ["missing", "null"])
def test_anything_may_be_missing_that_some_compile_does_not_know(change: str) -> None:
    """The rest is named in an error."""
    places, needed = [path for path in paths(example()) if isinstance(path[-1], str)], list[str]()
    assert len(places) > 150
    for path in places:
        facts = example()
        inner: Any = facts
        for key in path[:-1]:
            inner = inner[key]
        if change == "missing":
            del inner[path[-1]]
        else:
            inner[path[-1]] = None
        try:
            whole = read(facts)
        except ArtifactError as error:
            assert path == ("schema",) or f'"{path[-1]}"' in str(error)
            needed.append(str(path[-1]))
            continue
        sections_of(whole)
        for several in PLOTS.values():
            for plot in several.values():
                plot(whole)
        assert lead(whole) and checks(whole) and measured_on(whole) is not None
    assert {"model", "name", "loss", "sqnr_db", "asked"} & {*needed} and "accuracy" not in needed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 1}, "has a report of schema 1, this version reads schema 2: compile the model again"),
        ({"schema": 3}, "has a report of schema 3, this version reads schema 2"),
        ({"schema": True}, "has a report of schema True"),
        ({"model": 7}, "has a damaged report: model is int, not str"),
        ({"weather": "fine"}, 'it has an unknown entry "weather"'),
        ({"layers": {}}, "layers is no list"),
        ({"layers": [{"op": "conv2d"}]}, 'layers[0] has no "name"'),
        ({"layers": [{"name": "a", "shape": [1, "b"]}]}, "layers[0].shape[1] is str, not int"),
        ({"layers": [{"name": "a", "macs": True}]}, "layers[0].macs is bool, not int"),
        ({"peak": {"level": "avx2", "threads": 1, "gmacs": "fast"}}, "peak.gmacs is str, not float"),
        ({"seconds": {"emit": "long"}}, 'seconds["emit"] is str, not float'),
        ({"latency": 3}, "latency is no record"),
    ],
)
def test_5_a_report_of_another_schema_or_damaged(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        read(example() | change)
    assert said in str(caught.value) and str(caught.value).startswith("'small.dyq' ")


def test_commands_name_the_file_as_it_is_called_now(without_plots: None) -> None:
    facts = example()
    facts["commands"] = {"headline": "dyadic compile small.onnx -o model.dyq", "odd": "dyadic 'unfinished"}
    facts["selection"]["front"][0]["command"] = "dyadic compile 'a b.onnx' --max-size 0.6x -o model.dyq"
    text = Page(page(read(facts))).text
    assert "dyadic compile small.onnx -o small.dyq" in text and "model.dyq" not in text
    assert "dyadic compile 'a b.onnx' --max-size 0.6x -o small.dyq" in text and "dyadic 'unfinished" in text


def test_a_report_is_its_json() -> None:
    report = read(example()).report
    assert Report.from_json(json.loads(json.dumps(report.to_json())), "x") == report
    bare = Report("m.onnx", "int8", "integer-only")
    assert bare.to_json()["layers"] == [] and "comparison" not in bare.to_json()
    assert report["comparison"]["samples"] == 5000 and report.get("weather", "fine") == "fine"
    with pytest.raises(FrozenInstanceError):
        report.model = "other"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.filterwarnings("error")
def test_plots_of_few_many_and_odd_numbers() -> None:
    facts = example()
    row = facts["layers"][0]
    odd = {"name": "λ$層" * 40, "sensitivity": {"value": 0, "low": 1, "high": -1}, "time_us": 0}
    facts["layers"] = [row | odd | {"weights": f"w{i}"} for i in range(70)]
    facts["latency"]["layers"] = facts["latency"]["layers"][:1]
    facts["sensitivity"]["points"] = facts["sensitivity"]["points"][:2]
    facts["selection"]["front"] = facts["selection"]["front"][1:2]
    drawn = plots_of(read(facts))
    assert set(drawn) == {"front", "layers", "sensitivity"} and len(drawn["front"]) == 2
    assert len(drawn["layers"]) == 2 and len(drawn["sensitivity"]) == 1
    for several in (*drawn.values(), layer_plots(read(facts))):
        for plot in several:
            Page(plot.svg)


@pytest.mark.parametrize("module", [formats, history, plots])
def test_doctests(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed


def with_metric() -> dict[str, Any]:
    """The same report, judged by a rank correlation."""
    facts = example()
    for key in ("float_accuracy", "int8_accuracy", "agreement"):
        del facts["comparison"][key]
    facts["comparison"] |= {"metric": "rho", "float_metric": 0.9178, "int8_metric": 0.9152}
    s = facts["selection"]
    for row in (*s["variants"], *s["front"], *s["random_plans"]):
        row["metric"] = row.pop("accuracy")
    s["budgets"] = {"drop": {"asked": "0.5%", "limit": 0.005}}
    s["verdict"] = "The weights are 0.60x of int8's; rho changes by -0.0026."
    return facts


def test_a_metric_stands_where_accuracy_stood(without_plots: None) -> None:
    facts = with_metric()
    made = Page(page(read(facts)))
    assert "ccuracy" not in made.text and not re.search(r"[\d.] points\W", made.text.replace("3 points of", ""))
    assert "rho is a metric of the user's own, larger is better; intervals are a paired bootstrap's." in made.text
    assert "3 random plans average 0.8905 rho (0.8719 to 0.9061); what ships has 0.9152, +0.0247 against" in made.text
    assert "0.9152" in made.words and "-0.0026 (-0.0051 to -0.0001)" in made.text
    (budgets,) = [
        one for one in sections_of(read(facts))["requested"].tables if one is not None and one.caption == "Budgets"
    ]
    assert [cell.text for cell in budgets.rows[0]] == ["drop", "0.5%", "0.005", "rho"]
    del facts["selection"]
    assert "0.27 of its size, -0.0026 of rho." in Page(page(read(facts))).text


def test_the_change_is_said_of_every_variant_that_has_one() -> None:
    changes = variants_table(read(example()))
    assert changes is not None
    assert [cell.text for cell in (row[2] for row in changes.rows)] == ["", "-0.07", "-0.26 (-0.51 to -0.01)"]
