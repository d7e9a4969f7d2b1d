"""The fixture `gpu`, for the `conftest.py` of every folder whose tests run kernels."""

import os
from pathlib import Path

import pytest
from support.ptx import build
from support.ptx.gpu import Gpu


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    """A device that starts anew with every `run` and every `start`."""
    folder = os.environ.get("DYADIC_TEST_CACHE") or os.environ["XDG_CACHE_HOME"]
    library = build.executor(Path(folder))
    if library is None:
        pytest.skip("NOT TESTED: the PTX executor needs a C++ compiler (g++, clang++, $CXX or ziglang)")
    return Gpu(library)
