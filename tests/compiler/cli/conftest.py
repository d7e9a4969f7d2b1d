"""The command line as users have it: a process of its own, or the same `main` called here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS, Command

import dyadic
from dyadic.compiler import cost
from dyadic.compiler.measure import variants
from dyadic.compiler.quality import comparison
from dyadic.compiler.select import search


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """`command("run", ...)` in an empty folder."""

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DYADIC_")}
        line = [sys.executable, "-m", "dyadic", *map(str, words)]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)

    return run


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
def quick_measurements() -> Iterator[None]:
    """Times are measured, but not well."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (cost, "ROUNDS", 2), (cost, "SECONDS", 0.0), (variants, "SECONDS", 0.0), (variants, "LEAST_ROUNDS", 2),
            (comparison, "TIMING_SECONDS", 0.05), (search, "FRONT_POINTS", 4),
        ):  # fmt: skip
            patch.setattr(module, name, value)
        yield
