"""What a compile can be told. These dataclass fields are the command line's options and `dyadic.compile`'s keywords."""
# ruff: noqa: RUF009  (option() is dataclasses.field())

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from dyadic.runtime import targets
from dyadic.runtime.errors import UsageError

Precision = Literal["int8"]
Target = Literal["cpu"]
ObserverName = Literal["min-max", "percentile", "mse", "entropy"]
TuneMode = Literal["off", "quick", "full"]
ProgressStyle = Literal["rich", "json", "off"]

MOST_THREADS = 1024


def option(default: Any, help: str, **settings: Any) -> Any:
    """A field with its `--help` sentence. settings: `choices`, `metavar`, `command_line` (the default there)."""
    return field(default=default, metadata={"help": help, **settings})


@dataclass(frozen=True)
class Options:
    """Everything but the model, its data and where the result goes."""

    precision: Precision = option("int8", "width of weights and activations", choices=get_args(Precision))
    target: Target = option("cpu", "kind of machine that runs the artifact", choices=get_args(Target))
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
        for one in fields(self):
            choices, value = one.metadata.get("choices"), getattr(self, one.name)
            if choices and value not in choices:
                raise UsageError(f"{one.name} must be one of {', '.join(choices)}, not {value!r}")
        for name, most in (("threads", MOST_THREADS), ("batch", 1 << 16)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most):
                raise UsageError(f"{name} must be a whole number from 1 to {most}, not {value!r}")
        if isinstance(self.isa, str):
            raise UsageError(f"isa must be a list of levels, not the text '{self.isa}'")
        for level in self.isa or ():
            if level not in with_kernels():
                raise UsageError(
                    f"isa '{level}' is no level that code is made for; there are {', '.join(with_kernels())}"
                )

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels to hold code for, best first, each once."""
        wanted = self.isa or targets.usable()
        return tuple(name for name in with_kernels() if name in wanted)


def with_kernels() -> tuple[str, ...]:
    """The levels that code is made for, best first."""
    return tuple(level.name for level in targets.LEVELS if level.weight_bits)
