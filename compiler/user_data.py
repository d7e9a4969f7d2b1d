"""The user's samples, opened and checked before anything takes long."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from torch_mlir import ir

from dyadic.compiler.calibrate import model_inputs
from dyadic.compiler.calibrate.beside import SamplesBeside
from dyadic.compiler.calibrate.data import LABELS, Input, Samples
from dyadic.compiler.calibrate.given import not_given, stand_ins
from dyadic.compiler.calibrate.made import MadeSamples
from dyadic.compiler.calibrate.screening import CalibrationSamples
from dyadic.compiler.datafree.assumed import Bounds
from dyadic.compiler.datafree.samples import made_samples
from dyadic.compiler.job import Job
from dyadic.compiler.pixel_inputs import pixel_axes
from dyadic.compiler.quality.evaluator import BATCH, Evaluator
from dyadic.compiler.quality.float_engine import Engine, Interface, make_engine
from dyadic.compiler.quality.metric import Metric
from dyadic.compiler.tools import Tools
from dyadic.compiler.user_pictures import pictures_of, read_from
from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.dialects.tensor_types import shape
from dyadic.passes.integerize.quantization import anything_given
from dyadic.runtime.errors import UsageError
from dyadic.runtime.pictures import Pictures
from dyadic.runtime.wording import did_you_mean


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Samples that calibration has not seen, and the measure: accuracy, or the user's own."""

    source: object  # as `Samples` reads it
    samples: Samples
    metric: Metric | None
    outputs: tuple[str, ...]  # of the model
    engine: Callable[[], Engine]

    @cached_property
    def evaluator(self) -> Evaluator:
        """Float's answers, made once, when they are first asked for."""
        return Evaluator(self.engine(), self.samples, BATCH, self.metric, self.outputs)


@dataclass(frozen=True, eq=False)
class Data:
    """`calibration` samples, and what is to be judged on. `classes` is how many the network tells apart, None where its
    first output is no row of them."""

    job: Job
    learned_from: object  # as `Samples` reads it
    calibration: CalibrationSamples
    evaluation: Evaluation | None
    classes: int | None
    interface: Interface = field(default_factory=Interface)
    pictures: Pictures | None = None  # what is made of images

    @property
    def pixels(self) -> str:
        """The input that was said to be made of pixels."""
        return "" if self.pictures is None else self.pictures.target.name

    def labelled_calibration(self) -> Samples:
        """The calibration data once more, with labels where they are given: classes, where no metric takes them for
        something else."""
        given, labels = self.calibration, self.job.metric is None
        if isinstance(given, MadeSamples):
            return given
        if given.total is None:
            return Samples(given.first, given.inputs, labels=labels, classes=self.classes)
        return CalibrationSamples(
            self.learned_from,
            given.inputs,
            screen=given.screen,
            labels=labels,
            classes=self.classes,
            pictures=self.pictures,
        )

    def engine(self, threads: int | None = None) -> Engine:
        """What runs the user's own float model."""
        threads = threads or self.job.threads or len(os.sched_getaffinity(0))
        return make_engine(self.job.model, threads, self.job.example_inputs or (), self.interface)


def open_data(job: Job, metric: Metric | None, module: ir.Module, tools: Tools) -> Data:
    """Whatever is wrong with data is said here, before the long work.

    Raises:
        FileError: a file is missing or cannot be read.
        UsageError: data do not fit the model, or labels are no classes of it.
    """
    if job.resume and tools.cache.folder is None:
        raise UsageError(
            "what a search found out is kept in the cache, which DYADIC_CACHE switches off: leave --resume out"
        )
    inputs, outputs = model_inputs(module), boundary_names(main_function(module))[1]
    classes = classes_of(module)
    pictures = pictures_of(job, inputs, pixel_axes(module))
    if pictures is not None:
        tools.progress.note(f"preprocess: {pictures.preprocess}")
    learned_from = job.calibration
    if learned_from is None:
        learned_from = instead_of_samples(module.operation)
    elif not job.without_data:
        learned_from = read_from(learned_from, job, inputs, "calibration data", pictures, classes, tools.progress)
    if job.without_data:
        bounds = bounds_of(pictures) | ranges_of(job, inputs, pictures)
        calibration: CalibrationSamples = (made := made_samples(module, bounds))
        tools.progress.note(made.assumed)
    else:
        calibration = CalibrationSamples(learned_from, inputs, screen=job.observer != "min-max", pictures=pictures)
    data = Data(job, learned_from, calibration, None, classes, interface(job, module), pictures)
    if job.evaluate is None:
        return data
    judged_on = read_from(job.evaluate, job, inputs, "evaluation data", pictures, classes, tools.progress)
    if metric is not None:
        samples: Samples = SamplesBeside(judged_on, inputs, pictures=pictures)
    else:
        samples = Samples(judged_on, inputs, "evaluation data", labels=True, classes=classes, pictures=pictures)
    if samples.once and (job.layers_differ or job.precision != "int8" or metric is not None):
        raise UsageError(
            "evaluation data that can be read only once serves int8 without a metric alone: else float, int8 "
            "and what is chosen answer it in turn; give a file, arrays or a list"
        )
    evaluation = Evaluation(judged_on, samples, metric, tuple(outputs), data.engine)
    if metric is not None:
        with tools.progress.stage("metric"):
            evaluation.evaluator  # noqa: B018  (float answers now, and the metric is asked once)
    elif not samples.once:
        # counts, shapes, numbers and labels are checked as they go by
        labelled = [LABELS in feeds for feeds in samples]
        if classes is not None and not any(labelled):
            tools.progress.note(
                f"{samples.what} has no labels: what is told is how often integers and float name the same class"
            )
    return replace(data, evaluation=evaluation)


def ranges_of(job: Job, inputs: Sequence[Input], pictures: Pictures | None) -> dict[str, Bounds]:
    """What `--input-range` says, by input.

    Raises:
        UsageError: the model has no such input, or it is known already what that one holds.
    """
    said = job.input_range or {}
    by_name = {one.name: one for one in inputs}
    for name in said:
        if name not in by_name:
            near = did_you_mean(name, by_name)
            raise UsageError(f'--input-range names "{name}", but the model reads {", ".join(map(str, inputs))}{near}')
        if by_name[name].limits is not None:
            raise UsageError(f'--input-range: "{name}" holds whole numbers, whose range the model itself says')
        if pictures is not None and name == pictures.target.name:
            raise UsageError(f'--input-range: --preprocess says already where "{name}" lies: leave one of them out')
    return {name: Bounds(np.full(1, low), np.full(1, high), "--input-range") for name, (low, high) in said.items()}


def bounds_of(pictures: Pictures | None) -> dict[str, Bounds]:
    """What black and white become, by the input that takes images."""
    if pictures is None:
        return {}
    if pictures.raw:  # the network takes pixels itself
        return {pictures.target.name: Bounds(np.zeros(1), np.full(1, 255.0), "--preprocess")}
    ends = np.array(pictures.preprocess.limits) + 0.0  # of -0, too
    return {pictures.target.name: Bounds(ends.min(0), ends.max(0), "--preprocess")}


def instead_of_samples(module: ir.Operation) -> object:
    """What stands in for calibration data where the model itself says how everything is quantized.

    Raises:
        UsageError: it does not.
    """
    missing = not_given(module)
    if not missing:
        return stand_ins(module)
    said = ""
    if anything_given(module):
        named = ", ".join(f'"{name}"' for name in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        said = f" (the model itself says how tensors are quantized, but not {named}{more})"
    raise UsageError(
        f"--calibration is needed to learn ranges from{said}: a .npz file or a folder of images, in Python also "
        "arrays, an iterable of them or a data set; with --calibration none it is learned from made samples"
    )


def classes_of(module: ir.Module) -> int | None:
    """How many numbers the first output has for each sample, where that is a row of two or more."""
    block = main_function(module).operation.regions[0].blocks[0]
    sizes = shape(block.operations[len(block.operations) - 1].operands[0])
    return sizes[1] if len(sizes) == 2 and sizes[1] > 1 else None


def interface(job: Job, module: ir.Module) -> Interface:
    """What the model's own arrays are; in the network itself the first dimension counts samples."""
    function = main_function(module)
    inputs, outputs = boundary_names(function)
    arguments = [argument_attributes(function, i) for i in range(len(inputs))]
    results = [argument_attributes(function, i, RESULTS) for i in range(len(outputs))]
    axes = pixel_axes(module)
    pictures = pictures_of(job, model_inputs(module), axes) if axes else None
    fixed = {name: each[qd.FIXED].value for name, each in zip(inputs, arguments, strict=True) if qd.FIXED in each}
    return Interface(
        tuple(each[qd.BATCH_AXIS].value if qd.BATCH_AXIS in each else 0 for each in results),
        fixed,
        [i for i, each in enumerate(results) if qd.FIXED in each and each[qd.FIXED].value == qd.FIXED_ONE],
        job.constants,
        {} if pictures is None else {pictures.target.name: pictures.of_pixels},
    )
