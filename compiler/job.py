"""One compile as it was asked for: the model, its data, the options, and which files these are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyadic.compiler.command_line import compile_call, compile_command
from dyadic.compiler.options import Options
from dyadic.compiler.quality.metric import Metric, load_metric
from dyadic.compiler.quality.metric import parse as parse_metric
from dyadic.runtime.atomic_file import check_output, refuse_overwriting
from dyadic.runtime.errors import UsageError

if TYPE_CHECKING:
    import torch


MODEL = "the model"  # what its file is called in messages
NO_DATA = "none"  # of calibration: samples are made


def is_misspelt(given: str) -> bool:
    """Whether it is the word for no data in other letters, and no file."""
    return given != NO_DATA and given.lower() == NO_DATA and not os.path.exists(given)


@dataclass(frozen=True, eq=False)
class Job(Options):
    """What `dyadic.compile` is called with, and `dyadic compile` makes of its command line.

    model: an ONNX file (path, bytes or ModelProto), or a `torch.nn.Module` with `example_inputs`.
    calibration, evaluate: samples as `calibrate/data.py` reads them. calibration "none": made ones, see `datafree/`;
    None: the model itself says how it is quantized.
    """

    model: object
    calibration: object = None
    evaluate: object = field(default=None, kw_only=True)
    example_inputs: tuple[torch.Tensor, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if wrong := [f"{what} {str(path)!r}" for what, path in self.inputs.items() if "\0" in str(path)]:
            raise UsageError(f"{wrong[0]}: no file has such a name, with a zero character in it")
        if self.evaluate is None:
            for name, of_what in (("metric", "judges the answers to"), ("max_drop", "is judged on")):
                if getattr(self, name) is not None:
                    flag = f"--{name.replace('_', '-')}"
                    raise UsageError(f"{flag} {of_what} --evaluate data, samples that calibration has not seen")
        for name in ("labels", "classes"):
            given = [one for one in (self.calibration, self.evaluate) if isinstance(one, str | os.PathLike)]
            if getattr(self, name) is not None and not any(os.path.isdir(one) for one in given):
                raise UsageError(f"--{name} is for a folder of images: give one to --evaluate or --calibration")
        if isinstance(self.calibration, str) and is_misspelt(self.calibration):
            raise UsageError(
                f"--calibration '{self.calibration}' is no file that is here: where there are no samples, write "
                f"--calibration {NO_DATA}"
            )
        if isinstance(self.evaluate, str) and (self.evaluate == NO_DATA or is_misspelt(self.evaluate)):
            raise UsageError("--evaluate takes samples with labels: where there are none, leave it out")
        if self.without_data and self.calibration_samples != Options.calibration_samples:
            raise UsageError(
                "--calibration-samples says how many of your samples are used: with --calibration none there "
                "are none, leave it out"
            )
        if self.input_range is not None and not self.without_data:
            raise UsageError(
                "--input-range is for --calibration none: where there are samples, ranges are learned from them"
            )
        self.check_outputs({"--emit-plan": self.emit_plan})
        if self.emit_plan is not None:
            check_output("--emit-plan", self.emit_plan, "a plan", ".json")

    @property
    def without_data(self) -> bool:
        """Whether samples are to be made; a file of that name is `./none`, or a `Path`."""
        return isinstance(self.calibration, str) and self.calibration == NO_DATA

    def load_metric(self) -> Metric | None:
        """The user's own measure, ready to be asked. Raises FileError or UsageError where it is none."""
        return None if self.metric is None else load_metric(self.metric)

    @property
    def constants(self) -> dict[str, npt.NDArray[Any]]:
        """Inputs that are known, as arrays."""
        return {name: np.asarray(value) for name, value in (self.constant or {}).items()}

    # --- files

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by what they are."""
        metric = parse_metric(self.metric)[0] if isinstance(self.metric, str) else None
        given = {
            MODEL: self.model,
            "the calibration data": None if self.without_data else self.calibration,
            "the evaluation data": self.evaluate,
            "the plan": self.plan,
            "the labels": self.labels,
            "the names of classes": self.classes,
            "the metric's file": metric,
        }
        return {what: Path(os.fsdecode(one)) for what, one in given.items() if isinstance(one, str | os.PathLike)}

    def check_outputs(self, outputs: Mapping[str, object]) -> None:
        """Refuse what would write over a file that is read, or over another output.

        outputs: files by the option that names them, None where it was not given.
        """
        refuse_losses(self.inputs, outputs)

    @property
    def files(self) -> dict[str, str | None]:
        """What was given of model, calibration and evaluation data: by parameter, files as they were named, without the
        folders of whole paths, which are nobody's; None for what is no file."""

        def name(given: object) -> str | None:
            if not isinstance(given, str | os.PathLike):
                return None
            path = Path(os.fsdecode(given))
            shown = path.name if path.is_absolute() else str(path)
            return f"./{shown}" if shown == NO_DATA != given else shown

        given = {"model": self.model, "calibration": self.calibration, "evaluate": self.evaluate}
        given |= {"example_inputs": self.example_inputs}
        return {what: name(one) for what, one in given.items() if one is not None}

    @property
    def model_name(self) -> str:
        """Of the file, or of the type of what is none."""
        given = self.model
        return Path(os.fsdecode(given)).name if isinstance(given, str | os.PathLike) else type(given).__name__

    def again(self, **changed: Any) -> str:
        """This compile as one would type it, with some options changed: a call where not everything is a file."""
        files, options = self.files, replace(self.options, **changed)
        if (model := files["model"]) is None or None in files.values():
            return compile_call(files, options)
        return compile_command(model, files.get("calibration"), files.get("evaluate"), options)

    @property
    def options(self) -> Options:
        """Without the rest."""
        return Options(**{one.name: getattr(self, one.name) for one in fields(Options)})


def refuse_losses(inputs: Mapping[str, Path], outputs: Mapping[str, object]) -> None:
    """Refuse what would write over a file of the user's, external data of the model included.

    Raises:
        UsageError: names both.
    """
    refuse_overwriting(inputs, outputs)
    there = [one for one in outputs.values() if isinstance(one, str | os.PathLike) and os.path.exists(one)]
    if there and MODEL in inputs:
        data = {f"{one.name}, data of {MODEL}": one for one in external_files(inputs[MODEL])}
        refuse_overwriting(data, outputs)


def external_files(model: Path) -> list[Path]:
    """Where an ONNX file says that its tensors are; nothing of a file that cannot be read, which is refused later."""
    from google.protobuf.message import DecodeError
    from onnx import external_data_helper, load

    try:
        graph = load(model, load_external_data=False).graph
    except (DecodeError, OSError):
        return []
    tensors = [*graph.initializer, *(attribute.t for node in graph.node for attribute in node.attribute)]
    places = {external_data_helper.ExternalDataInfo(one).location for one in tensors if one.external_data}
    return [model.parent / place for place in sorted(places)]


def source(given: object) -> dict[str, Any]:
    """The name and, of a file, the hash of something the user gave."""
    if not isinstance(given, str | os.PathLike):
        return {"name": type(given).__name__}
    path = Path(os.fsdecode(given))  # a slash behind the name is lost, as it is wherever else the file is read
    with open(path, "rb") as file:
        return {"name": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
