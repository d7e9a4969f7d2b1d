"""Keeps the PTX of every kernel that tests compile: `pytest -p benchmarks.gpu.written`, for `benchmarks.gpu.spills`.

The variable GPU_WRITTEN names a folder, into which each text is put once.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from dyadic.compiler.targets.cuda import codegen

FOLDER = "GPU_WRITTEN"


def pytest_sessionstart(session: pytest.Session) -> None:
    plain, folder = codegen.joined, Path(os.environ[FOLDER])

    def kept(texts: Sequence[str]) -> str:
        for text in texts:
            path = folder / hashlib.sha256(text.encode()).hexdigest()[:24]
            if not path.exists():
                path.write_text(text)
        return plain(texts)

    codegen.joined = kept
