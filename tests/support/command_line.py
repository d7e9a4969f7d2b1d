"""What tests of the command line share."""

import subprocess
from collections.abc import Callable
from pathlib import Path

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
Command = Callable[..., subprocess.CompletedProcess[str]]
