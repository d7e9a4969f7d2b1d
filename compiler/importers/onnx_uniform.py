"""Large constants of one number, which a file of ten kilobytes may have a hundred million of, are held as that number.

A tensor so held has its sizes, a single entry and the mark. Only layers read it, as their weights: what else would have
to be computed from it is computed from all of its entries, within the budget of `onnx_folding`.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from dyadic.runtime.errors import ResourceError

MARK = "dyadic: every entry is this one"
FEWEST = 1 << 16  # numbers; smaller ones cost nothing
MOST = 160_000_000  # numbers of all such constants together, as many as VGG-19 has: an artifact of so many bytes
LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}  # and their input 1 is the weight


def is_uniform(tensor: TensorProto) -> bool:
    return tensor.doc_string == MARK


def uniform_of(
    node: NodeProto, graph: onnx.GraphProto, constants: Mapping[str, TensorProto], shape: list[int]
) -> TensorProto | None:
    """What a ConstantOfShape makes for layers alone, held as one number; None where it is to be computed.

    Raises ResourceError where all of them together are too large.
    """
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if node.op_type != "ConstantOfShape" or count < FEWEST or not _only_layers_read(node.output[0], graph):
        return None
    value = next((numpy_helper.to_array(a.t) for a in node.attribute if a.name == "value"), np.zeros(1, np.float32))
    if value.dtype != np.float32 or value.size != 1:
        return None
    total = count + sum(int(np.prod(t.dims, dtype=object)) for t in constants.values() if is_uniform(t))
    if total > MOST:
        raise ResourceError(
            f'"{node.name}" (ConstantOfShape) makes {count} weights of one number, {total} with those before it; up to '
            f"{MOST} are supported: store weights that differ"
        )
    return TensorProto(
        dims=shape, data_type=TensorProto.FLOAT, float_data=[value.item()], name=node.output[0], doc_string=MARK
    )


def _only_layers_read(name: str, graph: onnx.GraphProto) -> bool:
    readers = [node for node in graph.node if name in node.input]
    returned = any(value.name == name for value in graph.output)
    weights = all(node.op_type in LAYERS and [*node.input].index(name) == 1 for node in readers)
    return bool(readers) and weights and not returned
