"""The network as a drawing: one row a layer, its colour the width of its weights, lines what it reads.

Lines run in lanes, as a version control system draws histories: beside the trunk there is one for every result that is
read again further down. A long network is cut into pieces that stand side by side where there is room.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from dyadic.compiler.formats import counted
from dyadic.compiler.report.facts import Facts
from dyadic.compiler.report.plots import short
from dyadic.compiler.report.schemes import NAMES, bits_of, scheme_of
from dyadic.compiler.report_schema import Layer

ROW, LANE, WIDTH, MARGIN, BOX = 18, 9, 330, 10, 10  # in units of the drawing
LEAST, MOST, ABREAST = 30, 45, 3  # rows of a piece, and how many pieces stand side by side on a wide page
MOST_LANES = 12  # beyond, lines share the outermost


@dataclass(frozen=True)
class Line:
    """A result on its way down: from row `start` to row `end` in a lane, 0 the trunk; `bits` of the result."""

    start: int
    end: int
    lane: int
    bits: int


@dataclass(frozen=True)
class Network:
    """`pieces` are SVG; `legend` says which colour is what."""

    pieces: tuple[str, ...]
    legend: tuple[tuple[int, str], ...]
    told: str


def network(facts: Facts) -> Network | None:
    """None where the report does not say what reads what."""
    rows = [row for row in facts.layers if row.reads is not None]
    if len(rows) < 2:
        return None
    lines, piece = lanes(rows), min(MOST, max(LEAST, -(-len(rows) // ABREAST)))
    pieces = tuple(
        drawing(rows, lines, start, min(start + piece, len(rows)), f"network-{start}")
        for start in range(0, len(rows), piece)
    )
    counts: dict[int, int] = {}
    for row in rows:
        counts[width_of(row)] = counts.get(width_of(row), 0) + 1
    legend = tuple((bits, f"{NAMES.get(bits, f'{bits} bits')}: {n}") for bits, n in sorted(counts.items()))
    again = sum(line.lane > 0 for line in lines)
    told = f"{counted(len(rows), 'layer')} from top to bottom; colours are the widths of weights."
    told += f" {counted(again, 'result')} {'is' if again == 1 else 'are'} read again further down." if again else ""
    told += " Results of 16 bits have thick lines." if any(line.bits == 16 for line in lines) else ""
    return Network(pieces, legend, told)


def width_of(row: Layer) -> int:
    return bits_of(scheme_of(row))


def lanes(rows: list[Layer]) -> list[Line]:
    """Every result that is read, in the lowest lane that is free all the way; the trunk leads to the next row."""
    place = {row.name: i for i, row in enumerate(rows)}
    reads = [(place[name], end) for end, row in enumerate(rows) for name in row.reads or () if name in place]
    far: dict[int, int] = {}  # one line serves all who read a result
    made = []
    for start, end in reads:
        if end == start + 1:
            made.append(Line(start, end, 0, rows[start].activation or 0))
        elif end > start:
            far[start] = max(far.get(start, 0), end)
    free: list[int] = []  # by lane, the row from which on it is
    for start, end in sorted(far.items()):
        lane = next((i for i, until in enumerate(free) if until <= start), len(free))
        free[lane : lane + 1] = [end]
        made.append(Line(start, end, min(lane + 1, MOST_LANES), rows[start].activation or 0))
    return made


def drawing(rows: list[Layer], lines: list[Line], first: int, last: int, name: str) -> str:
    """The rows from `first` to before `last`."""
    place = {row.name: i for i, row in enumerate(rows)}
    most = max((line.lane for line in lines), default=0)
    trunk = MARGIN + most * LANE
    height = (last - first) * ROW + 8

    def y(row: float) -> float:
        return min(max((row - first) * ROW + ROW / 2 + 4, 0), height)

    parts = []
    stops = {(line.start, line.lane): line for line in lines if line.lane}
    for line in lines:
        if line.end < first or line.start >= last:
            continue
        shade = f'class="wire a{line.bits}"'
        if line.lane == 0:
            parts.append(f'<path {shade} d="M{trunk} {y(line.start)}V{y(line.end)}"/>')
            continue
        x = trunk - line.lane * LANE
        down = f"M{x} {y(line.start + 0.5)}V{y(line.end - 0.5)}"
        parts.append(f'<path {shade} d="{down}"/>')
        if first <= line.start < last:
            parts.append(f'<path {shade} d="M{trunk} {y(line.start)}Q{x} {y(line.start)} {x} {y(line.start + 0.5)}"/>')
    for i in range(first, last):
        for read in rows[i].reads or ():
            start = place.get(read)
            if start is None or start == i - 1:
                continue
            line = next((one for (begin, _), one in stops.items() if begin == start), None)
            if line is not None:
                x = trunk - line.lane * LANE
                parts.append(f'<path class="wire a{line.bits}" d="M{x} {y(i - 0.5)}Q{x} {y(i)} {trunk} {y(i)}"/>')
    room = int((WIDTH - trunk - 80) / 6.4)  # letters between a box and the widths
    for i in range(first, last):
        row, top = rows[i], y(i)
        scheme = scheme_of(row) or ""
        about = ", ".join(filter(None, (row.name, row.op, scheme)))
        parts.append(
            f"<g><title>{escape(about)}</title>"
            f'<rect class="box w{width_of(row)}" x="{trunk - BOX / 2}" y="{top - BOX / 2}" width="{BOX}" '
            f'height="{BOX}" rx="2"/>'
            f'<text x="{trunk + 11}" y="{top + 3.5}">{escape(short(row.name, max(12, room)))}</text>'
            f'<text class="scheme" x="{WIDTH - 4}" y="{top + 3.5}">{escape(scheme)}</text></g>'
        )
    told = f"Layers {first + 1} to {last} of the network"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title"><title id="{name}-title">{told}'
        f"</title>{''.join(parts)}</svg>"
    )
