"""The command line as users have it: a process of its own, or the same `main` called here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS, Command
from support.forks import run_command

import dyadic
from dyadic.compiler.select import search


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """`command("run", ...)` in an empty folder."""
    return lambda *words: run_command([*map(str, words)], tmp_path, environment())


@pytest.fixture
def started_anew(tmp_path: Path) -> Command:
    """The same, as users start it."""

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "dyadic", *map(str, words)]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False)

    return run


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("DYADIC_")}


@pytest.fixture(scope="session")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few samples: enough for a test."""
    path = tmp_path_factory.mktemp("data") / "few.npz"
    data = np.load(DIGITS / "train.npz")
    np.savez(path, image=data["image"][:64], labels=data["labels"][:64])
    return path


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory, calibration: Path) -> Path:
    """The example network, compiled for any x86-64."""
    path = tmp_path_factory.mktemp("artifact") / "digits.dyq"
    dyadic.compile(DIGITS / "digits.onnx", calibration, isa=("x86-64",), measure=False).save(path)
    return path


@pytest.fixture(scope="module")
def short_fronts() -> Iterator[None]:
    """A search compares few plans."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FRONT_POINTS", 4)
        yield
