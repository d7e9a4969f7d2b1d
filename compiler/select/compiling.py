"""What choosing widths asks of the compile that it is part of (`driver.Flow`): the network, and trials of others."""

from __future__ import annotations

from typing import Any, Protocol

from dyadic.compiler.artifact import Artifact
from dyadic.compiler.calibrate.data import Samples
from dyadic.compiler.calibrate.screening import CalibrationSamples
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.options import Options
from dyadic.compiler.progress import Progress
from dyadic.compiler.quality.evaluator import Evaluator
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.quality.metric import Metric
from dyadic.compiler.refine import Refined
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.widths.points import Points


class Compiling(Protocol):
    """A calibrated compile."""

    options: Options
    module: Any  # ir.Module: `qd` before lowering, launches after it
    floating: Any  # `qd` with everything that is decided
    integer: Any  # `qi`
    context: Any  # of both
    selection: Any  # stage.Selection
    progress: Progress
    cache: Cache
    artifact: Artifact
    refined: Refined
    samples: CalibrationSamples
    evaluate: object  # as the user gave it, None where there is none
    evaluation: Samples
    best_plan: dict[str, str]  # so far, for whoever interrupts
    metric: Metric | None  # the user's own, in the place of accuracy
    deadline: float | None  # of the search, in the seconds of `time.monotonic`

    def branch(self, points: Points, decisions: Decisions, levels: tuple[str, ...], *, refine: bool = True) -> Any:
        """The same network with other widths, compiled: another `Compiling`."""
        ...

    def engine(self, threads: int | None = None) -> Engine:
        """What runs the float model."""
        ...

    @property
    def files(self) -> tuple[str, str, str | None]:
        """Names of model, calibration and evaluation data."""
        ...

    def again(self, **changed: Any) -> str:
        """This compile as one would type it, with some options changed."""
        ...

    def calibration_samples(self) -> Samples:
        """With labels where they are given."""
        ...

    def evaluator(self) -> Evaluator:
        """On the evaluation data."""
        ...
