"""The report as one HTML file that needs nothing else: no network, no other file, no style or script but its own."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.headline import tiles
from dyadic.compiler.report.history import commands_for
from dyadic.compiler.report.plots import plots_of
from dyadic.compiler.report.sections import sections_of
from dyadic.runtime.errors import UsageError

TEMPLATE, STYLE, SCRIPT = "page.html.jinja", "page.css", "sort.js"


def page(facts: Facts) -> str:
    """Whatever names contain, it comes out as text: the template escapes all but our own style, script and plots."""
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup

        plots = plots_of(facts)
    except ModuleNotFoundError as missing:
        if missing.name not in ("jinja2", "markupsafe", "matplotlib"):
            raise
        raise UsageError(
            f"an HTML report needs the package '{missing.name}', which is not installed; "
            "try: pip install 'dyadic[compile]'"
        ) from missing
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    script = shipped(SCRIPT)
    values: dict[str, Any] = {
        "facts": facts,
        "tiles": tiles(facts),
        "sections": sections_of(facts),
        "plots": plots,
        "commands_for": lambda key: [] if key == "commands" else commands_for(facts, key),
        "style": Markup(shipped(STYLE)),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "markup": Markup,
    }
    return environment.from_string(shipped(TEMPLATE)).render(values)


def shipped(name: str) -> str:
    """A file beside this one, in a checkout, a wheel or an archive alike."""
    return files("dyadic.compiler.report").joinpath(name).read_text(encoding="utf-8")
