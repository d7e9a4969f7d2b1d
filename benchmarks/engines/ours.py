"""Ours, with default options."""

from pathlib import Path

import dyadic
from benchmarks.engines import INPUT, OUTPUT, Run, Source

PACKAGES = ("dyadic",)
SUFFIX = ".dyq"


def build(source: Source, file: Path) -> None:
    dyadic.compile(str(source.onnx), {INPUT: source.calibration}, isa=source.levels).save(file)


def open(file: Path, batch: int, threads: int, level: str) -> Run:
    session = dyadic.load(file, threads=threads, max_batch=batch, isa=level)
    return lambda images: session.run([OUTPUT], {INPUT: images})[0]
