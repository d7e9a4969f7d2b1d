"""The user's own measure of quality, for networks that are no classifiers or are judged otherwise: `--metric`.

    def top5(outputs: dict[str, np.ndarray], data: dict[str, np.ndarray]) -> float:
        best = np.argsort(outputs["logits"], 1)[:, -5:]
        return (best == data["labels"][:, None]).any(1).mean()

Larger is better. It is asked for the whole evaluation set at once: `outputs` by the names of the model's outputs,
`data` every array of the evaluation data that is no input of the model, whatever its type and shape. Inputs are not
among them: they go through the networks in batches and are never held.

For bounds it is asked again for thousands of draws from the samples (`paired_bootstrap.py`): the outputs and those
arrays of `data` that have a row for every sample are then rows drawn with repetitions; other arrays come as they are.
So a row must not refer to another by its number. A measure that is a mean over the samples may return its one number a
sample, right (1) or wrong (0) for instance: their mean is then the measure, and it is asked a few dozen times only.

The file is the user's program, and is run as one.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.compiler import python_file
from dyadic.compiler.python_file import said
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import did_you_mean

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
Function = Callable[..., Any]  # (outputs, data) -> float, or one number a sample

FORM = "FILE.py:FUNCTION, such as quality.py:top5"
NUMBERS = "fiub"  # kinds of NumPy types


@dataclass(frozen=True)
class Metric:
    """`name` is the function's, `file` is where it was found, empty for a function from Python."""

    name: str
    function: Function
    file: str = ""
    sha256: str = ""

    def __call__(self, outputs: Arrays, data: Arrays, samples: int, drawn: bool = False) -> npt.NDArray[np.float64]:
        """The measure, or one number for each of the samples. `drawn`: they are drawn from the evaluation data.

        Raises:
            UsageError: the function fails, or what it returns is no number.
        """
        where = "samples drawn from the evaluation data, with repetitions" if drawn else "the evaluation data"
        try:
            returned = self.function(dict(outputs), dict(data))
            value = np.asarray(returned)
        except Exception as error:  # whatever a user's own code may raise
            raise UsageError(
                f"{self} failed on {where}: {said(error)}{self._line(error)}; it was given {contents(outputs, data)}"
            ) from error
        if value.dtype.kind not in NUMBERS or value.shape not in ((), (samples,)):
            shown = value.shape if value.ndim else type(returned).__name__ if returned is not None else None
            raise UsageError(
                f"{self} returned {f'an array of shape {list(shown)}' if isinstance(shown, tuple) else shown} on "
                f"{where}; a number is needed, larger is better, or one for each of the {samples} samples"
            )
        if not np.isfinite(value).all():
            bad = value if value.ndim == 0 else value[~np.isfinite(value)][0]
            raise UsageError(f"{self} returned {bad} on {where}; it needs to be a finite number for any samples")
        return value.astype(np.float64)

    def __str__(self) -> str:
        return f"metric {self.name}{f' of {self.file}' if self.file else ''}"

    def _line(self, error: Exception) -> str:
        """Where in the user's file it failed."""
        lines = [
            one.lineno for one in traceback.extract_tb(error.__traceback__) if Path(one.filename).name == self.file
        ]
        return f" ({self.file}, line {lines[-1]})" if self.file and lines else ""

    @property
    def record(self) -> dict[str, str]:
        """For the artifact: what it was, not where it lay."""
        file = {"name": self.file, "sha256": self.sha256} if self.file else {}
        return file | {"function": self.name}


def load_metric(given: str | Function) -> Metric:
    """A function as it is, or the one that `FILE.py:FUNCTION` names.

    Raises:
        FileError: there is no such file.
        UsageError: it is no Python file, running it fails, or it has no such function.
    """
    if not isinstance(given, str):
        name = getattr(given, "__name__", type(given).__name__)
        return Metric(name if name.isidentifier() else "metric", given)
    path, name = parse(given)
    text = python_file.read(path, f"--metric {given}")
    module = python_file.run(path, text, f"dyadic_metric_{path.stem}", "the metric's file")
    if not hasattr(module, name):
        own = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__]
        hint = did_you_mean(name, own) or f"; it has {', '.join(own) or 'none'}"
        raise UsageError(f"{path.name} has no function '{name}'{hint}")
    function = getattr(module, name)
    if not callable(function):
        raise UsageError(f"'{name}' in {path.name} is no function but of type {type(function).__name__}")
    return Metric(name, function, path.name, hashlib.sha256(text).hexdigest())


def parse(given: str) -> tuple[Path, str]:
    """
    >>> parse("measures/quality.py:top5")[1]
    'top5'
    """
    path, _, name = given.rpartition(":")
    if not path.endswith(".py") or not name.isidentifier():
        raise UsageError(f"--metric '{given}' is not {FORM}")
    return Path(path), name


def contents(outputs: Arrays, data: Arrays) -> str:
    """What a function can have been wrong about."""

    def listed(arrays: Arrays) -> str:
        return ", ".join(f'"{name}" {array.dtype} {list(array.shape)}' for name, array in arrays.items())

    return f"the outputs {listed(outputs)} and the data {listed(data) or '(none)'}"
