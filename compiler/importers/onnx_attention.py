"""What ONNX Runtime's optimizer of transformers and its quantizer fuse, as ONNX's own operators.

    Attention(x, w, b, mask)               -->  products, heads, softmax(q k^T * scale + mask) v
    MultiHeadAttention(q, k, v, b, mask)   -->  the same of what is projected already
    QAttention(codes, w, b, ...)           -->  MatMulIntegerToFloat for q, k and v, then the same
    EmbedLayerNormalization(ids, ...)      -->  LayerNormalization of the sum of rows of two or three tables
    SkipLayerNormalization(x, s, ...)      -->  LayerNormalization of the sum, which is a result, too

A mask that became "the number of valid tokens" is the mask again: padding comes last. Caches of past tokens, rotary
positions and lengths that are inputs stay, and are named. A norm that is newer than the file's opset is spelled out.
"""

import numpy as np
from onnx import NodeProto, TensorProto

from dyadic.compiler.importers.onnx_integers import CONTRIB, Array, Graph, Rewrite, Steps, attributes_of, optional

LEFT_OUT = -10_000.0  # what ONNX Runtime adds to scores that a mask leaves out, where nothing else is said
NORMS_ARE_KNOWN = 17  # LayerNormalization, from this opset on
AXES_ARE_INPUTS = 18  # of reductions
TRILU_IS_KNOWN = 14
COUNTING = {"ReduceSum", "Cast"}  # between a mask and the number of its valid tokens


def attention(new: Graph, node: NodeProto) -> bool:
    """Attention(x, weight [H, 3H], bias, mask, past, attention bias)."""
    weight, bias = new.array(node.input[1]), new.array(optional(node, 2)) if optional(node, 2) else None
    if (
        weight is None
        or weight.ndim != 2
        or optional(node, 4)
        or optional(node, 6)
        or (optional(node, 2) and bias is None)
    ):
        return False
    sizes = attributes_of(node).get("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3
    if sum(sizes) != weight.shape[1]:
        return False
    steps = Steps(new, node)
    ends = np.cumsum(sizes)[:-1]
    parts = np.split(weight, ends, 1)
    biases = [None] * 3 if bias is None else np.split(bias.reshape(-1), ends)
    projected = [projection(steps, node.input[0], w, b) for w, b in zip(parts, biases, strict=True)]
    return attended(steps, projected, optional(node, 3), optional(node, 5))


def projection(steps: Steps, x: str, weight: Array, bias: Array | None) -> str:
    """`x @ weight + bias`."""
    made = steps.make("MatMul", x, steps.new.constant(f"{steps.node.name} weight", weight))
    return made if bias is None else steps.make("Add", made, steps.new.constant(f"{steps.node.name} bias", bias))


def multi_head_attention(new: Graph, node: NodeProto) -> bool:
    """MultiHeadAttention(q, k, v, bias, mask, attention bias, past k, past v); all of three dimensions."""
    if not optional(node, 2) or any(optional(node, i) for i in range(6, len(node.input))):
        return False
    steps, projected = Steps(new, node), list(node.input[:3])
    if optional(node, 3):
        bias = new.array(node.input[3])
        if bias is None or bias.size % 3:
            return False  # where values have another width than queries, nothing says which
        parts = np.split(bias.reshape(-1), 3)
        projected = [
            steps.make("Add", x, new.constant(f"{node.name} bias", part))
            for x, part in zip(projected, parts, strict=True)
        ]
    return attended(steps, projected, optional(node, 4), optional(node, 5))


def quantized_attention(new: Graph, node: NodeProto) -> bool:
    """QAttention(codes, weight, bias, scale, weight scale, mask, zero point, weight zero point, past)."""
    codes, weight, bias, scale, factors, mask, point, points = (optional(node, i) for i in range(8))
    values = [new.array(name) if name else None for name in (weight, bias, factors, points)]
    if optional(node, 8) or values[0] is None or values[0].ndim != 2 or values[2] is None or values[0].shape[1] % 3:
        return False
    steps, columns, projected = Steps(new, node), values[0].shape[1], list[str]()
    for i in range(3):
        names = []
        for values_, name in zip(values, ("weight", "bias", "scale", "zero point"), strict=True):
            cut = values_ if values_ is None or values_.shape[-1:] != (columns,) else np.split(values_, 3, -1)[i]
            names.append("" if cut is None else new.constant(f"{node.name} {name} {i}", cut))
        inputs = [codes, names[0], scale, names[2], point, names[3], names[1]]
        projected.append(steps.make(f"{CONTRIB}MatMulIntegerToFloat", *inputs))
    return attended(steps, projected, mask, "")


def attended(steps: Steps, projected: list[str], mask: str, bias: str) -> bool:
    """softmax(q k^T * scale + mask + bias) v of tensors [N, L, H], under the node's name."""
    new, said = steps.new, attributes_of(steps.node)
    heads, scale = int(said.get("num_heads", 0)), said.get("scale", 0.0)
    causal = bool(said.get("unidirectional", 0))
    if heads < 1 or any(steps.node.output[1:]) or said.get("do_rotary", 0) or (causal and new.opset < TRILU_IS_KNOWN):
        return False
    keep = mask_of(new, mask) if mask else ""
    if keep is None:
        return False
    apart = steps.whole(0, 0, heads, -1)
    q, k, v = (
        steps.make("Transpose", steps.make("Reshape", x, apart), perm=order)
        for x, order in zip(projected, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True)
    )
    scores = steps.make("MatMul", q, k)
    if scale:
        scores = steps.make("Mul", scores, steps.number(scale))
    else:
        size = steps.make("Gather", steps.make("Shape", q), steps.whole(3))
        root = steps.make("Sqrt", steps.make("Cast", size, to=TensorProto.FLOAT))
        scores = steps.make("Div", scores, root)
    left_out = float(said.get("mask_filter_value", LEFT_OUT))
    if keep:
        valid = steps.make("Cast", steps.make("Reshape", keep, steps.whole(0, 1, 1, -1)), to=TensorProto.FLOAT)
        missing = steps.make("Sub", steps.number(1), valid)
        scores = steps.make("Add", scores, steps.make("Mul", missing, steps.number(left_out)))
    if causal:
        sizes = steps.make("Gather", steps.make("Shape", scores), steps.whole(2, 3))
        value = TensorProto(dims=[1], data_type=TensorProto.FLOAT, float_data=[LEFT_OUT])
        every = steps.make("ConstantOfShape", sizes, value=value)
        one = new.constant(f"{steps.node.name} diagonal", np.array(1, np.int64))
        scores = steps.make("Add", scores, steps.make("Trilu", every, one, upper=1))
    if bias:
        scores = steps.make("Add", scores, bias)
    seen = steps.make("MatMul", steps.make("Softmax", scores, axis=3), v)
    together = steps.make("Transpose", seen, perm=[0, 2, 1, 3])
    steps.make("Reshape", together, steps.whole(0, 0, -1), last=True)
    return True


def mask_of(new: Graph, name: str) -> str | None:
    """The mask [N, L] of ones and zeros behind what an attention reads; None where there is none."""
    while (node := new.producers.get(name)) is not None and node.op_type in COUNTING:
        name = node.input[0]
    if node is None:
        return name
    if node.op_type.endswith("EmbedLayerNormalization") and name in node.output[1:2]:
        return optional(node, 7) or None
    return name


def embeddings(new: Graph, node: NodeProto) -> bool:
    """EmbedLayerNormalization(ids, segments, words, positions, segments' table, gamma, beta, mask, places)."""
    return embedded(Steps(new, node), [optional(node, i) for i in range(7)], optional(node, 8))


def quantized_embeddings(new: Graph, node: NodeProto) -> bool:
    """QEmbedLayerNormalization: ids and segments, five tensors of codes, the mask, their scales, their zero points."""
    held, scales, points = ([optional(node, first + i) for i in range(5)] for first in (2, 8, 13))
    if any(bool(codes) != bool(scale) for codes, scale in zip(held, scales, strict=True)):
        return False
    real = [new.real(node, *three) if three[0] else "" for three in zip(held, scales, points, strict=True)]
    return embedded(Steps(new, node), [*node.input[:2], *real], "")


def embedded(steps: Steps, inputs: list[str], places: str) -> bool:
    """The norm of the sum of rows: ids, segments, tables of words, positions and segments, gamma, beta; `places` number
    the positions, which are counted where it is empty."""
    new, node = steps.new, steps.node
    ids, segments, words, positions, kinds, gamma, beta = inputs
    if bool(segments) != bool(kinds) or not (gamma and beta):
        return False
    if not places:
        zero, one = (new.constant(f"{node.name} {n}", np.array(n, np.int64)) for n in (0, 1))
        places = steps.make("Range", zero, steps.make("Gather", steps.make("Shape", ids), one), one)
    total = steps.make("Gather", words, ids)
    if segments:
        total = steps.make("Add", total, steps.make("Gather", kinds, segments))
    own = node.output[2] if len(node.output) > 2 else ""
    total = steps.make("Add", total, steps.make("Gather", positions, places), out=own)
    normalized(steps, total, gamma, beta, attributes_of(node).get("epsilon", 1e-12))
    return True


def skip_norm(new: Graph, node: NodeProto) -> bool:
    """SkipLayerNormalization(x, skip, gamma, beta, bias), SkipSimplifiedLayerNormalization(x, skip, gamma, bias); the
    fourth result is what is normalized."""
    if any(node.output[1:3]):
        return False
    root = node.op_type.endswith("SimplifiedLayerNormalization")
    steps = Steps(new, node)
    bias, beta = (optional(node, 3), "") if root else (optional(node, 4), optional(node, 3))
    total = node.output[3] if len(node.output) > 3 else ""
    added = steps.make("Add", node.input[0], node.input[1], out="" if bias else total)
    if bias:
        added = steps.make("Add", added, bias, out=total)
    normalized(steps, added, node.input[2], beta, attributes_of(node).get("epsilon", 1e-12), centered=not root)
    return True


def old_norm(new: Graph, node: NodeProto) -> bool:
    """LayerNormalization and SimplifiedLayerNormalization in a file whose opset does not have them."""
    said, centered = attributes_of(node), node.op_type == "LayerNormalization"
    if any(node.output[1:]) or said.get("axis", -1) != -1 or (centered and new.opset >= NORMS_ARE_KNOWN):
        return False
    scale, shift = node.input[1], optional(node, 2)
    normalized(Steps(new, node), node.input[0], scale, shift, said.get("epsilon", 1e-5), centered=centered)
    return True


def normalized(steps: Steps, x: str, scale: str, shift: str, epsilon: float, *, centered: bool = True) -> None:
    """LayerNormalization over the last dimension, or of the root mean square alone, under the node's name."""
    if centered and steps.new.opset >= NORMS_ARE_KNOWN:
        inputs = [x, scale, *([shift] if shift else [])]
        steps.make("LayerNormalization", *inputs, last=True, axis=-1, epsilon=epsilon)
        return
    distance = steps.make("Sub", x, mean(steps, x)) if centered else x
    spread = mean(steps, steps.make("Mul", distance, distance))
    root = steps.make("Sqrt", steps.make("Add", spread, steps.number(epsilon)))
    scaled = steps.make("Mul", steps.make("Div", distance, root), scale, last=not shift)
    if shift:
        steps.make("Add", scaled, shift, last=True)


def mean(steps: Steps, x: str) -> str:
    """Over the last dimension."""
    if steps.new.opset < AXES_ARE_INPUTS:
        return steps.make("ReduceMean", x, axes=[-1], keepdims=1)
    return steps.make("ReduceMean", x, steps.whole(-1), keepdims=1)


REWRITES: dict[str, Rewrite] = {
    f"{CONTRIB}Attention": attention,
    f"{CONTRIB}MultiHeadAttention": multi_head_attention,
    f"{CONTRIB}QAttention": quantized_attention,
    f"{CONTRIB}EmbedLayerNormalization": embeddings,
    f"{CONTRIB}QEmbedLayerNormalization": quantized_embeddings,
    f"{CONTRIB}SkipLayerNormalization": skip_norm,
    f"{CONTRIB}SkipSimplifiedLayerNormalization": skip_norm,
    f"{CONTRIB}SimplifiedLayerNormalization": old_norm,
    "SimplifiedLayerNormalization": old_norm,
    "LayerNormalization": old_norm,
}
FEWEST = {
    f"{CONTRIB}Attention": 2,
    f"{CONTRIB}MultiHeadAttention": 1,
    f"{CONTRIB}QAttention": 5,
    f"{CONTRIB}EmbedLayerNormalization": 7,
    f"{CONTRIB}QEmbedLayerNormalization": 13,
    f"{CONTRIB}SkipLayerNormalization": 3,
    f"{CONTRIB}SkipSimplifiedLayerNormalization": 3,
}
