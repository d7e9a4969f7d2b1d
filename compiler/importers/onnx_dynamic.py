"""Products whose input is quantized at run time become products of numbers, with the weights' own codes.

    Mul(Cast(MatMulInteger(DynamicQuantizeLinear(x), w)), x's scale * w's scale)  -->  MatMul(x, DequantizeLinear(w))
    the same with Floor(bias / (x's scale * w's scale)) added before the Cast     -->  the product with its bias
    DynamicQuantizeLSTM(x, w, r)                                                  -->  LSTM of the weights as numbers

The same for ConvInteger, and for what ONNX Runtime makes of these in one operator. A scale that is found anew for every
input would be a division in float; the range of x is learned from samples instead. What is left of such a pattern is
dead and vanishes; where it is another, its operators stay and are named.
"""

import numpy as np
from onnx import NodeProto

from dyadic.compiler.importers.onnx_integers import Array, Graph, attributes_of, columns, optional

PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
ROUNDING = {"Reshape", "Unsqueeze", "Cast", "Floor", "Round"}  # of a bias, on the way to integers
CODES_OF_LSTM = ((1, 8, 9), (2, 10, 11))  # places of codes, scale and zero point


def dynamic_product(new: Graph, node: NodeProto) -> bool:
    """A Mul that ends such a pattern."""
    for number, scales in (node.input[:2], node.input[1::-1]):
        cast = new.producers.get(number)
        if cast is None or cast.op_type != "Cast":
            continue
        product, added = without_bias(new, new.producers.get(cast.input[0]))
        if product is None:
            continue
        source = new.producers.get(product.input[0])
        scale = other_factor(new, scales, source)
        bias = scaled_bias(new, added, source, scale) if added else ""
        if source is None or scale is None or bias is None or product.input[1] not in new.constants:
            continue
        emit_product(new, node, product, source.input[0], scale, bias)
        new.learned += 1
        return True
    return False


def without_bias(new: Graph, node: NodeProto | None) -> tuple[NodeProto | None, str]:
    """(the product of integers, the name of what is added to it or "")."""
    if node is not None and node.op_type == "Add":
        for number, other in (node.input[:2], node.input[1::-1]):
            product = new.producers.get(number)
            if product is not None and product.op_type in PRODUCTS:
                return product, other
    return (node, "") if node is not None and node.op_type in PRODUCTS else (None, "")


def scaled_bias(new: Graph, name: str, source: NodeProto | None, scale: str | None) -> str | None:
    """The constant that became integers of the product's scale at run time; None where it is something else."""
    node = new.producers.get(name)
    while node is not None and node.op_type in ROUNDING:
        node = new.producers.get(node.input[0])
    if node is None or node.op_type != "Div" or node.input[0] not in new.constants:
        return None
    return node.input[0] if other_factor(new, node.input[1], source) == scale else None


def emit_product(new: Graph, node: NodeProto, product: NodeProto, x: str, scale: str, bias: str) -> None:
    """The float product, under the name of that of integers."""
    weight, zero_point, name = product.input[1], optional(product, 3), new.new(f"{product.name} of numbers")
    operator = PRODUCTS[product.op_type]
    if operator == "Conv":
        factors = new.array(scale)
        flat = scale if factors is None or factors.ndim < 2 else new.constant(f"{scale} of rows", factors.reshape(-1))
        inputs = [x, new.real(product, weight, flat, zero_point, 0)]
        if bias:
            inputs.append(new.constant(f"{bias} of channels", np.asarray(new.array(bias)).reshape(-1)))
        new.emit(operator, inputs, [node.output[0]], name, **attributes_of(product))
        return
    made = new.new(f"{node.output[0]} without bias") if bias else node.output[0]
    new.emit(operator, [x, columns(new, product, weight, scale, zero_point)], [made], name)
    if bias:
        new.emit("Add", [made, bias], [node.output[0]], new.new(f"{product.name} bias"))


def other_factor(new: Graph, name: str, source: NodeProto | None) -> str | None:
    """The constant that the scale of a DynamicQuantizeLinear is multiplied with."""
    product = new.producers.get(name)
    if source is None or source.op_type != "DynamicQuantizeLinear" or product is None or product.op_type != "Mul":
        return None
    others = [each for each in product.input if each != source.output[1]]
    return others[0] if len(others) == 1 and others[0] in new.constants else None


def dynamic_matmul(new: Graph, node: NodeProto) -> bool:
    """com.microsoft's DynamicQuantizeMatMul: (x, w, ws, wz, bias)."""
    x, weight, scale = node.input[:3]
    return product_of(new, node, x, weight, scale, optional(node, 3), optional(node, 4))


def integer_matmul(new: Graph, node: NodeProto) -> bool:
    """com.microsoft's MatMulIntegerToFloat: (codes of x, w, xs, ws, xz, wz, bias).

    Behind a DynamicQuantizeLinear, or of integers with a constant scale.
    """
    codes, weight, factor, scale = node.input[:4]
    zero_point, bias = optional(node, 5), optional(node, 6)
    source = new.producers.get(codes)
    if source is not None and source.op_type == "DynamicQuantizeLinear" and source.output[1] == factor:
        return product_of(new, node, source.input[0], weight, scale, zero_point, bias)
    if factor not in new.constants or weight not in new.constants:
        return False
    real = new.real(node, codes, factor, optional(node, 4))
    return product_of(new, node, real, weight, scale, zero_point, bias, learned=False)


def product_of(
    new: Graph, node: NodeProto, x: str, weight: str, scale: str, zero_point: str, bias: str, learned: bool = True
) -> bool:
    """`x @ weight + bias` under the node's name."""
    if weight not in new.constants or scale not in new.constants:
        return False
    real = columns(new, node, weight, scale, zero_point)
    made = new.new(f"{node.output[0]} without bias") if bias else node.output[0]
    new.emit("MatMul", [x, real], [made], node.name)
    if bias:
        new.emit("Add", [made, bias], [node.output[0]], new.new(f"{node.name} bias"))
    new.learned += learned
    return True


def dynamic_lstm(new: Graph, node: NodeProto) -> bool:
    """com.microsoft's DynamicQuantizeLSTM: (x, w, r, b, lengths, h, c, p, ws, wz, rs, rz); w [D,I,4H], r [D,H,4H]."""
    inputs = list(node.input[:8])
    for place, scale, zero_point in CODES_OF_LSTM:
        codes, factors = new.array(node.input[place]), new.array(node.input[scale])
        points = new.array(optional(node, zero_point)) if optional(node, zero_point) else np.zeros(1, np.int64)
        if codes is None or factors is None or points is None or codes.ndim != 3:
            return False
        try:
            real = (codes.astype(np.int64) - of_ways(points.astype(np.int64), codes)) * of_ways(factors, codes)
        except ValueError:  # shapes that do not fit each other
            return False
        values = np.ascontiguousarray(real.transpose(0, 2, 1), np.float32)
        inputs[place] = new.constant(f"{node.input[place]} as numbers", values)
    while inputs and not inputs[-1]:
        inputs.pop()
    new.emit("LSTM", inputs, list(node.output), node.name, **attributes_of(node))
    new.learned += 1
    return True


def of_ways(values: Array, codes: Array) -> Array:
    """One number for all, for each direction [D], or for each of its columns [D,4H], beside codes [D,I,4H]."""
    if values.ndim < 2:
        return values.reshape(-1, 1, 1)
    return values.reshape(codes.shape[0], 1, codes.shape[2])
