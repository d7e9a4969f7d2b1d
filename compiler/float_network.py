"""The stages before any data: the user's model becomes a regular float graph in `qd`."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch_mlir import ir

from dyadic.compiler.calibrate import model_inputs
from dyadic.compiler.job import Job
from dyadic.compiler.pixel_inputs import ask_for_pixels
from dyadic.compiler.tools import Tools
from dyadic.compiler.trace import run_passes
from dyadic.dialects import qd
from dyadic.passes import PIPELINE, usual
from dyadic.passes.rewriting import Pass
from dyadic.runtime.array_files import DAMAGE, read_arrays
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import kind_of

if TYPE_CHECKING:
    import torch


LAST_ACTIVATION: dict[str, tuple[str, ...]] = {"integer": (), "float": ("end-in-float",), "drop": ("leave-out-last",)}


def float_network(job: Job, tools: Tools) -> ir.Module:
    """Import, ingest, prepare.

    Raises:
        ModelError: the model is broken or has something that is not supported.
        UsageError: it is no model.
    """
    with tools.stage("import"):
        with tools.progress.stage("import"):
            module = read(job, tools.context)
        tell(module.operation, tools)
        tools.trace.page(module.operation, "import", "module")
    tools.look("import", module.operation)
    options = job.options
    asked = ("widen-outputs",) if options.wide_outputs else ()
    wanted = usual("prepare", f"use-{options.nonlinear}", *LAST_ACTIVATION[options.last_activation], *asked)
    prepare = [one for one in wanted if one.name not in job.left_out]
    for stage, passes in (("ingest", PIPELINE["ingest"]), ("prepare", prepare)):
        with tools.stage(stage):
            run_stage(module.operation, stage, passes, tools)
            if stage == "ingest" and job.input_dtype == "uint8":
                ask_for_pixels(module, job)
        tools.look(stage, module.operation)
    if (fixed := compiled_as_it_is(module)) is not None:
        tools.progress.warn(fixed)
    return module


def tell(module: ir.Operation, tools: Tools) -> None:
    """Say what the importer has to say, once."""
    if qd.NOTES in module.attributes:
        for note in module.attributes[qd.NOTES]:
            tools.progress.warn(ir.StringAttr(note).value)
        del module.attributes[qd.NOTES]


def run_stage(module: ir.Operation, stage: str, passes: Sequence[Pass], tools: Tools) -> None:
    """All of a stage that is nothing but passes."""
    with tools.progress.stage(stage, len(passes)) as advance:
        for one in passes:
            run_passes(module, [one], stage, tools.trace)
            advance()


def read(job: Job, context: ir.Context) -> ir.Module:
    """Import a file or a module; torch and onnx are loaded for their own models only."""
    torch, model = sys.modules.get("torch"), cast("Any", job.model)
    if torch is not None and isinstance(model, torch.nn.Module):
        from dyadic.compiler.importers.torch import import_torch

        if job.constant:
            raise UsageError("--constant is for ONNX files: give a torch module that knows its constants")
        if job.example_inputs is None:
            raise UsageError("a torch module needs example_inputs, as in compile(module, example_inputs=(x,))")
        return import_torch(model, shaped(model, job.example_inputs, job.shapes[0]), context)
    from onnx import ModelProto

    from dyadic.compiler.importers.onnx import import_onnx
    from dyadic.compiler.importers.onnx_inputs import NeedsConstant

    if not isinstance(model, str | os.PathLike | bytes | ModelProto):
        if isinstance(model, Mapping):
            raise UsageError(
                f"{kind_of(model)} of weights is no network: give the module that holds them, after load_state_dict"
            )
        instead = ": give an object of it" if isinstance(model, type) else ""
        if hasattr(model, "graph_signature"):  # an exported program, as torch.export gives it
            instead = ": give its module(), with example_inputs"
        raise UsageError(f"a model is an ONNX file or a torch.nn.Module, not {kind_of(model)}{instead}")
    try:
        return import_onnx(model, context, job.shapes[0], job.constants)
    except NeedsConstant as error:
        value = same_in_all(job.calibration, error.input)
        raise error if value is None else NeedsConstant(error.what, error.so, error.input, value) from None


def compiled_as_it_is(module: ir.Module) -> str | None:
    """What is to be said of a model that has no batch of its own; None where it has."""
    attributes = module.operation.attributes
    if qd.FIXED not in attributes:
        return None
    each = ", ".join(f'"{one.name}" {list(one.own)}' for one in model_inputs(module))
    return f"compiled for a fixed batch, {each}: {attributes[qd.FIXED].value}"


def same_in_all(samples: object, name: str) -> int | None:
    """The whole number that an input is in all samples, as far as they can be looked at twice."""
    if isinstance(samples, str | os.PathLike) and os.fspath(samples).endswith(".npz"):
        with suppress(OSError, *DAMAGE):
            samples = read_arrays(Path(os.fspath(samples)))
    if isinstance(samples, Mapping):
        samples = [samples]
    if not isinstance(samples, list | tuple) or not all(isinstance(one, Mapping) and name in one for one in samples):
        return None
    seen = {number for one in samples for number in np.unique(np.asarray(one[name])).tolist()}
    return int(next(iter(seen))) if len(seen) == 1 and float(next(iter(seen))).is_integer() else None


def shaped(model: Any, examples: Sequence[torch.Tensor], shapes: Mapping[str, Sequence[int]]) -> Sequence[torch.Tensor]:
    """Example inputs of a module cut to the sizes that are given for them, by the names that `forward` has; other
    inputs of the same length are cut alike.

    Raises:
        UsageError: an example is smaller than that, or has another name.
    """
    if not shapes or not isinstance(examples, tuple | list):
        return examples
    names = list(inspect.signature(model.forward).parameters)[: len(examples)]
    if unknown := sorted(set(shapes) - set(names)):
        raise UsageError(f'a shape was given for "{unknown[0]}", but the inputs of the model are {", ".join(names)}')
    cut = list(examples)
    for name, sizes in shapes.items():
        had = tuple(cut[names.index(name)].shape)
        if len(sizes) != len(had) or any(n > m for n, m in zip(sizes[1:], had[1:], strict=True)):
            raise UsageError(f'the shape {list(sizes)} was given for "{name}", but its example has {list(had)}')
        for i, each in enumerate(cut):
            if names[i] == name or (names[i] not in shapes and tuple(each.shape[1:]) == had[1:]):
                cut[i] = each[(slice(None), *(slice(n) for n in sizes[1:]))]
    return tuple(cut)
