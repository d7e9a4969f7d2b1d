"""Operators that ONNX itself defines by others are these others, where ingest has no function for them.

    RotaryEmbedding, SwiGLU, ...    -->  the body of ONNX's own definition

Those with a hint (`passes/unsupported.py`) stay: what they lack would be said of the body's nodes, which are nobody's.
"""

import onnx
import onnx.inliner
from onnx import helper

from dyadic.passes.ingest.ingest_onnx import ONNX
from dyadic.passes.unsupported import HINTS

HINTED = {operator for operators, _ in HINTS for operator in operators.split()}
FOLDED = {"Range"}  # what is computed while compiling, or not at all
SMALL_BYTES = 1024  # of a constant that a body may depend on, as axes
HAS_A_BODY = ("has_function", "has_context_dependent_function")
DEFAULTS = {"MeanVarianceNormalization": {"axes": [0, 2, 3]}}  # that onnx's own inference does not find by itself


def _defined() -> frozenset[str]:
    found: dict[str, bool] = {}
    for schema in onnx.defs.get_all_schemas():
        if schema.domain == "" and any(getattr(schema, has) for has in HAS_A_BODY):  # which stubs do not know
            found[schema.name] = True
    quantizing = {name for name in found if "Quantize" in name}
    return frozenset(found) - set(ONNX.operators) - HINTED - FOLDED - quantizing


DEFINED = _defined()  # what is taken by its body


def expand_bodies(model: onnx.ModelProto) -> bool:
    """Put bodies in the place of such operators; whether there was one. Weights are not given to onnx: copies cost."""
    graph = model.graph
    for node in graph.node:
        for name, value in DEFAULTS.get(node.op_type, {}).items():
            if all(attribute.name != name for attribute in node.attribute):
                node.attribute.append(helper.make_attribute(name, value))
    wanted = sorted({("", node.op_type) for node in graph.node if node.op_type in DEFINED})
    if not wanted:
        return False
    slim = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    slim.graph.name = "bodies"
    slim.graph.node.extend(graph.node)
    slim.graph.output.extend(graph.output)
    slim.graph.value_info.extend(graph.value_info)
    given = {value.name for value in graph.input}
    slim.graph.input.extend(graph.input)
    for tensor in graph.initializer:
        if tensor.ByteSize() <= SMALL_BYTES:
            slim.graph.initializer.append(tensor)
        if tensor.name not in given:
            slim.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    try:
        expanded = onnx.inliner.inline_selected_functions(slim, wanted, inline_schema_functions=True)
    except RuntimeError:  # the body depends on a type that onnx does not find; ingest names the operator
        return False
    del graph.node[:]
    graph.node.extend(expanded.graph.node)
    return True
