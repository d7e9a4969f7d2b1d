"""A compile as one would type it: what the report prints so that each of its figures can be measured again."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from dyadic.compiler.options import Options

# no figure depends on them
UNSAID = frozenset({"trace", "progress", "resume", "emit_plan", "workers", "cluster", "measure_key"})


def compile_command(
    model: str, calibration: str | None, evaluate: str | None, options: Options, output: str = "model.dyq"
) -> str:
    """`dyadic compile` with every option that is not the default; files by name, without folders.

    >>> compile_command("m.onnx", "c.npz", None, Options(max_size="0.6x", keep=("conv1=w8a16",)))
    'dyadic compile m.onnx --calibration c.npz --max-size 0.6x --keep conv1=w8a16 -o model.dyq'
    """
    words = ["dyadic", "compile", model]
    words += ["--calibration", calibration] if calibration else []
    words += ["--evaluate", evaluate] if evaluate else []
    for name, value in said(options).items():
        words += option(name, value)
    return shlex.join([*words, "-o", output])


def compile_call(files: Mapping[str, str | None], options: Options, output: str = "model.dyq") -> str:
    """The same in Python, of what the command line does not take. files: by parameter, None for what is none: a
    variable stands for it.

    >>> compile_call({"model": None, "calibration": "c.npz", "evaluate": None}, Options(threads=2))
    'dyadic.compile(model, "c.npz", evaluate=evaluate, threads=2).save("model.dyq")'
    """
    words = []
    for parameter, file in files.items():
        value = parameter if file is None else json.dumps(file)
        words.append(value if parameter in ("model", "calibration") else f"{parameter}={value}")
    for name, value in said(options).items():
        words.append(f"{name}={value.__name__ if hasattr(value, '__name__') else repr(value)}")
    return f"dyadic.compile({', '.join(words)}).save({json.dumps(output)})"


def said(options: Options) -> dict[str, Any]:
    """The options that are not the default and that some figure depends on."""
    given = {one: getattr(options, one.name) for one in fields(Options) if one.name not in UNSAID}
    return {one.name: value for one, value in given.items() if value != one.default}


def option(name: str, value: Any) -> list[str]:
    """
    >>> option("compare_plans", 10), option("strict", True), option("isa", ("one", "other"))
    (['--compare-plans', '10'], ['--strict'], ['--isa', 'one,other'])
    >>> option("measure", False)
    ['--no-measure']
    >>> option("shape", {"x": (1, 3, 32, 32)}), option("exclude", ("conv1", "fc"))
    (['--shape', 'x=1x3x32x32'], ['--exclude', 'conv1', '--exclude', 'fc'])
    >>> option("shape", {"x": ((1, 128), (1, 32))})
    ['--shape', 'x=1x128', '--shape', 'x=1x32']
    >>> option("constant", {"sr": 16000})
    ['--constant', 'sr=16000']
    >>> option("input_range", {"x": (-1.0, 0.5)})
    ['--input-range', 'x=-1:0.5']
    >>> option("plan", Path("plans/w4.json")), option("metric", "quality/top.py:top5")
    (['--plan', 'w4.json'], ['--metric', 'top.py:top5'])
    >>> option("load_passes", (Path("passes/mine.py"),))
    ['--load-passes', 'mine.py']
    """
    flag = f"--{name.replace('_', '-')}"
    match value:
        case True:
            return [flag]
        case False:
            return [f"--no-{flag[2:]}"]
        case Mapping():
            if name == "constant":
                return [word for key, one in value.items() for word in (flag, f"{key}={one}")]
            if name == "input_range":
                return [word for key, (low, high) in value.items() for word in (flag, f"{key}={low:g}:{high:g}")]
            pairs = [(key, one) for key, sizes in value.items() for one in several(sizes)]
            return [word for key, sizes in pairs for word in (flag, f"{key}={'x'.join(map(str, sizes))}")]
        case tuple() if name == "isa":
            return [flag, ",".join(value)]
        case tuple():
            return [word for each in value for word in (flag, each.name if isinstance(each, Path) else str(each))]
        case Path():
            return [flag, value.name]
        case str() if name == "metric":
            return [flag, Path(value).name]
        case _ if callable(value):  # a function of Python's: the command line takes it from a file
            return [flag, f"FILE.py:{getattr(value, '__name__', name)}"]
    return [flag, str(value)]


def several(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    """The shapes of an input, which may be one."""
    return sizes if sizes and isinstance(sizes[0], tuple) else (sizes,)
