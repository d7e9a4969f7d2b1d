"""Layer by layer: what the integers of an artifact lose against the float model, alone and accumulated.

*Accumulated* is the integer network's own tensor against float's on the same samples: all that was lost so far. *Alone*
is one layer's own loss: the op reads float's tensors, rounded to its input types. The artifact itself runs beside its
integer reference, so that what is said of the reference is known to hold for the artifact.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch_mlir import ir

from dyadic.compiler.calibrate import model_inputs
from dyadic.compiler.calibrate.data import Samples, first_batches
from dyadic.compiler.float_network import float_network
from dyadic.compiler.job import Job, source
from dyadic.compiler.measure.layer_losses import Losses, bits
from dyadic.compiler.measure.layer_matching import node_names
from dyadic.compiler.measure.layers import weight_scheme
from dyadic.compiler.pixel_inputs import pixel_axes
from dyadic.compiler.progress import Listener, Progress, Style
from dyadic.compiler.refine.equalization import WAYS
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.tools import Tools
from dyadic.compiler.user_pictures import pictures_of, read_from
from dyadic.dialects.reference import FloatReference, IntegerReference, Step
from dyadic.dialects.tensor_types import shape
from dyadic.runtime import notebook
from dyadic.runtime.artifact import ArtifactFile, open_artifact
from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.session import Session, load

if TYPE_CHECKING:
    import torch

SAMPLES = 64


@dataclass(frozen=True)
class LayerLoss:
    """One integer op. SQNR in dB (200: nothing was lost), None where it is not known."""

    layer: str  # as in `dyadic inspect`; a second op of the same node has #2
    nodes: tuple[str, ...]  # all nodes of the model that it computes; the last one made the tensor
    op: str
    shape: tuple[int, ...]  # of one sample, an image's channels first
    weights: str | None  # their scheme, as w4g32
    activation_bits: int  # of its result
    alone_db: float | None  # None also for ops that only move numbers
    alone_cosine: float | None
    entering_db: float | None  # the lowest accumulated SQNR of what it reads
    accumulated_db: float | None
    accumulated_cosine: float | None

    @property
    def widths(self) -> str:
        """w4a8: weights of 4 bits, a result of 8."""
        return f"{self.weights or ''}a{self.activation_bits}"

    @property
    def fall_db(self) -> float:
        """How much the accumulated SQNR falls from its inputs to its result."""
        if self.entering_db is None or self.accumulated_db is None:
            return 0.0
        return self.entering_db - self.accumulated_db


@dataclass(frozen=True, repr=False)
class LayerComparison:
    """`layers` are in the order of the network; `unmatched` are those that the float model has no tensor for."""

    samples: int
    isa: str
    equals_reference: bool  # whether the artifact's outputs are those of its integer reference, bit for bit
    same_model_file: bool | None  # whether the artifact was made from this very file; None where that is not known
    layers: tuple[LayerLoss, ...]
    unmatched: tuple[str, ...]

    def by_loss(self) -> list[LayerLoss]:
        """The layer that loses most alone first; those without such a figure last."""
        return sorted(self.layers, key=lambda one: math.inf if one.alone_db is None else one.alone_db)

    def steepest(self) -> LayerLoss | None:
        """Where the accumulated SQNR falls most: if there is damage, it starts here."""
        return max(self.layers, key=lambda one: one.fall_db, default=None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __repr__(self) -> str:
        """One line: there is a record for every layer."""
        same = "" if self.equals_reference else ", not as its integer reference"
        return f"<LayerComparison of {len(self.layers)} layers on {self.samples} samples, {self.isa}{same}>"

    def _repr_html_(self) -> str:
        """For notebooks: the layers that lose most alone come first."""

        def decibels(value: float | None) -> str:
            return "" if value is None else f"{value:.1f} dB"

        rows = [
            (one.layer, one.op, one.widths, decibels(one.alone_db), decibels(one.accumulated_db))
            for one in self.by_loss()
        ]
        head = (f"{len(self.layers)} layers, {self.samples} samples", "", "widths", "alone", "accumulated")
        return notebook.table(head, rows, [f"{self.isa}; SQNR against float, worst alone first"], numbers=(3, 4))


def compare_layers(
    artifact: str | os.PathLike[str],
    model: object,
    data: object,
    *,
    example_inputs: tuple[torch.Tensor, ...] | None = None,
    samples: int = SAMPLES,
    progress: Style | Listener = "off",
) -> LayerComparison:
    """Compare every layer of a saved artifact with the float model that it was compiled from.

    model: an ONNX file (path, bytes or ModelProto), or a `torch.nn.Module` with `example_inputs`. data: as
    `calibration` of `dyadic.compile`; the first `samples` of it are used.
    """
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise UsageError(f"samples must be a whole number, 1 or more, not {samples!r}")
    with open_artifact(artifact) as file:
        path, made = file.path, file.made
        job = Job(model, example_inputs=example_inputs, **same_inputs(made), progress=progress)
        tools = Tools.of(job)
        module, say = float_network(job, tools), tools.progress
        if (way := WAYS.get(str(made.get("equalized")))) is not None:
            with tools.context:
                way.run(module.operation)
        check_inputs(file, module)
        losses = Losses(FloatReference(module), integer_reference(file, tools.context))
    same = same_model_file(made, model)
    if same is False:
        say.warn(f"'{path}' was compiled from another file than the model given; layers are matched by their names")
    if not losses.matched_layers:
        raise UsageError(f"no layer of '{path}' is in the model; give the model that the artifact was compiled from")
    with load(path, max_batch=losses.rows, complete=True) as session:
        session.batch_first = True
        inputs = model_inputs(module)
        pictures = pictures_of(job, inputs, pixel_axes(module))
        source = read_from(data, job, inputs, "comparison data", pictures, None, say)
        reader = Samples(source, inputs, "comparison data", pictures=pictures)
        count, equal = run(losses, session, reader, samples, say)
        isa = session.isa
    layers = tuple(layer_loss(losses, step) for step in losses.steps)
    unmatched = tuple(one.layer for one in layers if one.accumulated_db is None)
    comparison = LayerComparison(count, isa, equal, same, layers, unmatched)
    if equal:
        say.result("compare", lambda: {"artifact": Path(path).name, **comparison.to_json()})
    return comparison


def run(losses: Losses, session: Session, reader: Samples, samples: int, progress: Progress) -> tuple[int, bool]:
    """How many samples went through, and whether the artifact gave the outputs of its reference on all of them."""
    import torch

    names, count, equal = [info.name for info in session.outputs], 0, True
    total = samples if reader.total is None else min(samples, reader.total)
    with progress.stage("compare", total) as advance, torch.inference_mode():
        for batch in first_batches(reader, losses.rows, samples):
            expected = losses(batch)
            for name, seen in zip(names, session.run(None, batch), strict=True):
                equal &= np.array_equal(seen, expected[name])
            size = len(next(iter(batch.values())))
            count += size
            advance(size)
    return count, equal


def layer_loss(losses: Losses, step: Step) -> LayerLoss:
    """What one op lost on all samples that went through."""
    alone, accumulated = losses.alone[step.output], losses.accumulated[step.output]
    entering = [losses.accumulated[slot].sqnr_db for slot in step.inputs if slot in losses.accumulated]
    weight = getattr(step.op, "weight", None)
    return LayerLoss(
        layer=step.name,
        nodes=node_names(step.op),
        op=step.op.operation.name.removeprefix("qi."),
        shape=tuple(shape(step.op.out)[1:]),
        weights=None if weight is None else weight_scheme(weight),
        activation_bits=bits(step.op.out),
        alone_db=alone.sqnr_db,
        alone_cosine=alone.cosine,
        entering_db=min((db for db in entering if db is not None), default=None),
        accumulated_db=accumulated.sqnr_db,
        accumulated_cosine=accumulated.cosine,
    )


# --- do artifact and model belong together?


def integer_reference(file: ArtifactFile, context: ir.Context) -> IntegerReference:
    """The artifact's integer graph, with the weights that its kernels read."""
    try:
        return IntegerReference(target_of(file.program.target).unpack(file, context))
    except ir.MLIRError as error:
        raise ArtifactError(f"'{file.path}' cannot be compared: its integer graph cannot be read ({error})") from error


def check_inputs(file: ArtifactFile, module: ir.Module) -> None:
    """The same inputs, or it is another model."""
    model = {one.name: one.sample for one in model_inputs(module)}
    own = {one.name: tuple(one.shape[1:]) for one in file.program.inputs}
    if own != model:
        raise UsageError(
            f"'{file.path}' reads {described(own)}, the model reads {described(model)}: "
            "give the model that the artifact was compiled from"
        )


def described(inputs: Mapping[str, tuple[Any, ...]]) -> str:
    return ", ".join(f'"{name}" [{", ".join(["N", *map(str, sample)])}]' for name, sample in inputs.items())


def same_model_file(made: Mapping[str, Any], model: object) -> bool | None:
    """By the hash on record; None for what is no file, now or when it was compiled."""
    recorded, given = made.get("model"), source(model)
    if not isinstance(recorded, Mapping) or "sha256" not in recorded or "sha256" not in given:
        return None
    return recorded["sha256"] == given["sha256"]


def same_inputs(made: Mapping[str, Any]) -> dict[str, Any]:
    """What of the compile's options makes the float graph another one."""
    options = made.get("options")
    said = options if isinstance(options, Mapping) else {}
    kept = {name: said[name] for name in ("shape", "constant") if isinstance(said.get(name), Mapping)}
    texts = ("preprocess", "input_dtype", "input_layout", "input_channels")
    return kept | {name: said[name] for name in texts if isinstance(said.get(name), str)}
