"""Where tests keep what they make, from one session to the next: code of kernels, and the executor."""

import os
import tempfile
from pathlib import Path

from dyadic.compiler.knobs import cache_folder

VARIABLE = "DYADIC_TEST_CACHE"


def kept() -> Path:
    """What the variable names, else beside the compiler's own cache."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else (cache_folder() or Path(tempfile.gettempdir(), "dyadic")) / "tests"
