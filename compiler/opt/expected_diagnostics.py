"""`// expected-error @+1 {{part of the message}}`, as in MLIR's own tests.

Errors and expectations must be the same set. `@+N`, `@-N`, `@above`, `@below` or nothing say the line; an error located
at the user's name instead of a line of the file is met by an expectation anywhere.
"""

import re
from dataclasses import dataclass

from torch_mlir import ir

EXPECTED = re.compile(r"//\s*expected-error\s*(?:@(above|below|unknown|[+-]\d+))?\s*\{\{(.*?)\}\}")


@dataclass
class Expectation:
    line: int
    text: str
    met: bool = False


def expectations(source: str) -> list[Expectation]:
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        for place, text in EXPECTED.findall(line):
            offset = {"above": -1, "below": 1, "unknown": 0, "": 0}.get(place)
            found.append(Expectation(number + (int(place) if offset is None else offset), text))
    return found


def unexpected(source: str, errors: list[ir.DiagnosticInfo], sentence: str) -> list[str]:
    """What differs, one complaint each. `sentence` is the error of a pass that raised instead of reporting on an op."""
    expected = expectations(source)
    complaints = []
    seen = [(line_of(error.location), error.message) for error in errors]
    if sentence and not errors:
        seen.append((None, sentence.strip()))
    for line, message in seen:
        for one in expected:
            if not one.met and one.text in message and line in (None, one.line):
                one.met = True
                break
        else:
            complaints.append(f"error: unexpected error{f' in line {line}' if line else ''}: {message}")
    return complaints + [
        f"error: line {one.line}: expected error was not produced: {one.text}" for one in expected if not one.met
    ]


def line_of(location: ir.Location) -> int | None:
    while isinstance(location, ir.FusedLoc):
        location = location.locations[0]
    return location.start_line if isinstance(location, ir.FileLineColLoc) else None
