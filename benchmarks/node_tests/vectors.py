"""ONNX's quantization vectors: operators on integers of 2 to 32 bits, and casts to and from 2, 4 and 8 bits.

    python -m benchmarks.node_tests.vectors [--why] [--write]

Each case is tried as a network would have it, and the first way that is taken counts. Integers of an activation stand
for numbers: `in front` is a QuantizeLinear of them, `behind` a DequantizeLinear, and the artifact runs. What stands on
weights is computed while compiling. An integer off is a wrong one, but that what is rounded once may be one step off.
"""

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.backend.test.case.node import collect_testcases

import dyadic
from benchmarks.node_tests.backend import meaning, prepared
from dyadic.compiler.importers.onnx_folding import Budget, fold
from dyadic.compiler.importers.onnx_whole import FIRST, reshaped
from dyadic.runtime.errors import DyadicError, UsageError

RECORD = Path(__file__).parent / "vectors.json"  # what became of so many
QUANTIZING = ("convinteger", "matmulinteger", "qlinearconv", "qlinearmatmul", "dynamicquantizelinear")
SMALL = {kind for word, kind in TensorProto.DataType.items() if word.removeprefix("U")[:4] in ("INT2", "INT4", "INT8")}
SMALL |= {kind for word, kind in TensorProto.DataType.items() if word.startswith(("FLOAT4", "FLOAT8"))}


class Place(NamedTuple):
    """Which inputs are an activation's integers, their scale and their zero point; those of the result; -1: none."""

    x: int
    scale: int
    zero_point: int
    out_scale: int = -1
    out_zero_point: int = -1


PLACES = {
    "QLinearConv": Place(0, 1, 2, 6, 7),
    "QLinearMatMul": Place(0, 1, 2, 6, 7),
    "ConvInteger": Place(0, -1, 2),
    "MatMulInteger": Place(0, -1, 2),
    "QuantizeLinear": Place(0, -1, -1, 1, 2),
    "DequantizeLinear": Place(0, 1, 2),
}
ROUNDED = {"DequantizeLinear", "QLinearConv", "QLinearMatMul", "QuantizeLinear"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--why", action="store_true", help="say of each case what became of it")
    parser.add_argument("--write", action="store_true", help=f"keep what was counted in {RECORD.name}")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    counted: Counter[str] = Counter()
    for case in vectors():
        kind, why = judged(case)
        counted[kind] += 1
        if asked.why or kind == "wrong":
            print(f"{case.name}: {kind} {' '.join(why.split())[:160]}", flush=True)
    print(f"{sum(counted.values())} vectors: {', '.join(f'{n} {kind}' for kind, n in sorted(counted.items()))}")
    if asked.write:
        RECORD.write_text(json.dumps(dict(sorted(counted.items())), indent=1) + "\n")
    return int(counted["wrong"] > 0)


def vectors() -> list[Any]:
    """The cases, as onnx itself makes them."""
    with np.errstate(all="ignore"):
        every = [case for case in collect_testcases(None) if case.model is not None and case.data_sets]
    return [case for case in every if is_quantizing(case)]


def is_quantizing(case: Any) -> bool:
    name = case.name.removeprefix("test_")
    if name.startswith(("cast_", "castlike_")):
        kinds = {v.type.tensor_type.elem_type for v in (*case.model.graph.input, *case.model.graph.output)}
        return bool(kinds & SMALL)
    return name.startswith((*QUANTIZING, "quantizelinear", "dequantizelinear"))


def judged(case: Any) -> tuple[str, str]:
    """("exact", "within a step", "wrong" or "refused"; why)."""
    (node, *others), why = case.model.graph.node, "it has several nodes"
    inputs, wanted = ([array_of(x) for x in side] for side in case.data_sets[0])
    if not others and node.op_type in PLACES:
        for way, run in (("in an artifact", answered), ("of weights", weighed)):
            if run is weighed and node.op_type != "DequantizeLinear":
                break
            step = float(np.max(np.asarray(inputs[1], np.float32))) if node.op_type == "DequantizeLinear" else 1.0
            try:
                return compared(node.op_type, run(case.model, node, inputs), wanted[0], way, step)
            except DyadicError as error:
                why = str(error)
    made = folded(case.model, inputs)
    if made is None:
        return "refused", why
    same = all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(made, wanted, strict=True))
    return ("exact", "while compiling") if same else ("wrong", "while compiling")


def array_of(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def compared(operator: str, got: Any, wanted: Any, way: str, step: float) -> tuple[str, str]:
    """Integers are the same, or of what is rounded one step away; numbers that a short type rounds are those."""
    if wanted.dtype.itemsize < 4 and operator == "DequantizeLinear":
        got = np.asarray(got).astype(wanted.dtype)
    a, b = (np.asarray(x).astype(np.float64) for x in (got, wanted))
    off = np.abs(a - b).max(initial=0)
    if wanted.dtype.kind == "f":
        off = 0 if off <= 1e-5 * np.abs(b).max(initial=0) else off
    if off == 0:
        return "exact", way
    within = off <= step and operator in ROUNDED
    return ("within a step" if within else "wrong"), f"{way}, off by {off:g} of {np.abs(b).max():g}"


def answered(model: onnx.ModelProto, node: onnx.NodeProto, inputs: Sequence[Any]) -> Any:
    """What an artifact gives of one image, whose first dimension is the batch."""
    place, opset = PLACES[node.op_type], next(o.version for o in model.opset_import if o.domain == "")
    known = {name: x for name, x in zip([n for n in node.input if n], inputs, strict=True)}
    x, live = known.pop(node.input[place.x]), node.input[place.x]

    def given(index: int, default: Any) -> Any:
        there = 0 <= index < len(node.input) and node.input[index] in known
        return known[node.input[index]] if there else default

    integers = x.dtype.kind in "iu"
    if np.size(given(place.scale, 1)) != 1 or np.size(given(place.out_scale, 1)) != 1:
        raise UsageError("an activation has one scale")
    if not integers and node.op_type == "DequantizeLinear":
        raise UsageError("its codes are floats, which only weights may be")
    scale = np.float32(np.asarray(given(place.scale, np.float32(1))).reshape(()))
    zero_point = np.asarray(given(place.zero_point, np.zeros((), x.dtype)))
    initializers = [numpy_helper.from_array(np.asarray(a), name) for name, a in known.items()]
    initializers.append(numpy_helper.from_array(np.zeros(1, np.int64), FIRST))
    before = [reshaped("Squeeze", "image", "numbers" if integers else live, opset)]
    if integers:
        initializers.append(numpy_helper.from_array(np.asarray(scale), "scale in front"))
        initializers.append(numpy_helper.from_array(zero_point, "point in front"))
        before.append(helper.make_node("QuantizeLinear", ["numbers", "scale in front", "point in front"], [live], "in"))
    out, after = node.output[0], []
    if place.out_scale >= 0:
        names = [node.input[i] for i in (place.out_scale, place.out_zero_point) if i < len(node.input)]
        same = [a for a in node.attribute if a.name in ("axis", "block_size")]
        after.append(helper.make_node("DequantizeLinear", [out, *names], ["real"], "behind"))
        after[-1].attribute.extend(same)
        out = "real"
    after.append(reshaped("Unsqueeze", out, "answer", opset))
    whole_numbers = node.op_type.endswith("Integer")  # which sessions round to
    kind = TensorProto.INT32 if whole_numbers else TensorProto.FLOAT
    result = [helper.make_tensor_value_info("answer", kind, None)]
    source = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *x.shape])]
    graph = helper.make_graph([*before, node, *after], "vector", source, result, initializers)
    whole = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    real = (x.astype(np.float32) - zero_point.astype(np.float32)) * scale if integers else x.astype(np.float32)
    wide = 2 in (zero_point.dtype.itemsize, np.asarray(given(place.out_zero_point, zero_point)).dtype.itemsize)
    artifact = dyadic.compile(
        whole,
        calibration={"image": real[None]},
        precision="w8a16" if wide else "int8",  # zero points of 16 bits are none of ours: steps as small, not the same
        isa=["x86-64"],
        progress="off",
        measure=False,
    )
    with artifact.load() as session:
        (answer,) = session.run(None, {"image": real[None].astype(np.float32)})
    if place.out_scale < 0:
        return answer[0]
    step, point = given(place.out_scale, 1.0), given(place.out_zero_point, 0)
    return np.rint(answer[0] / np.float32(step)) + np.asarray(point).astype(np.float32)


def weighed(model: onnx.ModelProto, node: onnx.NodeProto, inputs: Sequence[Any]) -> Any:
    """What a DequantizeLinear of constants is added as."""
    opset = next(o.version for o in model.opset_import if o.domain == "")
    names = [name for name in node.input if name]
    tensors = [numpy_helper.from_array(np.asarray(x), name) for name, x in zip(names, inputs, strict=True)]
    tensors.append(numpy_helper.from_array(np.zeros(1, np.int64), FIRST))
    nodes = [
        node,
        helper.make_node("Cast", [node.output[0]], ["real"], "real", to=TensorProto.FLOAT),
        reshaped("Unsqueeze", "real", "weights", opset),
        helper.make_node("Add", ["image", "weights"], ["answer"], "added"),
    ]
    shape = [1, *np.shape(inputs[0])]
    source = [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)]
    result = [helper.make_tensor_value_info("answer", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "weights", source, result, tensors)
    whole = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return meaning(prepared(whole), [np.zeros(shape, np.float32)])[0][0]


def folded(model: onnx.ModelProto, inputs: Sequence[Any]) -> list[Any] | None:
    """What computing a constant gives, where that is done."""
    names = [value.name for value in model.graph.input]
    constants = {name: numpy_helper.from_array(np.asarray(x), name) for name, x in zip(names, inputs, strict=True)}
    inferred = shape_inference.infer_shapes(model).graph
    types = {value.name: value for value in (*inferred.value_info, *inferred.output, *inferred.input)}
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    fold(graph, model.opset_import, constants, types, Budget(constants))
    made = [constants.get(value.name) for value in graph.output]
    return None if None in made else [numpy_helper.to_array(tensor) for tensor in made if tensor is not None]


if __name__ == "__main__":
    sys.exit(main())
