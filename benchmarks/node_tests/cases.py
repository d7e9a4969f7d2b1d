"""One case after the other: right, or refused in a sentence.

A case is tried with everything that it gives as inputs, then with fewer of these, the others known while compiling; as
it is, where its first dimension may count images, and as one image. The first that is taken counts.
"""

import importlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case import node

from benchmarks.node_tests.backend import Dyadic, meaning, prepared
from dyadic.compiler.importers.onnx import OLDEST_OPSET
from dyadic.compiler.importers.onnx_bodies import DEFINED
from dyadic.passes.ingest.ingest_onnx import ONNX
from dyadic.runtime.errors import DyadicError

TOLERANCE = 1e-5  # of the largest number; formulas are put together in another order of roundings
# by a function of ours, by ONNX's own definition, or between integers of what the importer makes of them
QUANTIZED = {"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul"}
CLAIMED = {*ONNX.operators, *DEFINED, *QUANTIZED}
FOUR_DIGITS = "last_window_starts_on_pad"  # one case's numbers are written so
HALVES = "_quantizelinear"
NUMBERS = "fiub"  # NumPy's kinds


class Verdict(NamedTuple):
    """`kind` is "right", "wrong" or "refused"; `why` is said of the latter two."""

    kind: str
    why: str = ""


def modules() -> list[str]:
    """Where onnx keeps cases, about one file an operator. Importing one computes what its cases should give."""
    return sorted(path.stem for path in Path(node.__path__[0]).glob("*.py") if path.stem[0] != "_")


def cases(module: str) -> list[Any]:
    """Those of one file with operators that we claim, or that are computed while compiling."""
    name = f"{node.__name__}.{module}"
    importlib.import_module(name)
    every = [one for one in node._NodeTestCases if one.model is not None and one.data_sets]
    source = Path(importlib.import_module(name).__file__ or "").read_text()
    found = [one for one in every if f'"{one.name}"' in source or f'"{one.name.removesuffix("_expanded")}"' in source]
    for one in found:
        in_oldest(one.model)
    return [one for one in found if operators(one) & CLAIMED]


def in_oldest(model: onnx.ModelProto) -> None:
    """Say of a model of an older operator set than we read that it is of the oldest one, where that changes nothing."""
    for said in model.opset_import:
        kinds = {(node.op_type, said.version) for node in model.graph.node}
        if (
            said.domain == ""
            and said.version < OLDEST_OPSET
            and all(
                onnx.defs.get_schema(kind, version).since_version
                == onnx.defs.get_schema(kind, OLDEST_OPSET).since_version
                for kind, version in kinds
            )
        ):
            said.version = OLDEST_OPSET


def operators(case: Any) -> set[str]:
    """The kinds of nodes of a case."""
    return {each.op_type for each in case.model.graph.node}


def subject(case: Any) -> str:
    """The operator that a case is about: the one that it has, or of several that which its name begins with."""
    kinds = operators(case)
    said = case.name.removeprefix("test_").replace("_", "")
    named = [kind for kind in kinds if said.startswith(kind.lower())]
    return max(named, key=len) if named else sorted(kinds)[0]


def judged(case: Any) -> Verdict:
    """Tried in every way."""
    inputs, wanted = ([np.asarray(x) if isinstance(x, np.generic) else x for x in side] for side in case.data_sets[0])
    if not all(isinstance(x, np.ndarray) for x in (*inputs, *wanted)):
        return Verdict("refused", "it has sequences or optional values")
    if not all(np.isfinite(x).all() for x in inputs if x.dtype.kind == "f"):
        return Verdict("refused", "it reads NaN or infinity, of which a network of integers has none")
    refusal = "none of its inputs can be computed with"
    for whole, live in ways(inputs):
        try:
            got = answered(case, inputs, whole, live)
        except DyadicError as error:
            refusal = str(error)
            continue
        return compared(case.name, got, wanted)
    return Verdict("refused", refusal)


def ways(inputs: Sequence[Any]) -> Iterator[tuple[bool, list[int]]]:
    """(as one image, the inputs that stay inputs)."""
    numbers = [i for i, x in enumerate(inputs) if x.dtype.kind in NUMBERS and x.size]
    floats = [i for i in numbers if inputs[i].dtype == np.float32]
    images = [i for i in floats if inputs[i].ndim]
    for whole, live in ((False, images), (False, images[:1]), (True, numbers), (True, floats), (True, numbers[:1])):
        if live:
            yield whole, live


def answered(case: Any, inputs: Sequence[Any], whole: bool, live: list[int]) -> list[Any]:
    """What the network answers."""
    names = [value.name for value in case.model.graph.input]
    known = {names[i]: x for i, x in enumerate(inputs) if i not in live}
    given = [inputs[i] for i in live]
    if whole:
        return [*Dyadic.prepare(case.model, constants=known).run(given)]
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(x), name) for name, x in known.items())
    return meaning(prepared(model), given)


def compared(name: str, got: Sequence[Any], wanted: Sequence[Any]) -> Verdict:
    """Equal shapes, and no number off by more than `TOLERANCE` of the largest."""
    for ours, theirs in zip(got, wanted, strict=False):
        short_floats = theirs.dtype.kind == "f" and theirs.dtype.itemsize < 4
        tolerance = 2e-3 if short_floats else 2e-4 if FOUR_DIGITS in name else TOLERANCE
        if np.shape(ours) != np.shape(theirs):
            return Verdict("wrong", f"its shape is {np.shape(ours)}, not {np.shape(theirs)}")
        a, b = (np.asarray(x, np.float64) for x in (ours, theirs))
        a = a if theirs.dtype.kind == "f" else np.rint(a)  # as sessions do with whole numbers
        off = np.abs(a - b).max(initial=0)
        if theirs.dtype.kind != "f" and HALVES in name and off <= 1:  # rounded up, or to even
            continue
        if not off <= tolerance * max(1e-6, np.abs(b).max(initial=0)):
            return Verdict("wrong", f"it is off by {off:.3g} of {np.abs(b).max(initial=0):.3g}")
    return Verdict("right")


def short(why: str) -> str:
    """One line of a refusal."""
    return re.sub(r"\s+", " ", why)[:200]
