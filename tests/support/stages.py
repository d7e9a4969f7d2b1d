"""The compiler up to a stage, for tests of what comes there."""

from typing import Any

from torch_mlir import ir

from dyadic.compiler import driver
from dyadic.compiler.calibrated import Calibrated
from dyadic.compiler.compiled import Compiled
from dyadic.compiler.driver import build_artifact, calibrated_network
from dyadic.compiler.job import Job
from dyadic.compiler.tools import Look, Tools, look_away


def calibrated(model: object, data: object, **options: Any) -> Calibrated:
    """The network with its ranges."""
    job = Job(model, data, **options)
    return calibrated_network(job, Tools.of(job))


def compiled(model: object, data: object, look: Look = look_away, **options: Any) -> Compiled:
    """All of it, unmeasured."""
    job = Job(model, data, **options)
    return build_artifact(job, Tools.of(job, look))


def network_after(stage: str, model: object, data: object, **options: Any) -> ir.Operation:
    """The IR as it is there."""
    return driver.network_after(stage, Job(model, data, **options))
