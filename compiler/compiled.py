"""A compile that is done: the artifact, and all that it was made of, for whoever measures it."""

from dataclasses import dataclass

from dyadic.compiler.artifact import Artifact
from dyadic.compiler.built import Build, Built
from dyadic.compiler.calibrated import Calibrated
from dyadic.compiler.job import Job
from dyadic.compiler.select.stage import Selection


@dataclass(frozen=True, eq=False)
class Compiled:
    """`build` compiles other plans of the same network, to compare with."""

    job: Job
    calibrated: Calibrated
    selection: Selection
    built: Built
    build: Build
    artifact: Artifact
