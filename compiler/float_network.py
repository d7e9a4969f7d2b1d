"""The stages before any data: the user's model becomes a regular float graph in `qd`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, cast

from torch_mlir import ir

from dyadic.compiler.job import Job
from dyadic.compiler.tools import Tools
from dyadic.compiler.trace import run_passes
from dyadic.passes import PIPELINE, usual
from dyadic.passes.rewriting import Pass
from dyadic.runtime.errors import UsageError


def float_network(job: Job, tools: Tools) -> ir.Module:
    """Import, ingest, prepare.

    Raises:
        ModelError: the model is broken or has something that is not supported.
        UsageError: it is no model.
    """
    with tools.stage("import"):
        with tools.progress.stage("import"):
            module = read(job, tools.context)
        tools.trace.page(module.operation, "import", "module")
    tools.look("import", module.operation)
    wanted = usual("prepare", f"use-{job.options.nonlinear}")
    prepare = [one for one in wanted if one.name not in job.left_out]
    for stage, passes in (("ingest", PIPELINE["ingest"]), ("prepare", prepare)):
        with tools.stage(stage):
            run_stage(module.operation, stage, passes, tools)
        tools.look(stage, module.operation)
    return module


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

        if job.example_inputs is None:
            raise UsageError("a torch module needs example_inputs, as in compile(module, example_inputs=(x,))")
        return import_torch(model, job.example_inputs, context)
    from onnx import ModelProto

    from dyadic.compiler.importers.onnx import import_onnx

    if not isinstance(model, str | os.PathLike | bytes | ModelProto):
        raise UsageError(f"a model is an ONNX file or a torch.nn.Module, not a {type(model).__name__}")
    return import_onnx(model, context, job.shape)
