"""What does not depend on the input is computed now, by onnx's own reference implementation, within limits.

A file of 200 bytes can ask for a range of 2^40 numbers or for the product of two matrices that an Expand has made of
one number. So each node says what it would make and how much work that is before it is run, and a model has a budget
of both: `MOST_BYTES` beside four times what its own constants hold, and `MOST_WORK`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from dyadic.compiler.importers.onnx_structure import bytes_of
from dyadic.compiler.importers.onnx_uniform import uniform_of
from dyadic.runtime.errors import ResourceError

Constants = dict[str, onnx.TensorProto]
Types = Mapping[str, onnx.ValueInfoProto]
Array = npt.NDArray[Any]

MOST_BYTES = 128 << 20
MOST_WORK = 1 << 31  # about as many simple operations on numbers; one or two seconds

FLAGS = ("keepdims", "noop_with_empty_axes")  # of others than 0 and 1 engines think differently
NOT_FOLDED = {
    "QuantizeLinear",
    "DequantizeLinear",
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
    "Loop",
    "Scan",
    "SequenceMap",
}
# What NumPy does in one call. For everything else the reference implementation loops in Python, element by element.
ONE_CALL = set(
    "Abs Add And BatchNormalization Cast CastLike Ceil Clip Concat ConstantOfShape Cos Div DynamicQuantizeLinear "
    "Equal Erf Exp Expand Flatten Floor Gather Greater GreaterOrEqual HardSigmoid HardSwish Identity LeakyRelu Less "
    "LessOrEqual Log Max Mean Min Mod Mul Neg Not Or PRelu Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceMax "
    "ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round Shape Sigmoid Sign Sin Size Slice "
    "Softmax Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Trilu Unsqueeze Where Xor".split()
)
LOOP_WORK = 256  # of one element there
PRODUCTS = {"MatMul", "Gemm", "MatMulInteger", "QLinearMatMul"}
# what the reference implementation raises of what it cannot compute
FAILURES = (NotImplementedError, ValueError, TypeError, RuntimeError, LookupError, ArithmeticError, AttributeError)
BLAS = (TensorProto.FLOAT, TensorProto.DOUBLE)
BLAS_SPEED = 8  # multiplications for one unit of work


class Budget:
    """What computing constants may still make and do."""

    def __init__(self, constants: Constants) -> None:
        held = sum(bytes_of(tensor, name) for name, tensor in constants.items())
        self.limit = MOST_BYTES + 4 * held
        self.bytes, self.work = 0, 0

    def spend(self, node: NodeProto, made: int, work: int) -> None:
        """ResourceError where the node would make or do more than is left."""
        self.bytes += made
        self.work += work
        if self.bytes > self.limit:
            raise ResourceError(
                f'"{node.name}" ({node.op_type}) does not depend on the input, and computing it would make '
                f"{self.bytes >> 20} MiB of constants; this model may make {self.limit >> 20}"
            )
        if self.work > MOST_WORK:
            raise ResourceError(
                f'"{node.name}" ({node.op_type}) does not depend on the input, and computing it would take too long '
                f"(about {self.work:.1e} operations, {MOST_WORK:.1e} are allowed); store its result as a constant"
            )


def fold(graph: onnx.GraphProto, opsets: Any, constants: Constants, types: Types, budget: Budget) -> bool:
    """Compute every node whose inputs are constant or whose result only depends on a shape; whether there was one."""
    kept = []
    for node in graph.node:
        shape = static_shape(types.get(node.output[0])) if node.op_type == "ConstantOfShape" else None
        uniform = None if shape is None else uniform_of(node, graph, constants, shape)
        results = _evaluate(node, opsets, constants, types, budget) if uniform is None else [uniform]
        if results is None:
            kept.append(node)
        else:
            constants.update((name, tensor) for name, tensor in zip(node.output, results, strict=False) if name)
    folded = len(kept) < len(graph.node)
    if folded:
        replace_nodes(graph, kept)
    return folded


def replace_nodes(graph: onnx.GraphProto, nodes: Sequence[NodeProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)


def static_shape(value: onnx.ValueInfoProto | None) -> list[int] | None:
    """The sizes of a value, where all are known."""
    if value is None or not value.type.tensor_type.HasField("shape"):
        return None
    dims = value.type.tensor_type.shape.dim
    return [d.dim_value for d in dims] if all(d.HasField("dim_value") for d in dims) else None


def _evaluate(
    node: NodeProto, opsets: Any, constants: Constants, types: Types, budget: Budget
) -> list[TensorProto] | None:
    if node.op_type in ("Shape", "Size") and len(node.input) == 1:
        shape = static_shape(types.get(node.input[0]))
        if shape is None and node.input[0] in constants:
            shape = list(constants[node.input[0]].dims)
        if shape is None:
            return None
        bounds = {a.name: a.i for a in node.attribute}
        part = shape[bounds.get("start", 0) : bounds.get("end", len(shape))]
        values = np.array(part if node.op_type == "Shape" else math.prod(shape), np.int64)
        return [numpy_helper.from_array(values, node.output[0])]
    if node.op_type in NOT_FOLDED or any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute):
        return None
    if any(name and name not in constants for name in node.input):
        return None
    if any(a.name in FLAGS and a.i not in (0, 1) for a in node.attribute):
        return None
    shapes = [static_shape(types.get(name)) for name in node.output if name]
    if any(shape is None or min(shape, default=0) < 0 for shape in shapes):
        return None
    made = sum(math.prod(shape) for shape in shapes if shape is not None)
    budget.spend(node, made * _item_bytes(node, constants, types), _work(node, constants, made))
    feeds = {name: numpy_helper.to_array(constants[name]) for name in node.input if name}
    try:
        return [
            numpy_helper.from_array(np.asarray(values), name)
            for name, values in zip(node.output, _run(node, opsets, feeds), strict=False)
        ]
    except FAILURES:
        return None  # the reference implementation cannot; ingest names the operator if it stays


def _item_bytes(node: NodeProto, constants: Constants, types: Types) -> int:
    kinds = [types[name].type.tensor_type.elem_type for name in node.output if name in types]
    kinds += [constants[name].data_type for name in node.input if name]
    known = [k for k in kinds if k in onnx.helper.get_all_tensor_dtypes() and k != TensorProto.STRING]
    return max((onnx.helper.tensor_dtype_to_np_dtype(k).itemsize for k in known[:1]), default=8)


def _work(node: NodeProto, constants: Constants, made: int) -> int:
    """About how many simple operations a node takes."""
    inputs = [constants[name] for name in node.input if name]
    read = sum(math.prod(tensor.dims) for tensor in inputs)
    if node.op_type in ONE_CALL:
        return made + read
    if node.op_type in PRODUCTS and inputs:
        first = inputs[0]
        depth = max(first.dims, default=1) if node.op_type == "Gemm" else (first.dims or [1])[-1]
        return made * depth // (BLAS_SPEED if first.data_type in BLAS else 1) + read
    if node.op_type == "Einsum":
        return _einsum_work(node, inputs)
    if "Conv" in node.op_type and len(inputs) > 1:
        return 16 * made * math.prod(inputs[1].dims[1:]) + read
    return (made + read) * LOOP_WORK


def _einsum_work(node: NodeProto, inputs: Sequence[TensorProto]) -> int:
    """The product of all the sizes that the equation names, in one loop over all of them."""
    equation = next((a.s.decode(errors="replace") for a in node.attribute if a.name == "equation"), "")
    terms = equation.replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for number, (term, tensor) in enumerate(zip(terms, inputs, strict=False)):
        labels = list(term) if "..." not in term else [f"{number}.{i}" for i in range(len(tensor.dims))]
        sizes.update(zip(labels, tensor.dims, strict=False))
    return 4 * math.prod(sizes.values())


def _run(node: NodeProto, opsets: Any, feeds: Mapping[str, Array]) -> Sequence[Array]:
    """One node by onnx's reference implementation; where that has a limit of 64 entries, without it."""
    if node.op_type == "GatherElements":
        data, indices = (feeds[name] for name in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0) % data.ndim
        rest = tuple(slice(None) if d == axis else slice(n) for d, n in enumerate(indices.shape))
        return [np.take_along_axis(data[rest], indices, axis)]
    kinds = {name: onnx.helper.np_dtype_to_tensor_dtype(values.dtype) for name, values in feeds.items()}
    inputs = [onnx.helper.make_tensor_value_info(name, kinds[name], feeds[name].shape) for name in feeds]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = onnx.helper.make_graph([node], "one", inputs, outputs)
    single = onnx.helper.make_model(graph, opset_imports=opsets)
    with np.errstate(all="ignore"):
        return ReferenceEvaluator(single).run(None, dict(feeds))  # pyright: ignore[reportReturnType]
