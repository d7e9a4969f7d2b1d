"""ONNX's own node tests, for the operators that ingest claims: the outside oracle for attributes and corner cases.

The first input is the image, the others become constants. A case is refused for a reason below or computed right.
"""

import functools
import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case import node
from support.meaning import assert_close, outputs, prepared

from dyadic.compiler.importers.onnx import import_onnx
from dyadic.dialects import new_context
from dyadic.passes.ingest.ingest_onnx import ONNX
from dyadic.runtime.errors import ModelError

# Every refusal that the cases meet; a new one is a regression.
REASONS = "|".join(
    [
        "would mix the batch|mixes the batch|moves the batch|joins along the batch|over the batch|slices the batch",
        "for a batch of 1",  # constants or shapes with the case's own batch in them
        "only 2-D windows are supported",
        "average pooling with dilation is not supported",
        "in training mode",
        "only its first output can be used",
        "it repeats",  # Expand
        "runs backwards|nothing of .* is left",  # Slice
        r"its third input has the shape \[3, 4\]",
        "the product of .* has no integer form",
        "its exponent",  # of Pow
        "a constant of type bool",  # IsNaN: no
        "its attribute .* is not supported",
        "it has an integer form (as part of GELU|as part of a normalization or a softmax) only",
        "the largest entry has an integer form as part of a softmax",
        "only plain attention|it has past keys",
        "reads a mask of valid tokens or a length of rows",
        "the batch as well",  # a norm
        "sequences for one image|has time as dimension 0|peephole|it clips",  # recurrent layers
        r"--shape data=",
        "only the larger or smaller of a tensor and one number",
        "only alpha=1",
        "only one slope",
        "it resizes a region|it smooths while|so that corners cannot",  # Resize
        "only transposed convolutions of one or two",
        "has a shape or a type that nothing can be computed with",  # a split of a batch that is no longer 7
    ]
)
# They change the batch, which is 1 in the IR: right for one image, another meaning for the case's several.
CHANGE_THE_BATCH = {"test_flatten_axis0", "test_flatten_negative_axis4", "test_slice", "test_unsqueeze_axis_0"}


def modules() -> list[str]:
    """Where onnx keeps the cases of an operator that we claim, or of one that is written in such operators.

    Importing one computes what its cases should give, up to seconds, so that only its own test does.
    """
    schemas: list[Any] = list(onnx.defs.get_all_schemas())  # the stubs lack what says that it is written in others
    functions = {one.name for one in schemas if one.has_function or one.has_context_dependent_function}
    found = []
    for path in sorted(Path(node.__path__[0]).glob("*.py")):
        if set(re.findall(r'"(\w+)"', path.read_text())) & (set(ONNX.operators) | functions) and path.stem[0] != "_":
            found.append(path.stem)
    return found


@functools.cache
def cases(module: str) -> dict[str, Any]:
    """Its float cases with nothing but operators that we claim."""
    before, found = len(node._NodeTestCases), {}
    importlib.import_module(f"{node.__name__}.{module}")
    for case in node._NodeTestCases[before:]:
        assert case.model is not None and case.data_sets is not None
        kinds = {one.op_type for one in case.model.graph.node}
        inputs = case.data_sets[0][0]
        is_image = bool(inputs) and isinstance(inputs[0], np.ndarray) and inputs[0].dtype == np.float32
        if kinds <= set(ONNX.operators) | {"Constant"} and is_image and inputs[0].ndim:
            found[case.name] = case
    return found


def with_constants(case: Any) -> onnx.ModelProto:
    """The case's model with all inputs but the first as initializers."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for value, array in zip(model.graph.input[1:], case.data_sets[0][0][1:], strict=False):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
    return model


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # onnx computes its cases' infinities
@pytest.mark.parametrize("module", modules())
def test_cases(module: str) -> None:
    wrong = {}
    for name in sorted(cases(module).keys() - CHANGE_THE_BATCH):
        try:
            check(name, cases(module)[name])
        except AssertionError as error:
            wrong[name] = str(error)
    assert not wrong


def check(name: str, case: Any) -> None:
    inputs, wanted = case.data_sets[0]
    try:
        module = prepared(import_onnx(with_constants(case), new_context()))
    except ModelError as error:
        assert re.search(REASONS, str(error)), error
        return
    # one case's expected numbers are written with four digits
    assert_close(outputs(module, inputs[0]), list(wanted), 2e-4 if "last_window_starts_on_pad" in name else 2e-6)


def test_there_is_something_to_compare() -> None:
    assert len(modules()) > 80
    assert all(len(cases(module)) >= 5 for module in ("conv", "gemm", "reshape", "split", "transpose"))
