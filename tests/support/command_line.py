"""What tests of the command line share."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from dyadic.compiler.report_schema import Report
from dyadic.runtime.artifact import open_artifact

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def report_of(path: Path) -> Report:
    """What a saved artifact says of itself."""
    with open_artifact(path) as file:
        return Report.from_json(file.json("report"), file.path)


Command = Callable[..., subprocess.CompletedProcess[str]]
