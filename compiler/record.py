"""How an artifact was made: versions, options, hashes of model and data. No paths: where files lay is nobody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from typing import Any

from dyadic.compiler import extensions
from dyadic.compiler.built import Built
from dyadic.compiler.calibrate.made import MadeSamples
from dyadic.compiler.calibrate.sources import FolderSource, Source
from dyadic.compiler.job import NO_DATA, Job, source
from dyadic.compiler.options import Options
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.user_data import Data
from dyadic.runtime.pictures import Pictures

PACKAGES = ("dyadic", "torch-mlir", "llvmlite", "numpy", "torch", "onnx")
UNSAID = ("trace", "progress", "emit_plan", "measure", "workers", "cluster", "measure_key")


def made(job: Job, data: Data, built: Built, tuned: Mapping[str, Tuned]) -> dict[str, Any]:
    """For the artifact's header, JSON-able. tuned: by target."""
    metric = None if data.evaluation is None else data.evaluation.metric
    settings = {one.name: getattr(job, one.name) for one in fields(Options) if one.name not in UNSAID}
    settings["precision"] = precision(job)
    settings["plan"] = None if job.plan is None else source(job.plan)
    settings["load_passes"] = [one.name for one in job.pass_files]
    settings |= {name: None if (file := getattr(job, name)) is None else source(file) for name in ("labels", "classes")}
    settings["metric"] = None if metric is None else metric.record
    return {
        "versions": {name: version(name) for name in PACKAGES},
        "options": settings
        | {"levels": list(job.levels_of(job.primary if job.primary in job.asked else job.asked[0]))},
        "extensions": extensions.record(),
        "model": source(job.model),
        "calibration": None if job.calibration is None else calibrated_on(data) | {"samples": data.calibration.seen},
        **({} if data.pictures is None else {"preprocess": preprocessed(data.pictures)}),
        **({"classes": names} if (names := class_names(data)) else {}),
        "equalized": built.equalized.way if built.equalized is not None and built.equalized.kept else None,
        **({"chosen": how} if (how := choices(job, tuned)) else {}),
    }


def choices(options: Options, tuned: Mapping[str, Tuned]) -> dict[str, str]:
    """How kernels were chosen, by target, where somebody may ask whether they were measured."""
    found: dict[str, str] = {}
    for one in options.asked:
        if one.name in tuned and tuned[one.name].device:
            found[one.name] = f"tiles measured on {tuned[one.name].device}"
        elif one.target.modelled:
            found[one.name] = one.target.modelled
    return found


def calibrated_on(data: Data) -> dict[str, Any]:
    """The name and hash of what ranges were learned from; of made samples, what was assumed."""
    if isinstance(data.calibration, MadeSamples):
        return {"name": NO_DATA, "assumed": data.calibration.assumed}
    return data.learned_from.record if isinstance(data.learned_from, Source) else source(data.job.calibration)


def class_names(data: Data) -> list[str]:
    """Of the classes in the network's order, as far as folders of images told them."""
    judged_on = None if data.evaluation is None else data.evaluation.source
    folders = [one for one in (judged_on, data.learned_from) if isinstance(one, FolderSource)]
    return next((list(one.names) for one in folders if one.names), [])


def preprocessed(pictures: Pictures) -> dict[str, Any]:
    """What was done to images, whole: `dyadic run` does the same."""
    said = {"input": pictures.target.name, "text": str(pictures.preprocess)}
    return said | ({"pixels": pictures.raw, "colours": pictures.channels} if pictures.raw else {})


def precision(options: Options) -> str:
    """What was asked for; mixed if layers may differ."""
    return "mixed" if options.layers_differ else options.precision
