"""Who is measured. Each engine is a module with `PACKAGES`, `SUFFIX`, `build` and `open`; `FILES` lists them.

`build(source, file)` makes the engine's own 8-bit model as its documentation says; `open(file, batch, threads, level)`
gives a function from images to logits. Engines are imported in child processes, so that none meets another's settings.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

Images = npt.NDArray[Any]  # float32, or token numbers
Run = Callable[[Images], npt.NDArray[Any]]
INPUT, OUTPUT = "x", "logits"
OURS = "dyadic"
TREE = Path(__file__).resolve().parents[2]  # where `python -m benchmarks` works
FILES = {
    OURS: "ours",
    "onnxruntime": "onnx_runtime",
    "openvino": "openvino_nncf",
    "litert": "litert",
}


class Missing(Exception):
    """The engine, or what makes its models, is not installed."""


@dataclass(frozen=True)
class Source:
    """A network in float, as all engines get it, and the images that they calibrate on.

    `levels` are what ours holds code for; None is its default, all levels of this machine. Some engines want to be told
    that a network is a transformer.
    """

    network: str
    onnx: Path
    calibration: Images
    levels: tuple[str, ...] | None = None
    transformer: bool = False


class Engine(Protocol):
    PACKAGES: tuple[str, ...]  # what must be installed to run a model; the first one's version is reported
    SUFFIX: str

    def build(self, source: Source, file: Path) -> None: ...
    def open(self, file: Path, batch: int, threads: int, level: str) -> Run: ...


def engine(name: str) -> Engine:
    """The module of an engine.

    Raises:
        Missing: a package that it needs is not there.
    """
    found: Any = importlib.import_module(f"benchmarks.engines.{FILES[name]}")
    release(found.PACKAGES)
    return found


def release(packages: tuple[str, ...]) -> str:
    """The version of the first of them, when all are installed."""
    for package in packages:
        try:
            version(package)
        except PackageNotFoundError as error:
            raise Missing(f"{package} is not installed") from error
    return version(packages[0])
