"""The report as one HTML file that needs nothing else: no network, no other file, no style or script but its own."""

import base64
import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from dyadic.compiler.report import pair
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.headline import lead, measured_on, tiles
from dyadic.compiler.report.history import commands_for
from dyadic.compiler.report.layer_plots import along_both, layer_plots
from dyadic.compiler.report.plots import Plot, plots_of
from dyadic.compiler.report.sections import sections_of
from dyadic.compiler.report.trust import all_notes, checks
from dyadic.runtime.errors import UsageError

TEMPLATE, STYLE, SCRIPT = "page.html.jinja", "page.css", "page.js"


def page(facts: Facts) -> str:
    """The report of one artifact."""

    def plots() -> dict[str, list[Plot]]:
        made = plots_of(facts)
        return made | {"layers": [*layer_plots(facts), *made.get("layers", [])]}

    return rendered(
        plots,
        title=facts.report.model,
        kind=facts.report.precision,
        lead=lead(facts),
        tiles=tiles(facts),
        measured_on=measured_on(facts),
        question="Can it be trusted?",
        checks=checks(facts),
        notes=all_notes(facts),
        made_by=facts.report.commands.get("headline"),
        sections=sections_of(facts),
        commands_for=lambda key: [] if key in ("commands", "headline") else commands_for(facts, key),
    )


def page_of_two(two: pair.Pair) -> str:
    """The second artifact against the first."""
    first, second = two.names
    return rendered(
        lambda: {"headline": along_both(two)},
        title=f"{first}, {second}",
        kind="two artifacts",
        lead=pair.lead(two),
        tiles=pair.tiles(two),
        measured_on="" if pair.unlike_times(two) else measured_on(two.second).replace("Measured", "Both measured", 1),
        question="Can the two be compared?",
        checks=pair.checks(two),
        notes=[f"{letter}: {note}" for letter, one in zip("AB", two.both, strict=True) for note in all_notes(one)],
        made_by=None,
        sections=pair.sections_of(two),
        commands_for=lambda key: [pair.command(two)] if key == "headline" else [],
    )


def rendered(plots: Callable[[], dict[str, list[Plot]]], **values: Any) -> str:
    """Whatever names contain, it comes out as text: the template escapes all but our own style, script and plots."""
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
        from markupsafe import Markup

        values["plots"] = plots()
    except ModuleNotFoundError as missing:
        if missing.name not in ("jinja2", "markupsafe", "matplotlib"):
            raise
        raise UsageError(
            f"an HTML report needs the package '{missing.name}', which is not installed; "
            "try: pip install 'dyadic[compile]'"
        ) from missing
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(shipped),
    )
    script = shipped(SCRIPT)
    values |= {
        "style": Markup(shipped(STYLE)),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "markup": Markup,
    }
    return environment.get_template(TEMPLATE).render(values) + "\n"


def shipped(name: str) -> str:
    """A file beside this one, in a checkout, a wheel or an archive alike."""
    return files("dyadic.compiler.report").joinpath(name).read_text(encoding="utf-8")
