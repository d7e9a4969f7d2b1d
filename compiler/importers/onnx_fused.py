"""What ONNX Runtime's optimizers fuse is taken apart again: com.microsoft's operators as ONNX's own.

    FusedConv(x, w, b, z)         -->  activation(Conv(x, w, b) + z)        FusedGemm the same
    FusedMatMul(a, b)             -->  alpha * MatMul(a, b), either one transposed
    BiasGelu, FastGelu, QuickGelu -->  the curve of x and its bias
    MatMulNBits(x, codes)         -->  MatMul with the numbers that codes in blocks stand for

Attention, embeddings and norms are in `onnx_attention`. Those that look at the machine's own layouts, or at caches of a
decoder, stay and are named.
"""

import numpy as np
import onnx
from onnx import NodeProto

from dyadic.compiler.importers import onnx_attention
from dyadic.compiler.importers.onnx_integers import (
    BLOCKS,
    CONTRIB,
    Array,
    Graph,
    Rewrite,
    Steps,
    attributes_of,
    optional,
)

NUMBERS = (
    "alpha epsilon K N bits block_size transA transB transBatchA transBatchB num_heads scale mask_filter_value "
    "unidirectional do_rotary axis stash_type"
).split() + [f"activation_{name}" for name in ("alpha", "beta", "gamma")]
FLAT = 1.702  # QuickGelu's own factor


def take_apart(model: onnx.ModelProto) -> list[str]:
    """Rewrite a graph in place. What the user should know of it."""
    graph = model.graph
    if not any(node.op_type in REWRITES for node in graph.node):
        return []
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    taken = {*constants, *(value.name for value in graph.input)}
    taken |= {name for node in graph.node for name in (node.name, *node.output)}
    new = Graph(constants, {}, taken=taken, opset=model.opset_import[0].version)
    new.types.update((value.name, value.type.tensor_type.elem_type) for value in graph.input)
    new.producers.update((name, node) for node in graph.node for name in node.output if name)
    for node in graph.node:
        rewrite = REWRITES.get(node.op_type)
        short = rewrite is None or len(node.input) < FEWEST[node.op_type] or not node.output or not node.output[0]
        if rewrite is None or short or not plain(node) or not rewrite(new, node):
            new.nodes.append(node)
    del graph.node[:]
    graph.node.extend(new.nodes)
    graph.initializer.extend(new.made)
    return [BLOCKS.format(new.blocked)] if new.blocked else []


def plain(node: NodeProto) -> bool:
    """Whether what the rewrites read of attributes are numbers and names, as they should be."""
    said = attributes_of(node)
    named = isinstance(said.get("activation", b""), bytes) and said.get("activation", b"").isascii()
    listed = isinstance(said.get("activation_params", []), list)
    return named and listed and all(isinstance(said.get(key, 0), int | float) for key in NUMBERS)


def activated(operator: str) -> Rewrite:
    """FusedConv and FusedGemm."""

    def rewrite(new: Graph, node: NodeProto) -> bool:
        steps, said = Steps(new, node), attributes_of(node)
        name = said.pop("activation", b"").decode()
        numbers = list(said.pop("activation_params", []))
        given = {
            key: said.pop(key) for key in ("activation_alpha", "activation_beta", "activation_gamma") if key in said
        }
        if name not in ("", "Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSigmoid"):
            return False
        numbers = numbers or [given[key] for key in sorted(given)]
        residual = optional(node, 3) if operator == "Conv" else ""
        inputs = [one for one in node.input[:3] if one]
        result = steps.make(operator, *inputs, last=not (name or residual), **said)
        if residual:
            result = steps.make("Add", result, residual, last=not name)
        if name == "Clip":
            if len(numbers) != 2:
                return False
            steps.make("Clip", result, *(steps.number(v) for v in numbers), last=True)
        elif name:
            named = {"LeakyRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"]}.get(name, [])
            steps.make(name, result, last=True, **dict(zip(named, numbers, strict=False)))
        return True

    return rewrite


def fused_matmul(new: Graph, node: NodeProto) -> bool:
    """Its last two dimensions are turned; batches in other places are not taken."""
    steps, said = Steps(new, node), attributes_of(node)
    alpha, (a, b) = said.get("alpha", 1.0), node.input[:2]
    if said.get("transBatchA") or said.get("transBatchB"):
        return False
    for key, value in (("transA", a), ("transB", b)):
        if said.get(key) and value not in new.constants:
            return False
    turned = [
        new.constant(f"{value} turned", np.swapaxes(array, -1, -2))
        if said.get(key) and (array := new.array(value)) is not None and array.ndim > 1 else value
        for key, value in (("transA", a), ("transB", b))
    ]  # fmt: skip
    result = steps.make("MatMul", *turned, last=alpha == 1)
    if alpha != 1:
        steps.make("Mul", result, steps.number(alpha), last=True)
    return True


def gelu(new: Graph, node: NodeProto) -> bool:
    """Gelu and BiasGelu: x / 2 * (1 + erf(x / sqrt(2)))."""
    steps = Steps(new, node)
    x = steps.make("Add", node.input[0], node.input[1]) if optional(node, 1) else node.input[0]
    curve = steps.make("Erf", steps.make("Div", x, steps.number(2**0.5)))
    raised = steps.make("Add", curve, steps.number(1))
    steps.make("Mul", steps.make("Mul", x, raised), steps.number(0.5), last=True)
    return True


def fast_gelu(new: Graph, node: NodeProto) -> bool:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    steps = Steps(new, node)
    x = steps.make("Add", node.input[0], node.input[1]) if optional(node, 1) else node.input[0]
    cube = steps.make("Mul", steps.make("Pow", x, steps.number(3)), steps.number(0.044715))
    inner = steps.make("Mul", steps.make("Add", x, cube), steps.number((2 / np.pi) ** 0.5))
    raised = steps.make("Add", steps.make("Tanh", inner), steps.number(1))
    steps.make("Mul", steps.make("Mul", x, raised), steps.number(0.5), last=True)
    return True


def quick_gelu(new: Graph, node: NodeProto) -> bool:
    """x * sigmoid(alpha * x)."""
    steps = Steps(new, node)
    scaled = steps.make("Mul", node.input[0], steps.number(attributes_of(node).get("alpha", FLAT)))
    steps.make("Mul", node.input[0], steps.make("Sigmoid", scaled), last=True)
    return True


def matmul_in_blocks(new: Graph, node: NodeProto) -> bool:
    """MatMulNBits(x, codes [N, blocks, bytes], scales, zero points, order, bias)."""
    said, steps = attributes_of(node), Steps(new, node)
    rows, depth, bits, block = (int(said.get(key, 0)) for key in ("N", "K", "bits", "block_size"))
    codes, scales = new.array(node.input[1]), new.array(node.input[2])
    points = new.array(optional(node, 3)) if optional(node, 3) else None
    if codes is None or scales is None or optional(node, 4) or bits not in (2, 4, 8) or min(rows, depth, block) < 1:
        return False
    if (optional(node, 3) and points is None) or codes.dtype != np.uint8:
        return False
    blocks = -(-depth // block)
    if codes.size * 8 != rows * blocks * block * bits or scales.size != rows * blocks:
        return False
    steps_of = unpacked(codes.reshape(rows, -1), bits).reshape(rows, blocks, block)
    offset: Array = np.full((rows, blocks, 1), 1 << (bits - 1))
    if points is not None:
        packed = points.dtype == np.uint8
        found = unpacked(points.reshape(rows, -1), bits)[:, :blocks] if packed else points.reshape(rows, -1)
        if found.shape != (rows, blocks):
            return False
        offset = found.astype(np.float64)[:, :, None]
    real = (steps_of - offset) * scales.astype(np.float64).reshape(rows, blocks, 1)
    weight = new.constant(f"{node.input[1]} as numbers", real.reshape(rows, -1)[:, :depth].T.astype(np.float32))
    bias = optional(node, 5)
    result = steps.make("MatMul", node.input[0], weight, last=not bias)
    if bias:
        steps.make("Add", result, bias, last=True)
    new.blocked += 1
    return True


def unpacked(values: Array, bits: int) -> Array:
    """Codes of fewer than 8 bits, the lowest of a byte first.

    >>> unpacked(np.array([[0x21, 0x43]], np.uint8), 4).tolist()
    [[1, 2, 3, 4]]
    """
    parts = [(values.astype(np.int64) >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, -1).reshape(len(values), -1)


REWRITES: dict[str, Rewrite] = {
    f"{CONTRIB}{name}": rewrite
    for name, rewrite in (
        ("FusedConv", activated("Conv")), ("FusedGemm", activated("Gemm")), ("FusedMatMul", fused_matmul),
        ("TransposeMatMul", fused_matmul), ("Gelu", gelu), ("BiasGelu", gelu), ("FastGelu", fast_gelu),
        ("QuickGelu", quick_gelu), ("MatMulNBits", matmul_in_blocks),
    )
} | onnx_attention.REWRITES  # fmt: skip
FEWEST = {name: 2 for name in REWRITES} | {
    f"{CONTRIB}Gelu": 1, f"{CONTRIB}FastGelu": 1, f"{CONTRIB}QuickGelu": 1, f"{CONTRIB}MatMulNBits": 3,
} | onnx_attention.FEWEST  # fmt: skip
