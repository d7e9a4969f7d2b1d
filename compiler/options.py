"""What a compile can be told. A field here is an option of the command line and a keyword of `dyadic.compile`.

Its name, type, default, help and metavar stand in this place alone.

Messages name options as they are typed, `--max-size 0.6x`; to who called from Python they come out as `max_size="0.6x"`
(`in_python.py`).
"""
# ruff: noqa: RUF009  (option() is dataclasses.field())

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from dyadic.compiler.budget import Axis, Limit, parse_limit
from dyadic.compiler.option_readers import (
    Count,
    a_choice,
    a_metric,
    a_path,
    a_preprocess,
    a_target,
    a_text,
    flag,
    levels,
    numbers,
    paths,
    ranges,
    rules,
    sizes,
    texts,
    yes_or_no,
)
from dyadic.compiler.progress import Listener
from dyadic.compiler.progress import Style as ProgressStyle
from dyadic.compiler.quality.metric import Function
from dyadic.compiler.targets.asked import Asked, asked_for
from dyadic.compiler.targets.registry import names
from dyadic.compiler.workers.asked import a_cluster, an_agent, check_agent, check_cluster
from dyadic.runtime.errors import UsageError
from dyadic.runtime.wording import did_you_mean

Stage = Literal["import", "ingest", "prepare", "calibrate", "select", "refine", "integerize", "lower", "emit"]
STAGES: tuple[Stage, ...] = get_args(Stage)
Precision = Literal["int8", "w8a16", "w4a8", "w4a4", "mixed"]
SensitivityName = Literal[
    "hessian-top-eigenvalue", "hessian-trace", "perturbation", "augmented", "fisher", "loss", "kl", "sqnr"
]
TechniqueName = Literal[
    "equalize-layers",
    "sink-slices",
    "balance-norms",
    "balance-attention",
    "search-weight-scales",
    "learn-rounding",
    "correct-biases",
]
NonlinearName = Literal["exact", "i-bert", "i-vit"]
LastActivationName = Literal["integer", "float", "drop"]
SolverName = Literal["auto", "ilp", "greedy", "pareto", "bisection"]
ObserverName = Literal["auto", "min-max", "percentile", "mse", "entropy"]
InputDtypeName = Literal["model", "uint8"]
InputLayoutName = Literal["model", "nchw", "nhwc"]
InputChannelsName = Literal["model", "rgb", "bgr"]
TuneMode = Literal["off", "quick", "full"]
File = str | os.PathLike[str]

EVERY_LEVEL = "all"
MOST_THREADS, MOST_BATCH, MOST_PLANS, MOST_SAMPLES = 1024, 1 << 16, 10_000, 1_000_000
MOST_WORKERS = 1024


def option(default: Any, help: str, read: Callable[[str, Any], Any] = a_text, **settings: Any) -> Any:
    """A field with its `--help` sentence.

    read: how a value is checked and brought into its form. settings: `choices`, `metavar`, `command_line` (the default
    there).
    """
    return field(default=default, metadata={"help": help, "read": read, **settings})


def chosen(default: Any, help: str, kind: Any, **settings: Any) -> Any:
    """A field that is one of the words of a Literal, or several of them where the default is a tuple; with
    `or_function`, in Python also a function."""
    read = texts if isinstance(default, tuple) else a_choice
    return option(default, help, read, choices=get_args(kind), **settings)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything but the model, its data and where the result goes."""

    precision: Precision = chosen(
        "int8", "width of weights and activations; mixed: a width a layer, within the limits", Precision
    )
    max_size: str | None = option(
        None, "limit on the file (6.7MB), or on the weights as a ratio to int8's (0.6x)", metavar="SIZE"
    )
    max_latency: str | None = option(None, "limit on the time of an image: 12ms, or 0.8x of int8's", metavar="TIME")
    max_bops: str | float | None = option(
        None, "limit on bit operations of an image: 3.5G, or 0.5x of int8's", metavar="BOPS"
    )
    max_drop: str | float | None = option(
        None, "accuracy that may be lost on --evaluate, in points: the smallest network within", metavar="1%"
    )
    metric: str | Function | None = option(
        None,
        "your own measure on --evaluate in place of accuracy, larger is better: a function of `outputs` and `data`, "
        "arrays by name, in a Python file that is run",
        a_metric,
        metavar="FILE.py:FUNCTION",
    )
    keep: Mapping[str, str] | Iterable[str] = option(
        (), "a layer (name, * pattern or type) keeps this scheme; may be repeated", rules, metavar="LAYER=w8a16"
    )
    exclude: str | Iterable[str] = option(
        (), "a layer stays float (f32a16), which voids the certificate; may be repeated", texts, metavar="LAYER"
    )
    without: TechniqueName | Iterable[TechniqueName] = chosen(
        (), "leave out what makes networks smaller or few bits usable; may be repeated", TechniqueName
    )
    nonlinear: NonlinearName = chosen(
        "exact", "the functions that a transformer was trained with, in place of exp and GELU", NonlinearName
    )
    last_activation: LastActivationName = chosen(
        "integer",
        "a Softmax or Sigmoid that ends the network: in integers, in float behind them, or left out",
        LastActivationName,
    )
    wide_outputs: bool = option(False, "results of the network have 16 bits, whatever its layers have", yes_or_no)
    plan: File | None = option(None, "take every layer's widths from this file", a_path, metavar="PLAN.json")
    emit_plan: File | None = option(None, "write every layer's widths to this file", a_path, metavar="PLAN.json")
    sensitivity: SensitivityName = chosen("fisher", "how what a width costs in accuracy is predicted", SensitivityName)
    solver: SolverName = chosen("auto", "how widths are chosen (auto: bisection for --max-drop, else ilp)", SolverName)
    compare_sensitivities: bool = option(
        False, "measure how well every sensitivity ranks the layers, for the report", yes_or_no
    )
    compare_plans: int = option(
        0, "measure so many random plans of the chosen one's size, for the report", Count(0, MOST_PLANS), metavar="N"
    )
    time_limit: str | float | None = option(
        None, "end the search after this long, with the best plan so far", metavar="10m"
    )
    workers: int | None = option(
        None,
        "processes that try plans (default: by processors and memory, where it is worth it; 1: this one)",
        Count(1, MOST_WORKERS),
        metavar="N",
    )
    cluster: Any = option(
        None,
        "a Dask scheduler, whose workers try the plans of a search; in Python also a Client of one",
        a_cluster,
        metavar="tcp://HOST:8786",
    )
    resume: bool = option(False, "go on with a search that was interrupted", yes_or_no)
    strict: bool = option(False, "whatever was asked for and cannot be applied is an error", yes_or_no)
    target: str = option(
        "cpu",
        "kinds of machines that run the artifact, with commas between them; cuda:sm_90a is code for that architecture, "
        "too",
        a_target,
        metavar="|".join(names()),
    )
    isa: str | Iterable[str] | None = option(
        None,
        "instruction set levels to hold code for (default: the best of this machine and the one of all machines; all: "
        "whatever this machine can run)",
        levels,
        metavar="LEVELS",
    )
    threads: int | None = option(
        None, "threads of the final measurement (default: by the work)", Count(1, MOST_THREADS), metavar="N"
    )
    batch: int = option(1, "batch of the final measurement", Count(1, MOST_BATCH), metavar="N")
    shape: Mapping[str, Sequence[int] | Sequence[Sequence[int]]] | None = option(
        None,
        "size of an input where the model leaves it open; may be repeated, for one input, too: the artifact then has a "
        "program for each length, with the same weights",
        sizes,
        metavar="NAME=1x3x224x224",
    )
    constant: Mapping[str, Any] | None = option(
        None,
        "an input of an ONNX file that is this number always, as a sample rate that a branch is taken by: no input of "
        "the artifact; may be repeated",
        numbers,
        metavar="NAME=16000",
    )
    input_range: Mapping[str, Sequence[float]] | None = option(
        None,
        "where the numbers of an input lie, where --calibration none makes them; may be repeated",
        ranges,
        metavar="NAME=-1:1",
    )
    observer: ObserverName = chosen(
        "auto",
        "how ranges are learned from calibration data (auto: min-max for networks that normalize rows, else mse)",
        ObserverName,
    )
    preprocess: str | None = option(
        None,
        "what is made of images and uint8 pixels: torchvision, tf, caffe or unit, or a text as in "
        "torchvision,resize=232,mean=0.5,std=0.5; sizes follow the model",
        a_preprocess,
        metavar="PRESET",
    )
    input_dtype: InputDtypeName = chosen(
        "model",
        "what the artifact takes images as: uint8 is pixels, and the numbers of --preprocess are part of the network",
        InputDtypeName,
    )
    input_layout: InputLayoutName = chosen(
        "model", "how such pixels lie: channels first, last, or as the model's", InputLayoutName
    )
    input_channels: InputChannelsName = chosen(
        "model", "the order of the colours of such pixels, whatever the model reads", InputChannelsName
    )
    labels: File | None = option(
        None, "classes of the images of a folder: rows of file,label (else by sub-folder)", a_path, metavar="FILE.csv"
    )
    classes: File | None = option(
        None,
        "names of all classes in the model's order, one a line, for labels that are names",
        a_path,
        metavar="FILE.txt",
    )
    calibration_samples: int = option(
        512,
        "how many images of a folder, or items of a data set, ranges are learned from, spread over classes",
        Count(1, MOST_SAMPLES),
        metavar="N",
    )
    tune: TuneMode = chosen("off", "measure other kernels for the same layers on this machine: a few or many", TuneMode)
    measure: bool = option(
        True, "measure the artifact beside float and int8 at the end, for the table and the report", yes_or_no
    )
    load_passes: File | Iterable[File] = option(
        (),
        "a Python file with passes or operators of your own, which is run first; may be repeated (installed packages "
        "bring theirs by themselves)",
        paths,
        metavar="FILE.py",
    )
    measure_on: str | None = option(
        None,
        "times come from the agent on this machine, which will run the artifact: python -m dyadic.runtime.agent",
        an_agent,
        metavar="HOST:PORT",
    )
    measure_key: File | None = option(
        None, "the file with the agent's key (or DYADIC_MEASURE_KEY)", a_path, metavar="FILE"
    )
    trace: File | None = option(
        None, "folder for a numbered page of IR after every pass (or DYADIC_TRACE)", a_path, metavar="DIR"
    )
    progress: ProgressStyle | Listener = chosen(
        "off",
        "how to say what is going on; in Python also a function that is given each event",
        ProgressStyle,
        command_line="rich",
        or_function=True,
    )

    def __post_init__(self) -> None:
        for one in fields(Options):
            value = getattr(self, one.name)
            value = one.default if value is None else one.metadata["read"](one.name, value)
            object.__setattr__(self, one.name, value)  # Python's way to set a field of a frozen dataclass here
            choices, given = one.metadata.get("choices"), value if isinstance(value, tuple) else (value,)
            if callable(value) and one.metadata.get("or_function"):
                continue
            if choices and (wrong := [each for each in given if each not in choices]):
                raise UsageError(
                    f"{flag(one.name)} must be one of {', '.join(choices)}, not {wrong[0]!r}"
                    f"{did_you_mean(str(wrong[0]), choices)}"
                )
        if self.limits and self.precision not in ("int8", "mixed"):
            raise UsageError(
                f"limits choose a width for every layer: leave --precision {self.precision} out, or the limits"
            )
        if self.plan is not None and (self.limits or self.precision != "int8"):
            raise UsageError("--plan says the width of every layer: leave --precision and limits out, or the plan")
        if self.precision == "mixed" and not self.limits:
            raise UsageError(
                "--precision mixed needs a limit to choose by: --max-size, --max-latency, --max-bops or --max-drop"
            )
        if self.input_dtype == "uint8" and self.preprocess is None:
            raise UsageError(
                "--input-dtype uint8 needs --preprocess: what the model reads of pixels (scale=1 where it is 0 to 255)"
            )
        if self.input_layout != "model" and self.input_dtype != "uint8":
            raise UsageError("--input-layout is for --input-dtype uint8: other inputs lie as the model has them")
        if self.input_channels != "model" and self.input_dtype != "uint8":
            raise UsageError(
                "--input-channels is for --input-dtype uint8: of other inputs --preprocess says channels=rgb or bgr"
            )
        if ("drop" in self.limits) != (self.solver == "bisection") and self.solver != "auto":
            raise UsageError("--max-drop is kept by bisection, and bisection needs it: leave --solver out")
        if "latency" in self.limits and self.primary not in self.asked:
            raise UsageError(
                f"--max-latency promises a time, and this machine cannot run code for {self.asked[0].name} to measure "
                "it: compile where it can, or limit --max-size or --max-bops"
            )
        if self.tune != "off" and self.primary not in self.asked:
            raise UsageError(
                f"--tune measures kernels on this machine, which cannot run code for {self.asked[0].name}: compile "
                "where it can, or leave --tune out"
            )
        if self.keep:
            from dyadic.compiler.widths.rules import parse_rules  # which needs the dialects

            parse_rules(self.keep)
        if self.cluster is not None:
            check_cluster(bool(self.limits), self.workers)
        if self.measure_on is None and self.measure_key is not None:
            raise UsageError("--measure-key is the key of an agent: say where it is by --measure-on HOST:PORT")
        if self.measure_on is not None:
            check_agent(self.asked[0].name, self.tune, measured=self.measure or bool(self.limits))
        if self.time_limit is not None:
            seconds_of(str(self.time_limit))
        if self.isa:
            asked = tuple(self.isa)
            known = (*self.asked[0].target.levels, *([EVERY_LEVEL] if len(asked) == 1 else []))
            if wrong := [level for level in self.isa if level not in known]:
                raise UsageError(
                    f"--isa '{wrong[0]}' is no level that code is made for; there are {', '.join(known)}"
                    f"{did_you_mean(wrong[0], known)}"
                )

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
    def layers_differ(self) -> bool:
        """Whether layers may have different widths."""
        return bool(self.mixed or self.plan or self.keep or self.exclude)

    @property
    def pass_files(self) -> tuple[Path, ...]:
        """The files of `load_passes`."""
        given = self.load_passes
        return tuple(Path(one) for one in ((given,) if isinstance(given, str | os.PathLike) else given))

    @property
    def left_out(self) -> tuple[str, ...]:
        """The techniques of `without`."""
        return tuple(self.without)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The targets of the artifact, the one that `isa` is of first."""
        return asked_for(self.target)

    @property
    def primary(self) -> Asked:
        """The target that is searched and measured for: the first that this machine can run. Where it can run none of
        them, a processor stands in and runs the same integers, or nothing is run."""
        runs = bool(self.measure or self.limits or self.tune != "off")
        return next((one for one in self.asked if one.target.usable()), Asked(names()[0]) if runs else self.asked[0])

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of the primary target to hold code for, best first, each once; where it stands in, the one that is
        run."""
        primary = self.primary
        return self.levels_of(primary) if primary in self.asked else primary.target.usable()[:1]

    def levels_of(self, asked: Asked) -> tuple[str, ...]:
        """The levels of a target to hold code for, best first, each once."""
        isa = tuple(self.isa or ()) if asked == self.asked[0] else ()
        return asked.chosen(asked.target.usable() if isa == (EVERY_LEVEL,) else isa)

    @property
    def shapes(self) -> list[dict[str, tuple[int, ...]]]:
        """The sizes of inputs, one such dict for each length, the largest first."""
        given: dict[str, Any] = dict(self.shape or {})
        several = {name: sizes for name, sizes in given.items() if sizes and isinstance(sizes[0], tuple)}
        count = max((len(sizes) for sizes in several.values()), default=1)
        return [{n: several[n][i] if n in several else sizes for n, sizes in given.items()} for i in range(count)]

    @property
    def lengths(self) -> list[int]:
        """How many tokens each of `shapes` is for; empty where there is one."""
        first, *others = self.shapes
        if not others:
            return []
        name, axis = next((n, d) for n in first for d in range(len(first[n])) if first[n][d] != others[0][n][d])
        return [one[name][axis] for one in self.shapes]

    @property
    def seconds(self) -> float | None:
        """What `time_limit` comes to."""
        return None if self.time_limit is None else seconds_of(str(self.time_limit))


def seconds_of(text: str) -> float:
    """A duration in a user's words.

    >>> seconds_of("90"), seconds_of("10m"), seconds_of("1.5h")
    (90.0, 600.0, 5400.0)
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh]?)\s*", text)
    if match is None:
        raise UsageError(f"--time-limit '{text}' is no duration; write it as 90s, 10m or 1.5h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
