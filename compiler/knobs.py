"""Every environment variable that dyadic reads, in one list. docs/knobs.md is made from it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Knob:
    """`default` is what happens where the variable is not set, in words."""

    name: str
    kind: str
    default: str
    meaning: str


KNOBS = (
    Knob("DYADIC_TRACE", "folder", "no trace", "Where a compile writes a numbered page of IR after every pass."),
    Knob("DYADIC_ISA", "level", "the best of this machine", "The instruction set level at which artifacts run."),
    Knob(
        "DYADIC_SPIN_US", "microseconds", "200", "How long an idle thread of a session looks for work before it sleeps."
    ),
    Knob(
        "DYADIC_LIBCUDA",
        "path",
        "libcuda.so.1",
        "The library of NVIDIA's driver, by which sessions on GPUs reach them.",
    ),
    Knob(
        "DYADIC_EXTENSIONS",
        "`off`",
        "all of them",
        "Leaves out the passes and operators that installed packages bring.",
    ),
    Knob("CUDA_VISIBLE_DEVICES", "numbers", "all", "Which GPUs NVIDIA's driver shows, and in which order."),
    Knob(
        "DYADIC_CACHE",
        "folder, or `off`",
        "dyadic in the user's cache folder",
        "Where compiles keep machine code, timings and learned ranges for the next one.",
    ),
    Knob("DYADIC_MEASURE_KEY", "file", "none", "The key of the agent that --measure-on names."),
    Knob("XDG_CACHE_HOME", "folder", "~/.cache", "The user's cache folder."),
    Knob("CXX", "command", "c++, g++, clang++ or ziglang", "The compiler that builds the native runtime."),
)


def trace_folder() -> Path | None:
    """DYADIC_TRACE."""
    text = os.environ.get("DYADIC_TRACE")
    return Path(text) if text else None


def extensions() -> bool:
    """DYADIC_EXTENSIONS: whether those of installed packages are loaded."""
    return os.environ.get("DYADIC_EXTENSIONS") != "off"


def measure_key() -> Path | None:
    """DYADIC_MEASURE_KEY."""
    text = os.environ.get("DYADIC_MEASURE_KEY")
    return Path(text) if text else None


def cache_folder() -> Path | None:
    """DYADIC_CACHE, else `dyadic` in XDG_CACHE_HOME or ~/.cache; none for `off`, or for a user without a home."""
    text = os.environ.get("DYADIC_CACHE")
    if text:
        return None if text == "off" else Path(text)
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".cache") / "dyadic"
    except RuntimeError:  # a user id that no one has heard of, as in containers
        return None
