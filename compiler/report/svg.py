"""A matplotlib figure as SVG that can stand inside a page: text stays text, and no two plots share an id."""

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dyadic",  # the same plot has the same ids every time
    "text.parse_math": False,  # layers may have names with dollar signs
    "font.size": 9.5,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": "cycler('color', ['black'])",
}
REFERENCE = re.compile(r"url\(#([^)]+)\)")
WIDTHS = {2: "#b3362c", 4: "#e08a00", 8: "#2b6cb0", 16: "#5b3a8e", 32: "#6b7280"}  # the page's, in light
NAMED = {colour: bits for bits, colour in WIDTHS.items()}
COLOUR = re.compile(r"#([0-9a-f]{6})\b")


def drawn(name: str, title: str, alt: str, draw: Callable[[], "Figure"]) -> str:
    """`draw`'s figure as one `<svg>` element; `name` makes its ids its own, `alt` is for who cannot see it."""
    import matplotlib

    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # the browser has more fonts
        file = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        draw().savefig(file, format="svg", metadata=metadata, bbox_inches="tight", pad_inches=0.05)
    return inline(file.getvalue(), name, title, alt)


def inline(text: str, name: str, title: str, alt: str) -> str:
    """An SVG file as an element of a page: no namespaces, no metadata, ids that begin with `name`."""
    root = ElementTree.fromstring(text)
    for parent in root.iter():
        for child in [child for child in parent if child.tag == f"{SVG}metadata"]:
            parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            element.set(key.removeprefix(XLINK), renamed(key, value, name))
    for key in ("version", "height"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-alt"}
    for tag, content in (("desc", alt), ("title", title)):
        element = ElementTree.Element(tag, {"id": f"{name}-{'alt' if tag == 'desc' else 'title'}"})
        element.text = content
        root.insert(0, element)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def renamed(key: str, value: str, name: str) -> str:
    """An attribute's value, where it is or names an id."""
    if key == "id":
        return f"{name}-{value}"
    if key == f"{XLINK}href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = REFERENCE.sub(rf"url(#{name}-\1)", value)
    return COLOUR.sub(lambda found: of_the_page(found[1]), value) if key == "style" else value


def of_the_page(grey: str) -> str:
    """A width's colour as the page has it, a grey as a mixture of the page's ink and ground, light or dark as they are.

    >>> of_the_page("000000"), of_the_page("ffffff"), of_the_page("cccccc")
    ('currentColor', 'var(--page)', 'color-mix(in srgb, currentColor 20%, var(--page))')
    """
    if f"#{grey}" in NAMED:
        return f"var(--b{NAMED[f'#{grey}']})"
    share = round(100 * (1 - int(grey[:2], 16) / 255))
    if share in (0, 100):
        return "currentColor" if share else "var(--page)"
    return f"color-mix(in srgb, currentColor {share}%, var(--page))"
