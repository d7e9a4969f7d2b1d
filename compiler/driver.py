"""The whole compiler on one page: the stages, in order. Read this first, then `passes/__init__.py`.

`compile` is what `dyadic.compile` and the command line call.
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch_mlir import ir

from dyadic.compiler import knobs
from dyadic.compiler.artifact import Artifact
from dyadic.compiler.calibrate import calibrate, model_inputs
from dyadic.compiler.calibrate.beside import SamplesBeside
from dyadic.compiler.calibrate.data import Samples
from dyadic.compiler.calibrate.screening import CalibrationSamples
from dyadic.compiler.command_line import compile_command
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.measure.account import layers
from dyadic.compiler.measure.measurements import measure
from dyadic.compiler.options import (
    ObserverName,
    Options,
    Precision,
    ProgressStyle,
    SensitivityName,
    SolverName,
    TechniqueName,
    TuneMode,
    seconds_of,
)
from dyadic.compiler.progress import Progress, make_progress
from dyadic.compiler.quality.comparison import Comparison
from dyadic.compiler.quality.evaluator import BATCH, Evaluator
from dyadic.compiler.quality.float_engine import Engine, make_engine
from dyadic.compiler.quality.metric import Function, load_metric
from dyadic.compiler.refine import TECHNIQUES, Refined, refine
from dyadic.compiler.refine.equalization import Equalized, Equalizer
from dyadic.compiler.select.stage import Selection, select
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.targets.target import Effort
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.trace import Trace, run_passes
from dyadic.compiler.tune import tune
from dyadic.compiler.widths.decisions import Decisions, write
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.dialects import new_context
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.passes import PIPELINE, STAGES, usual
from dyadic.passes.prepare.equalize_layers import equalize_layers
from dyadic.passes.rewriting import Pass
from dyadic.runtime.errors import UsageError
from dyadic.runtime.session import threads_for

if TYPE_CHECKING:
    import torch


class Flow:
    """One model on its way through the stages; each stage is the method of its name."""

    def __init__(
        self, model: object, calibration: object, evaluate: object, examples: object, options: Options
    ) -> None:
        self.model, self.calibration, self.evaluate, self.examples = model, calibration, evaluate, examples
        self.options = options
        self.target = target_of(options.target)
        self.metric = None if options.metric is None else load_metric(options.metric)
        if self.metric is not None and evaluate is None:
            raise UsageError("--metric judges the answers to --evaluate data, samples that calibration has not seen")
        self.progress: Progress = make_progress(options.progress)
        self.cache = Cache(knobs.cache_folder(), self.progress.warn)
        self.trace = Trace(options.trace or knobs.trace_folder())
        self.context = new_context()
        self.seconds: dict[str, float] = {}
        self.refined = Refined()
        self.equalized: Equalized | None = None
        limit = options.time_limit
        self.deadline = None if limit is None else time.monotonic() + seconds_of(limit)
        self._evaluator: Evaluator | None = None
        self.best_plan: dict[str, str] = {}  # of a search that did not end, by layer
        self.module: ir.Module
        self.samples: CalibrationSamples
        self.artifact: Artifact

    def run(self, until: str = "emit") -> Flow:
        """Every stage up to and with `until`."""
        for stage in STAGES[: STAGES.index(until) + 1]:
            start = time.perf_counter()
            with self.context:
                getattr(self, f"stage_{stage}")()
            self.seconds[stage] = round(time.perf_counter() - start, 3)
        return self

    # --- the stages

    def stage_import(self) -> None:
        """The user's file or module, as torch-mlir's importers see it."""
        with self.progress.stage("import"):
            self.module = read(self.model, self.examples, self.options.shape, self.context)
        self.trace.page(self.module.operation, "import", "module")

    def stage_ingest(self) -> None:
        """`qd`, or everything that is not supported."""
        self.passes("ingest")

    def stage_prepare(self) -> None:
        """A regular float graph."""
        self.passes("prepare", usual("prepare"))

    def stage_calibrate(self) -> None:
        """The range of every tensor."""
        if self.calibration is None:
            raise UsageError(
                "calibration data is needed to learn ranges from: a .npz file, arrays or an iterable of them"
            )
        inputs = model_inputs(self.module)
        self.samples = CalibrationSamples(self.calibration, inputs, screen=self.options.observer != "min-max")
        if self.options.resume and self.cache.folder is None:
            raise UsageError(
                "what a search found out is kept in the cache, which DYADIC_CACHE switches off: no --resume"
            )
        if "drop" in self.options.limits and self.evaluate is None:
            raise UsageError("--max-drop is judged on --evaluate data, samples that calibration has not seen")
        if self.evaluate is not None:  # whatever is wrong with it is said before the long work
            beside = None if self.metric is None else SamplesBeside(self.evaluate, inputs)
            self.evaluation = beside or Samples(self.evaluate, inputs, "evaluation data", labels=True)
            if self.evaluation.once and (self.precision != "int8" or self.metric is not None):
                raise UsageError(
                    "evaluation data that can be read only once serves int8 without a metric alone: else float, int8 "
                    "and what is chosen answer it in turn; give a file, arrays or a list"
                )
        if self.metric is not None:
            with self.progress.stage("metric"):
                self.evaluator()
        calibrate(self.module, self.samples, self.options.observer, self.progress, self.cache)
        self.trace.page(self.module.operation, "calibrate", self.options.observer)

    def stage_select(self) -> None:
        """The width of every tensor."""
        self.undecided = self.module.operation.clone()
        self.equalizer = Equalizer(self.undecided, self.samples, self.options.observer, self.cache)
        self.selection = select(self)
        write(self.module, self.selection.points, self.selection.decisions, self.selection.why)
        take_ranges_of_widths(self.module)
        self.trace.page(self.module.operation, "select", self.options.precision)

    def stage_refine(self) -> None:
        """Weights and scales that suit the widths."""
        self.equalize()
        wanted = [name for name in TECHNIQUES if name not in self.options.without]
        self.refined = refine(self.module, self.samples, self.progress, wanted, self.cache, None, self.trace)
        for note in self.refined.notes:
            self.progress.warn(note)
        self.floating = self.module.operation.clone()

    def stage_integerize(self) -> None:
        """`qi`: from here on, nothing changes a bit."""
        self.passes("integerize")
        self.integer = self.module.operation.clone()

    def stage_lower(self) -> None:
        """Memory and kernels; which ones are fastest here, if that is asked for."""
        self.passes("lower", self.target.pipeline)
        self.tuned = None if self.options.tune == "off" else self.tune(self.options.tune)

    def stage_emit(self) -> None:
        """Machine code, its certificate, and the artifact around them."""
        with self.progress.stage("emit"):
            emitted = self.target.emit(self.module, self.options.levels, self.integer, self.cache)
        certificate = self.target.certify(self.integer, emitted)
        if certificate.offenders:
            raise RuntimeError(f"the generated code is {certificate.summary()}")
        asked = self.selection.decisions.islands(self.selection.points)
        if wrong := {*certificate.islands} ^ {*asked}:
            raise RuntimeError(f"not those layers stayed float that were to: {', '.join(sorted(wrong))}")
        self.artifact = Artifact(emitted, certificate, self.made(), self.report())
        self.artifact.report["certificate"] = certificate.summary()
        self.artifact.report["layers"] = layers(self, self.selection)

    # --- what they share

    def equalize(self) -> None:
        """Where it helps, another network with the same meaning."""
        schemes, why, without = self.selection.applied, self.selection.why, self.options.without
        if equalize_layers.name not in without:
            twin, self.equalized = self.equalizer.attempt(schemes, why)
            self.module = twin or self.module

    def branch(self, points: Points, decisions: Decisions, levels: tuple[str, ...], *, refine: bool = True) -> Flow:
        """The same network with other widths, through the stages behind select. It says nothing on the way."""
        other = copy.copy(self)
        other.options = replace(self.options, isa=levels, tune="off")
        other.progress, other.trace, other.seconds = Progress(), Trace(), {}
        other.refined, other.equalized = Refined(), None
        with self.context:
            other.module = self.undecided.clone()
            other.selection = Selection(points, decisions, {}, dict.fromkeys(points.result_of, "tried"))
            write(other.module, points, decisions, other.selection.why)
            take_ranges_of_widths(other.module)
            for stage in STAGES[STAGES.index("refine") :]:
                if stage != "refine" or refine:
                    getattr(other, f"stage_{stage}")()
        return other

    def again(self, **changed: Any) -> str:
        """This compile as one would type it, with some options changed."""
        return compile_command(*self.files, replace(self.options, **changed))

    @property
    def files(self) -> tuple[str, str, str | None]:
        """Model, calibration and evaluation data by file name; a stand-in for what is no file, None for what is not."""

        def name(given: object, otherwise: str) -> str:
            return os.path.basename(given) if isinstance(given, str | os.PathLike) else otherwise

        evaluate = None if self.evaluate is None else name(self.evaluate, "LABELLED.npz")
        return name(self.model, "MODEL.onnx"), name(self.calibration, "DATA.npz"), evaluate

    def calibration_samples(self) -> Samples:
        """The calibration data once more, with labels where they are given: classes, where no metric takes them for
        something else."""
        labels = self.metric is None
        if self.samples.total is None:
            return Samples(self.samples.first, self.samples.inputs, labels=labels)
        return CalibrationSamples(self.calibration, self.samples.inputs, screen=self.samples.screen, labels=labels)

    def evaluator(self) -> Evaluator:
        """Float's answers to the evaluation data, made once."""
        if self._evaluator is None:
            outputs = boundary_names(main_function(self.module))[1]
            self._evaluator = Evaluator(self.engine(), self.evaluation, BATCH, self.metric, outputs)
        return self._evaluator

    def engine(self, threads: int | None = None) -> Engine:
        """What runs the user's own float model."""
        return make_engine(self.model, threads or self.options.threads or len(os.sched_getaffinity(0)))

    def compare(self) -> Comparison:
        """Float and int8 side by side, for the report too: on the evaluation data, or on some of the calibration's."""
        return measure(self)

    def tune(self, effort: Effort) -> Tuned:
        """For the best level that this machine runs, and as many threads as a session would have; kept if it pays."""
        level = self.target.choose(self.options.levels)
        threads = self.options.threads or threads_for(self.target.work(self.module))
        batch = self.options.batch
        self.module, tuned = tune(
            self.target, self.module, self.integer, level, effort, threads, batch, self.cache, self.progress
        )
        self.trace.page(self.module.operation, "lower", "tune")
        return tuned

    def passes(self, folder: str, chosen: tuple[Pass, ...] | None = None) -> None:
        """Those of a folder, or some of them."""
        stage, chosen = folder.partition("/")[0], PIPELINE[folder] if chosen is None else chosen
        with self.progress.stage(stage, len(chosen)) as advance:
            for one in chosen:
                run_passes(self.module.operation, [one], stage, self.trace)
                advance()

    def made(self) -> dict[str, Any]:
        """How the artifact was made: versions, options, hashes of model and data; no paths."""
        packages = ("dyadic", "torch-mlir", "llvmlite", "numpy", "torch", "onnx")
        settings = {k: v for k, v in vars(self.options).items() if k not in ("trace", "progress", "emit_plan")}
        settings["precision"] = self.precision
        settings["plan"] = None if self.options.plan is None else source(self.options.plan)
        settings["metric"] = None if self.metric is None else self.metric.record
        return {
            "versions": {name: version(name) for name in packages},
            "options": settings | {"levels": list(self.options.levels)},
            "model": source(self.model),
            "calibration": source(self.calibration) | {"samples": self.samples.seen},
            "equalized": self.equalized.way if self.equalized is not None and self.equalized.kept else None,
        }

    @property
    def precision(self) -> str:
        """What was asked for; mixed if layers may differ."""
        options = self.options
        return "mixed" if options.mixed or options.plan or options.keep or options.exclude else options.precision

    def report(self) -> dict[str, Any]:
        said = {"model": source(self.model)["name"], "precision": self.precision, "seconds": self.seconds}
        if self.tuned is not None:
            said["tune"] = self.tuned.to_json()
        if self.refined.gains:
            said["refine"] = [asdict(gain) for gain in self.refined.gains]
        if self.equalized is not None:
            said["equalized"] = asdict(self.equalized)
        return said


def read(model: Any, examples: Any, shapes: Mapping[str, tuple[int, ...]] | None, context: ir.Context) -> ir.Module:
    """Import a file or a module; torch and onnx are loaded for their own models only."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from dyadic.compiler.importers.torch import import_torch

        if examples is None:
            raise UsageError("a torch module needs example_inputs, as in compile(module, example_inputs=(x,))")
        return import_torch(model, examples, context)
    from onnx import ModelProto

    from dyadic.compiler.importers.onnx import import_onnx

    if not isinstance(model, str | os.PathLike | bytes | ModelProto):
        raise UsageError(f"a model is an ONNX file or a torch.nn.Module, not a {type(model).__name__}")
    return import_onnx(model, context, shapes)


def bytecode(module: ir.Module | ir.Operation) -> bytes:
    file = io.BytesIO()
    module.operation.write_bytecode(file)
    return file.getvalue()


def source(given: object) -> dict[str, Any]:
    """The name and, of a file, the hash of something the user gave."""
    if not isinstance(given, str | os.PathLike):
        return {"name": type(given).__name__}
    with open(given, "rb") as file:
        return {"name": Path(given).name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def compile(
    model: object,
    calibration: object = None,
    *,
    example_inputs: tuple[torch.Tensor, ...] | None = None,
    evaluate: object = None,
    precision: Precision = "int8",
    max_size: str | None = None,
    max_latency: str | None = None,
    max_bops: str | None = None,
    max_drop: str | None = None,
    metric: str | Function | None = None,
    keep: Mapping[str, str] | Iterable[str] = (),
    exclude: Iterable[str] = (),
    without: Iterable[TechniqueName] = (),
    plan: str | os.PathLike[str] | None = None,
    emit_plan: str | os.PathLike[str] | None = None,
    sensitivity: SensitivityName = "fisher",
    solver: SolverName = "auto",
    compare_sensitivities: bool = False,
    compare_plans: int = 0,
    time_limit: str | None = None,
    resume: bool = False,
    strict: bool = False,
    target: str = "cpu",
    isa: tuple[str, ...] | None = None,
    threads: int | None = None,
    batch: int = 1,
    shape: Mapping[str, tuple[int, ...]] | None = None,
    observer: ObserverName = "mse",
    tune: TuneMode = "off",
    trace: Path | None = None,
    progress: ProgressStyle = "off",
) -> Artifact:
    """Compile a trained network to an artifact that computes with integers only, layers of `exclude` apart.

    model: an ONNX file (path, bytes or ModelProto), or a `torch.nn.Module` with `example_inputs`.
    calibration: samples to learn ranges from: a `.npz` file with arrays named as the model's inputs, a `.npy` file,
    arrays, an iterable of arrays, dicts or tuples, or a CalibrationDataReader. evaluate: the same, with `labels`: the
    artifact's accuracy is measured and reported beside float's. metric: another measure in its place, `metric(outputs,
    data) -> float`, larger is better: `outputs` by the names of the model's outputs, `data` what of `evaluate` is no
    input of the model, both whole; or the text `FILE.py:FUNCTION`. The other keywords are those of `Options`.
    """
    options = Options(
        precision=precision,
        max_size=max_size,
        max_latency=max_latency,
        max_bops=max_bops,
        max_drop=max_drop,
        metric=metric,
        keep=tuple(f"{layer}={scheme}" for layer, scheme in keep.items()) if isinstance(keep, Mapping) else tuple(keep),
        exclude=tuple(exclude),
        without=tuple(without),
        plan=None if plan is None else Path(plan),
        emit_plan=None if emit_plan is None else Path(emit_plan),
        sensitivity=sensitivity,
        solver=solver,
        compare_sensitivities=compare_sensitivities,
        compare_plans=compare_plans,
        time_limit=time_limit,
        resume=resume,
        strict=strict,
        target=target,
        isa=isa,
        threads=threads,
        batch=batch,
        shape=shape,
        observer=observer,
        tune=tune,
        trace=trace,
        progress=progress,
    )
    flow = Flow(model, calibration, evaluate, example_inputs, options).run()
    if evaluate is not None:
        flow.compare()
    return flow.artifact
