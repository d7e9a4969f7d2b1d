"""What notebooks show: small tables in the colours of whatever page they are in, light or dark.

Names come from users' files: all is escaped, and however much there is, no more than a screenful is said.
"""

import html
import re
from collections.abc import Sequence

from dyadic.runtime.errors import printable

STYLE = "border-collapse:collapse;color:inherit;background:transparent;font-variant-numeric:tabular-nums"
CELL = "padding:.2em .8em .2em 0;border-bottom:1px solid rgba(128,128,128,.35);color:inherit;text-align:{}"
NUMBER = "right;white-space:nowrap"
BELOW = "color:inherit;font-size:90%;max-width:60em;overflow-wrap:anywhere;text-align:left"
MOST_ROWS, MOST_SENTENCES = 30, 12
LONGEST_CELL, LONGEST_SENTENCE = 120, 600  # letters


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str] = (), numbers: Sequence[int] = ()
) -> str:
    """Columns of `numbers`, by place, are on the right; `below` are sentences; what is too much is counted."""

    def row(tag: str, cells: Sequence[str]) -> str:
        inside = "".join(
            f'<{tag} style="{CELL.format(NUMBER if i in numbers else "left")}">{text(cell, LONGEST_CELL)}</{tag}>'
            for i, cell in enumerate(cells)
        )
        return f"<tr>{inside}</tr>"

    more = [f"and {len(rows) - MOST_ROWS:,} more rows"] if len(rows) > MOST_ROWS else []
    left = len(below) - MOST_SENTENCES
    said = [*more, *below[:MOST_SENTENCES], *([f"and {left:,} more"] if left > 0 else [])]
    body = "".join(row("td", cells) for cells in rows[:MOST_ROWS])
    sentences = "".join(f'<div style="{BELOW}">{text(one, LONGEST_SENTENCE)}</div>' for one in said)
    whole = f'<table style="{STYLE}"><thead>{row("th", head)}</thead><tbody>{body}</tbody></table>'
    return f'<div style="overflow-x:auto">{whole}</div>{sentences}'


def text(said: str, longest: int) -> str:
    """As it is read, not as markup; its middle is left out where it is long, since names differ at their ends."""
    shown = printable(said)
    if len(shown) > longest:
        shown = f"{shown[: longest // 2]}…{shown[-longest // 2 :]}"
    return re.sub(r"[/_]", r"\g<0><wbr>", html.escape(shown))  # where a narrow page may break a name
