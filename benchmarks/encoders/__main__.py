"""The transformer encoders that people bring, with random weights: which of them import takes, written in which way.

    python -m benchmarks.encoders                          every architecture, from torch and from both ONNX exporters
    python -m benchmarks.encoders swin bert --route open   some, with an open batch
    python -m benchmarks.encoders bert --route compile     all the way: its bits, its batches, how close to the module

Needs `transformers` and `timm` beside the project's own extras; an architecture whose library is missing is skipped by
name. An architecture is taken where import and prepare end in a graph that computes what the module does.
"""

import argparse
import io
import logging
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch_mlir import ir

from benchmarks.encoders.architectures import ARCHITECTURES
from benchmarks.encoders.compiled import compiled
from benchmarks.encoders.modules import Architecture, Inputs, at_valid, made
from benchmarks.encoders.verdict import Verdict
from dyadic.compiler.importers.onnx import import_onnx
from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference, boundary_names, main_function
from dyadic.passes import PIPELINE, usual
from dyadic.runtime.errors import DyadicError

TOLERANCE = 2e-4  # of the largest number of an output
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
    got, wanted = at_valid(got, inputs), at_valid(wanted, inputs)
    off = float((got - wanted).abs().max() / wanted.abs().max())
    return Verdict("ok" if off < TOLERANCE else "wrong", f"off by {off:.1e} of the largest number")


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
