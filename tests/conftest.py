"""Tests keep nothing in the user's cache, and find nothing there."""

import os
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder() -> Iterator[None]:
    """For the commands, too, that tests start."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.delenv("DYADIC_CACHE", raising=False)
        patch.setenv("XDG_CACHE_HOME", os.path.join(folder, "cache"))
        yield
