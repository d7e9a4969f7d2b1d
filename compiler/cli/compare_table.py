"""The table of `dyadic compare`: one row a layer, and below it what concerns all of them."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from dyadic.compiler.cli.compile_table import FILE_WIDTH
from dyadic.compiler.cli.console import PlainConsole
from dyadic.compiler.measure.layer_comparison import LayerComparison, LayerLoss

# Columns beside the layer's name, with the places that each takes; two have one title. On a narrow terminal those of
# `SPARE` are left out, the first one first.
COLUMNS = {
    "operator": 14,
    "shape": 13,
    "widths": 9,
    "alone dB": 11,
    "cosine": 10,
    "accumulated dB": 17,
    "cosine ": 10,
}
SPARE = ("shape", "cosine ", "cosine", "operator", "widths")
NAME_WIDTH = 32  # a longer name may be folded
ORDERS = {"loss": "most lost alone first", "network": "in the order of the network"}


def show(comparison: LayerComparison, layers: Sequence[LayerLoss], name: str, order: str) -> None:
    console = PlainConsole()  # names of layers are what they are
    names = max((len(one.layer) for one in layers), default=0)
    if not console.is_terminal:
        console.width = max(FILE_WIDTH, names + sum(COLUMNS.values()))
    of = "" if len(layers) == len(comparison.layers) else f" of {len(comparison.layers)}"
    what = f"{name} against float on {comparison.samples:,} sample{'' if comparison.samples == 1 else 's'}"
    heading = f"{what}: SQNR and cosine of {len(layers)}{of} layers, {ORDERS[order]}"
    console.print(heading, soft_wrap=True)
    columns = fitting(console.width - min(names, NAME_WIDTH))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", overflow="fold")
    for column in columns:
        figures = column not in ("operator", "shape", "widths")
        table.add_column(column.strip(), justify="right" if figures else "left", no_wrap=True)
    for one in layers:
        table.add_row(one.layer, *(cell for column, cell in cells(one).items() if column in columns))
    console.print(table)
    for line in remarks(comparison, layers):
        console.print(line, soft_wrap=True)


def fitting(width: int) -> list[str]:
    """The columns that there is room for."""
    columns = list(COLUMNS)
    for spare in SPARE:
        if sum(COLUMNS[column] for column in columns) > width:
            columns.remove(spare)
    return columns


def cells(one: LayerLoss) -> dict[str, str]:
    """Every column of a row but the layer's name."""
    figures = (one.alone_db, one.alone_cosine, one.accumulated_db, one.accumulated_cosine)
    shown = ["-" if value is None else f"{value:.{n}f}" for value, n in zip(figures, (1, 5, 1, 5), strict=True)]
    texts = [one.op, "x".join(map(str, one.shape)), one.widths, *shown]
    return dict(zip(COLUMNS, texts, strict=True))


def remarks(comparison: LayerComparison, layers: Sequence[LayerLoss]) -> list[str]:
    """Sentences for below the table."""
    lines = []
    if any(one.alone_db is None for one in layers):
        others = ", or its own or an input's float tensor is not known" if comparison.unmatched else ""
        lines.append(f"-: the layer only moves numbers{others}")
    if (steepest := comparison.steepest()) is not None and steepest.fall_db > 0:
        lines.append(
            f"the accumulated SQNR falls most at {steepest.layer}: "
            f"from {steepest.entering_db:.1f} to {steepest.accumulated_db:.1f} dB"
        )
    if comparison.unmatched:
        names = ", ".join(comparison.unmatched)
        lines.append(f"not compared, since the float model has no tensor of their name: {names}")
    said = "yes" if comparison.equals_reference else "no"
    lines.append(f"artifact ({comparison.isa}) equals its integer reference on these samples: {said}")
    return lines
