"""A table before it is HTML or lines in a terminal: columns that have something to say, cells that can be sorted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dyadic.compiler.report_schema import Interval

Row = Any  # a record, or a dict where a table has rows of its own


@dataclass(frozen=True)
class Cell:
    """`value` is what was given, to sort by and to copy; `share` from 0 to 1 is the length of a bar beside the text."""

    text: str
    value: str | int | float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Column:
    """How to find a cell of this column in a row; `kind` is how it is set: number, text, name or code."""

    title: str
    key: str | Callable[[Row], Any]
    show: Callable[[Any], str] = str
    kind: str = "number"
    bar: bool = False  # of the column's largest
    total: bool = False
    about: str = ""
    more: bool = False  # in a second line of the row, which a reader opens
    bits: Callable[[Any], int] | None = None  # the width that a value stands for, shown as a colour

    def value(self, row: Row) -> Any:
        if callable(self.key):
            return self.key(row)
        return row.get(self.key) if isinstance(row, Mapping) else getattr(row, self.key)


@dataclass(frozen=True)
class Table:
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    marked: frozenset[int] = frozenset()  # rows to set off from the others
    folded: bool | None = None  # whether it is closed at first; None where it cannot be


def table(
    caption: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    marked: Callable[[Row], bool] = lambda row: False,
    folded: bool | None = None,
) -> Table | None:
    """The columns for which some row has a value; None where there is no row or no column."""
    used = [one for one in columns if any(one.value(row) is not None for row in rows)]
    if not rows or not used:
        return None
    body = list(zip(*(column_cells(one, rows) for one in used), strict=True))
    return Table(
        caption,
        tuple(used),
        tuple(body),
        total_cells(used, rows),
        frozenset(i for i, row in enumerate(rows) if marked(row)),
        folded,
    )


def column_cells(column: Column, rows: Sequence[Row]) -> list[Cell]:
    values = [column.value(row) for row in rows]
    cells = [Cell("" if value is None else column.show(value), sortable(value)) for value in values]
    if not column.bar:
        return cells
    numbers = [abs(cell.value) if isinstance(cell.value, int | float) else 0.0 for cell in cells]
    most = max(numbers)
    return [replace(cell, share=n / most) if most > 0 else cell for cell, n in zip(cells, numbers, strict=True)]


def sortable(value: Any) -> str | int | float | None:
    """The one number or text that a cell is sorted by."""
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, Interval):
        return value.value
    return sortable(value[0]) if len(value) else None


def total_cells(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Cell, ...]:
    """The last row, of a table in which something can be added up."""
    if len(rows) < 2 or not any(column.total for column in columns):
        return ()
    cells = []
    for column in columns:
        values = [column.value(row) for row in rows] if column.total else []
        numbers = [value for value in values if isinstance(value, int | float)]
        cells.append(Cell(column.show(sum(numbers)), sum(numbers)) if numbers else Cell(""))
    return (Cell("total"), *cells[1:])
