"""What a compile can be told. These dataclass fields are the command line's options and `dyadic.compile`'s keywords."""
# ruff: noqa: RUF009  (option() is dataclasses.field())

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from dyadic.compiler.budget import Axis, Limit, parse_limit
from dyadic.compiler.quality.metric import FORM, Function
from dyadic.compiler.quality.metric import parse as parse_metric
from dyadic.compiler.targets.registry import names, target_of
from dyadic.runtime.errors import UsageError

Precision = Literal["int8", "w8a16", "w4a8", "w4a4", "mixed"]
SensitivityName = Literal[
    "hessian-top-eigenvalue", "hessian-trace", "perturbation", "augmented", "fisher", "loss", "kl", "sqnr"
]
TechniqueName = Literal["equalize-layers", "search-weight-scales", "learn-rounding", "correct-biases"]
SolverName = Literal["auto", "ilp", "greedy", "pareto", "bisection"]
ObserverName = Literal["min-max", "percentile", "mse", "entropy"]
TuneMode = Literal["off", "quick", "full"]
ProgressStyle = Literal["rich", "json", "off"]

MOST_THREADS = 1024


def option(default: Any, help: str, **settings: Any) -> Any:
    """A field with its `--help` sentence. settings: `choices`, `metavar`, `command_line` (the default there)."""
    return field(default=default, metadata={"help": help, **settings})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything but the model, its data and where the result goes."""

    precision: Precision = option(
        "int8",
        "width of weights and activations; mixed: a width a layer, within the limits",
        choices=get_args(Precision),
    )
    max_size: str | None = option(
        None, "limit on the file (6.7MB), or on the weights as a ratio to int8's (0.6x)", metavar="SIZE"
    )
    max_latency: str | None = option(None, "limit on the time of an image: 12ms, or 0.8x of int8's", metavar="TIME")
    max_bops: str | None = option(None, "limit on bit operations of an image: 3.5G, or 0.5x of int8's", metavar="BOPS")
    max_drop: str | None = option(
        None, "accuracy that may be lost on --evaluate, in points: the smallest network within", metavar="1%"
    )
    metric: str | Function | None = option(
        None,
        "your own measure on --evaluate in place of accuracy, larger is better: a function of `outputs` and `data`, "
        "arrays by name, in a Python file that is run",
        metavar="FILE.py:FUNCTION",
    )
    keep: tuple[str, ...] = option(
        (), "a layer (name, * pattern or type) keeps this scheme; may be repeated", metavar="LAYER=w8a16"
    )
    exclude: tuple[str, ...] = option(
        (), "a layer stays float (f32a16), which voids the certificate; may be repeated", metavar="LAYER"
    )
    without: tuple[TechniqueName, ...] = option(
        (), "leave out what makes few bits usable; may be repeated", choices=get_args(TechniqueName)
    )
    plan: Path | None = option(None, "take every layer's widths from this file", metavar="PLAN.json")
    emit_plan: Path | None = option(None, "write every layer's widths to this file", metavar="PLAN.json")
    sensitivity: SensitivityName = option(
        "fisher", "how what a width costs in accuracy is predicted", choices=get_args(SensitivityName)
    )
    solver: SolverName = option(
        "auto", "how widths are chosen (auto: bisection for --max-drop, else ilp)", choices=get_args(SolverName)
    )
    compare_sensitivities: bool = option(False, "measure how well every sensitivity ranks the layers, for the report")
    compare_plans: int = option(0, "measure so many random plans of the chosen one's size, for the report", metavar="N")
    time_limit: str | None = option(None, "end the search after this long, with the best plan so far", metavar="10m")
    resume: bool = option(False, "go on with a search that was interrupted")
    strict: bool = option(False, "whatever was asked for and cannot be applied is an error")
    target: str = option("cpu", "kind of machine that runs the artifact", metavar="|".join(names()))
    isa: tuple[str, ...] | None = option(
        None, "instruction set levels to hold code for (default: all that this machine can run)", metavar="LEVELS"
    )
    threads: int | None = option(None, "threads of the final measurement (default: by the work)", metavar="N")
    batch: int = option(1, "batch of the final measurement", metavar="N")
    shape: Mapping[str, tuple[int, ...]] | None = option(
        None, "size of an input where the model leaves it open; may be repeated", metavar="NAME=1x3x224x224"
    )
    observer: ObserverName = option(
        "mse", "how ranges are learned from calibration data", choices=get_args(ObserverName)
    )
    tune: TuneMode = option(
        "off", "measure other kernels for the same layers on this machine: a few or many", choices=get_args(TuneMode)
    )
    trace: Path | None = option(
        None, "folder for a numbered page of IR after every pass (or DYADIC_TRACE)", metavar="DIR"
    )
    progress: ProgressStyle = option(
        "off", "how to say what is going on", choices=get_args(ProgressStyle), command_line="rich"
    )

    def __post_init__(self) -> None:
        if isinstance(self.isa, list):
            object.__setattr__(self, "isa", tuple(self.isa))  # Python's way to set a field of a frozen dataclass here
        for one in fields(self):
            choices, value = one.metadata.get("choices"), getattr(self, one.name)
            given = value if isinstance(value, tuple) else (value,)
            if choices and (wrong := [each for each in given if each not in choices]):
                raise UsageError(f"{one.name} must be one of {', '.join(choices)}, not {wrong[0]!r}")
        if self.limits and self.precision not in ("int8", "mixed"):
            raise UsageError(f"limits choose a width for every layer: leave precision {self.precision!r} out, or them")
        if self.plan is not None and (self.limits or self.precision != "int8"):
            raise UsageError("a plan says the width of every layer: leave precision and limits out, or the plan")
        if self.precision == "mixed" and not self.limits:
            raise UsageError("mixed needs a limit to choose by: max_size, max_latency, max_bops or max_drop")
        if ("drop" in self.limits) != (self.solver == "bisection") and self.solver != "auto":
            raise UsageError("--max-drop is kept by bisection, and bisection needs it: leave --solver out")
        if isinstance(self.metric, str):
            parse_metric(self.metric)
        elif self.metric is not None and not callable(self.metric):
            raise UsageError(f"metric must be a function or {FORM}, not {self.metric!r}")
        if self.time_limit is not None:
            seconds_of(self.time_limit)
        for name, most in (("threads", MOST_THREADS), ("batch", 1 << 16)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most):
                raise UsageError(f"{name} must be a whole number from 1 to {most}, not {value!r}")
        if isinstance(self.isa, str):
            raise UsageError(f"isa must be a list of levels, not the text '{self.isa}'")
        if self.target not in names():
            raise UsageError(f"target must be one of {', '.join(names())}, not {self.target!r}")
        if wrong := set(self.isa or ()) - set(levels := target_of(self.target).levels if self.isa else ()):
            raise UsageError(f"isa '{min(wrong)}' is no level that code is made for; there are {', '.join(levels)}")

    @property
    def limits(self) -> dict[Axis, Limit]:
        """What the user allows, by axis."""
        given = {axis: getattr(self, f"max_{axis}") for axis in get_args(Axis)}
        return {
            axis: parse_limit(axis, text, self.metric is not None) for axis, text in given.items() if text is not None
        }

    @property
    def mixed(self) -> bool:
        """Whether every layer's width is searched for."""
        return bool(self.limits)

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels to hold code for, best first, each once."""
        target = target_of(self.target)
        wanted = self.isa or target.usable()
        return tuple(name for name in target.levels if name in wanted)


def seconds_of(text: str) -> float:
    """A duration in a user's words.

    >>> seconds_of("90"), seconds_of("10m"), seconds_of("1.5h")
    (90.0, 600.0, 5400.0)
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh]?)\s*", text)
    if match is None:
        raise UsageError(f"time_limit '{text}' is no duration; write it as 90s, 10m or 1.5h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
