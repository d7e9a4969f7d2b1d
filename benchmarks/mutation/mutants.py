"""Small faults: one change of a few characters at one place of a file.

The changes are those that mutation testing usually makes: another operator, a number off by one, a condition turned
around, a statement left out. What only speaks to people, and annotations, stay as they are. The rest of the file keeps
its lines and columns, so a mutant is named by its place.
"""

import ast
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BINARY: dict[type, tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*"), ast.Div: ("/", "*"),
    ast.Mod: ("%", "//"), ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"), ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}  # fmt: skip
COMPARE: dict[type, tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"), ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """`old` at `line` (from 1) and `column` (from 0, in characters) of `file` becomes `new`."""

    file: str
    line: int
    column: int
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Raises ValueError where `old` is not there."""
        lines = text.splitlines(keepends=True)
        at = sum(map(len, lines[: self.line - 1])) + self.column
        if not text.startswith(self.old, at):
            raise ValueError(f"{self}: not in this file")
        return text[:at] + self.new + text[at + len(self.old) :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.old} -> {self.new}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def mutants(file: Path, root: Path) -> list[Mutant]:
    """All of a file, in its order."""
    text = file.read_text(encoding="utf-8")
    finder = _Finder(str(file.relative_to(root)), text)
    finder.visit(ast.parse(text))
    return sorted(set(finder.found), key=lambda one: (one.line, one.column, one.new))


class _Finder(ast.NodeVisitor):
    def __init__(self, file: str, text: str) -> None:
        self.file, self.text, self.found = file, text, list[Mutant]()
        self.lines = text.splitlines(keepends=True)
        self.starts = [sum(map(len, self.lines[:i])) for i in range(len(self.lines) + 1)]

    def place(self, line: int, column_bytes: int) -> int:
        """Characters before a place that `ast` names in bytes."""
        return self.starts[line - 1] + len(self.lines[line - 1].encode()[:column_bytes].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.place(node.lineno, node.col_offset), self.place(node.end_lineno, node.end_col_offset)

    def add(self, start: int, old: str, new: str) -> None:
        line = sum(1 for begin in self.starts[1:] if begin <= start) + 1
        self.found.append(Mutant(self.file, line, start - self.starts[line - 1], old, new))

    def between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        """An operator, perhaps beside brackets, between two operands."""
        start, end = self.span(left)[1], self.span(right)[0]
        at = self.text.find(old, start, end)
        if at >= 0:
            self.add(at, old, new)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        texts = [part for part in (node.left, node.right) if isinstance(part, ast.Constant | ast.JoinedStr)]
        if type(node.op) in BINARY and not any(isinstance(getattr(one, "value", ""), str) for one in texts):
            self.between(node.left, node.right, *BINARY[type(node.op)])
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            if type(op) in COMPARE:
                self.between(left, right, *COMPARE[type(op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, old, new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        start, end = self.span(node)
        if isinstance(node.op, ast.Not | ast.USub) and "\n" not in self.text[start:end]:
            self.add(start, self.text[start:end], self.text[slice(*self.span(node.operand))])
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        start, end = self.span(node)
        if isinstance(node.value, bool):
            self.add(start, str(node.value), str(not node.value))
        elif isinstance(node.value, int):
            self.add(start, self.text[start:end], str(node.value + 1))

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in NAMES:
            self.add(self.span(node.func)[0], node.func.id, NAMES[node.func.id])
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        start, end = self.span(node.test)
        if "TYPE_CHECKING" in self.text[start:end]:
            return
        if "\n" not in self.text[start:end]:
            self.add(start, self.text[start:end], f"not ({self.text[start:end]})")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        start, end = self.span(node)
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call) and "\n" not in self.text[start:end]:
            self.add(start, self.text[start:end], "pass")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None), *node.body):
            self.visit(part)

    def visit_Raise(self, node: ast.Raise) -> None:
        """A sentence for people."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """The same."""


def every(root: Path, folders: tuple[str, ...]) -> Iterator[Mutant]:
    """Of all files in folders, in order."""
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            yield from mutants(file, root)
