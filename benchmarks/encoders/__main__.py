"""The transformer encoders that people bring, with random weights: which of them import takes, written in which way.

    python -m benchmarks.encoders                          every architecture, from torch and from both ONNX exporters
    python -m benchmarks.encoders swin bert --route open   some, with an open batch
    python -m benchmarks.encoders bert --route compile     all the way, and how much of the signal integers keep

Needs `transformers` and `timm` beside the project's own extras; an architecture whose library is missing is skipped by
name. An architecture is taken where import and prepare end in a graph that computes what the module does.
"""

import argparse
import io
import logging
import re
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch_mlir import ir

import dyadic
from benchmarks.encoders.architectures import ARCHITECTURES, VOCABULARY, Architecture, Inputs
from dyadic.compiler.importers.onnx import import_onnx
from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference, boundary_names, main_function
from dyadic.passes import PIPELINE, usual
from dyadic.runtime.errors import DyadicError

TOLERANCE = 2e-4  # of the largest number of an output
SAMPLES = 16  # to calibrate with
MOST_REASONS = 6


def from_torch(module: nn.Module, inputs: Inputs) -> ir.Module:
    return import_torch(module, inputs, new_context())


def from_legacy(module: nn.Module, inputs: Inputs, opset: int = 17, axes: dict[str, Any] | None = None) -> ir.Module:
    file = io.BytesIO()
    names = [f"input_{i}" for i in range(len(inputs))]
    torch.onnx.export(
        module,
        inputs,
        file,  # pyright: ignore[reportArgumentType]  (it takes a file, too)
        dynamo=False,
        opset_version=opset,
        input_names=names,
        output_names=["y"],
        dynamic_axes=axes,
    )
    return import_onnx(file.getvalue(), new_context())


def from_old(module: nn.Module, inputs: Inputs) -> ir.Module:
    return from_legacy(module, inputs, 14)


def from_open(module: nn.Module, inputs: Inputs) -> ir.Module:
    """With an open batch."""
    names = [f"input_{i}" for i in range(len(inputs))]
    return from_legacy(module, inputs, axes={name: {0: "N"} for name in [*names, "y"]})


def from_dynamo(module: nn.Module, inputs: Inputs, opset: int | None = None) -> ir.Module:
    program = torch.onnx.export(module, inputs, dynamo=True, verbose=False, opset_version=opset)
    assert program is not None, "this exporter gives its program back"
    return import_onnx(program.model_proto, new_context())


def from_newest(module: nn.Module, inputs: Inputs) -> ir.Module:
    return from_dynamo(module, inputs, 23)


ROUTES: dict[str, Callable[[nn.Module, Inputs], ir.Module]] = {
    "torch": from_torch,
    "legacy": from_legacy,
    "old": from_old,
    "open": from_open,
    "dynamo": from_dynamo,
    "newest": from_newest,
}
FAILURES = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, NotImplementedError)  # an exporter's own


@dataclass(frozen=True)
class Verdict:
    """What became of one architecture on one way in."""

    word: str  # ok, refused, wrong, or: no export, which is not ours
    why: str


def made(make: Architecture) -> tuple[nn.Module, Inputs]:
    """With random weights, none of which is left at 0 or 1, so that every path counts."""
    torch.manual_seed(0)
    module, inputs = make()
    module.eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
        for name, each in module.named_buffers():
            if name.endswith("running_var"):
                each.uniform_(0.5, 1.5)
    return module, inputs


def tried(make: Architecture, route: str) -> Verdict:
    """Import and prepare it, and hold what is left against the module itself."""
    module, inputs = made(make)
    try:
        network = ROUTES[route](module, inputs)
        for one in (*PIPELINE["ingest"], *usual("prepare")):
            one.run(network.operation)
    except DyadicError as error:
        return Verdict("refused", str(error))
    except FAILURES as error:
        return Verdict("no export", f"{type(error).__name__}: {error}")
    names = boundary_names(main_function(network))[0]
    with torch.no_grad():
        wanted = module(*inputs)
        got = next(iter(FloatReference(network)(dict(zip(names, inputs, strict=True))).values()))
    if got.shape != wanted.shape:
        return Verdict("wrong", f"makes {list(got.shape)}, not {list(wanted.shape)}")
    off = float((got - wanted).abs().max() / wanted.abs().max())
    return Verdict("ok" if off < TOLERANCE else "wrong", f"off by {off:.1e} of the largest number")


def compiled(make: Architecture) -> Verdict:
    """All the way to integers, and how much of the signal is left on the samples that it was calibrated with."""
    module, inputs = made(make)
    samples = [tuple(_another(each) for each in inputs) for _ in range(SAMPLES)]
    try:
        names = boundary_names(main_function(import_torch(module, inputs, new_context())))[0]
        feeds = [{n: each.numpy() for n, each in zip(names, sample, strict=True)} for sample in samples]
        artifact = dyadic.compile(module, calibration=feeds, example_inputs=inputs, progress="off")
    except DyadicError as error:
        return Verdict("refused", str(error))
    with tempfile.TemporaryDirectory() as folder:
        artifact.save(Path(folder) / "encoder.dyq")
        session = dyadic.load(Path(folder) / "encoder.dyq")
        got = np.concatenate([session.run(None, feed)[0] for feed in feeds])
    with torch.no_grad():
        wanted = np.concatenate([module(*sample).numpy() for sample in samples])
    noise = float(((got - wanted) ** 2).sum())
    return Verdict("ok", f"SQNR {10 * np.log10((wanted**2).sum() / noise):.1f} dB" if noise else "exact")


def _another(example: torch.Tensor) -> torch.Tensor:
    if example.is_floating_point():
        return torch.randn(example.shape)
    return example if example.max() <= 1 else torch.randint(3, VOCABULARY, example.shape)


def reasons(why: str) -> Iterator[str]:
    """Of many complaints the first of each kind."""
    first, *lines = why.splitlines() or [""]
    yield first
    seen = set()
    for line in lines:
        kind = re.sub(r'^\s*".*?" |\d+', "", line)
        if kind not in seen and len(seen) < MOST_REASONS:
            seen.add(kind)
            yield line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="architectures whose name contains one of these; all without")
    parser.add_argument(
        "--route", action="append", choices=[*ROUTES, "compile"], help="torch, legacy and dynamo without"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    counts: Counter[tuple[str, str]] = Counter()
    for name, make in ARCHITECTURES.items():
        if arguments.names and not any(part in name for part in arguments.names):
            continue
        for route in arguments.route or ["torch", "legacy", "dynamo"]:
            start = time.monotonic()
            try:
                verdict = compiled(make) if route == "compile" else tried(make, route)
            except ImportError as error:
                verdict = Verdict("skipped", str(error))
            counts[route, verdict.word] += 1
            first, *more = reasons(verdict.why)
            print(f"{verdict.word:9} {name:32} {route:8} {time.monotonic() - start:5.1f} s  {first}", flush=True)
            for line in more:
                print(f"          {line}")
    for (route, word), count in sorted(counts.items()):
        print(f"{route}: {count} {word}")


if __name__ == "__main__":
    main()
