"""The documentation as a site: `pip install -e '.[docs]'`, then `python docs/site.py`, and open build/site/index.html.

Pages are those of docs/ and some that lie elsewhere: README.md is the first one, each example's README.md one of
`examples/`, and CONTRIBUTING.md, SECURITY.md and CHANGELOG.md are there, too. Links are written as they work in the
repository and changed on the way; one to a file that is no page (a script, a notebook) stays as its name alone.
A warning of Sphinx ends it with exit code 1.
"""

import posixpath
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")

# chapter -> its pages in order; every page is in one of them
CHAPTERS: dict[str, tuple[str, ...]] = {
    "Start": ("tutorial", "glossary"),
    "Examples": (
        "examples/digits",
        "examples/image_classification",
        "examples/detection",
        "examples/semantic_search",
        "examples/quantized_model",
        "examples/own_pass",
        "examples/c",
    ),
    "Guides": ("data", "quantized-models", "selection", "cluster", "report", "gpu", "c-host"),
    "Reference": ("command-line", "api", "operators", "exit-codes", "events", "knobs", "artifact"),
    "Measured": ("accuracy", "performance", "transformers", "networks"),
    "Inside": (
        "architecture",
        "arithmetic",
        "rounding",
        "pipeline",
        "dialects",
        "passes",
        "adding-an-operator",
        "adding-a-target",
        "testing",
        "replay",
    ),
    "Project": ("contributing", "security", "changelog"),
}


def pages() -> dict[str, str]:
    """File in the repository -> page of the site."""
    found = {"README.md": "index.md"}
    found |= {f"{name}.md": f"{name.lower()}.md" for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")}
    for one in sorted(ROOT.glob("examples/*/README.md")):
        found[f"examples/{one.parent.name}/README.md"] = f"examples/{one.parent.name}.md"
    return found | {f"docs/{one.name}": one.name for one in sorted(ROOT.glob("docs/*.md"))}


def relinked(markdown: str, source: str, known: dict[str, str]) -> str:
    """The text of a page, which lies at `source`, with links as the site has them.

    >>> relinked("[a](docs/data.md#x), [b](examples/digits/train.py)", "README.md", pages())
    '[a](data.md#x), b'
    """
    page, folder = known[source], posixpath.dirname(source)

    def link(found: re.Match[str]) -> str:
        picture, text, target, anchor = found[1], found[2], found[3], found[4] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return found[0]
        place = posixpath.normpath(posixpath.join(folder, target))
        if place in known:
            goal = known[place]
        elif place.startswith("docs/") and (ROOT / place).is_file():
            goal = place.removeprefix("docs/")
        else:
            return text
        return f"{picture}[{text}]({posixpath.relpath(goal, posixpath.dirname(page) or '.')}{anchor})"

    return LINK.sub(link, markdown)


def contents() -> str:
    """The chapters, for the first page."""
    trees = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {chapter}", "", *entries, "```"])
        for chapter, entries in CHAPTERS.items()
    ]
    return "\n\n" + "\n\n".join(trees) + "\n"


def gather(folder: Path) -> None:
    """Write what Sphinx reads."""
    known = pages()
    for source, page in known.items():
        text = relinked((ROOT / source).read_text(encoding="utf-8"), source, known)
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(text + (contents() if page == "index.md" else ""), encoding="utf-8")
    shutil.copy(ROOT / "docs" / "conf.py", folder)
    for one in ROOT.glob("docs/*"):
        if one.suffix in (".svg", ".png", ".webp", ".jpg"):
            shutil.copy(one, folder)


def main() -> int:
    from sphinx.cmd.build import main as sphinx

    source, target = ROOT / "build" / "site-pages", ROOT / "build" / "site"
    for folder in (source, target):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    gather(source)
    return sphinx(["-q", "-W", "--keep-going", "-b", "html", str(source), str(target), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
