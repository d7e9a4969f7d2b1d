"""Products whose input is quantized at run time become products of numbers, with the weights' own codes.

    Mul(Cast(MatMulInteger(DynamicQuantizeLinear(x), w)), x's scale * w's scale)  -->  MatMul(x, DequantizeLinear(w))

The same for ConvInteger, and for what ONNX Runtime makes of these in one operator. A scale that is found anew for every
input would be a division in float; the range of x is learned from samples instead. What is left of such a pattern is
dead and vanishes; where it is another, its operators stay and are named.
"""

from onnx import NodeProto

from dyadic.compiler.importers.onnx_integers import Graph, attributes_of, columns, optional

PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}


def dynamic_product(new: Graph, node: NodeProto) -> bool:
    """A Mul that ends such a pattern."""
    for number, scales in (node.input[:2], node.input[1::-1]):
        cast = new.producers.get(number)
        product = None if cast is None or cast.op_type != "Cast" else new.producers.get(cast.input[0])
        if product is None or product.op_type not in PRODUCTS:
            continue
        source = new.producers.get(product.input[0])
        scale = other_factor(new, scales, source)
        if source is None or scale is None or product.input[1] not in new.constants:
            continue
        weight, zero_point = product.input[1], optional(product, 3)
        if product.op_type == "ConvInteger":
            factors = new.array(scale)
            flat = (
                scale if factors is None or factors.ndim < 2 else new.constant(f"{scale} of rows", factors.reshape(-1))
            )
            real = new.real(product, weight, flat, zero_point, 0)
        else:
            real = columns(new, product, weight, scale, zero_point)
        name = new.new(f"{product.name} of numbers")
        new.emit(PRODUCTS[product.op_type], [source.input[0], real], [node.output[0]], name, **attributes_of(product))
        return True
    return False


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
    """com.microsoft's MatMulIntegerToFloat: (codes of x, w, xs, ws, xz, wz, bias), behind a DynamicQuantizeLinear."""
    source = new.producers.get(node.input[0])
    if source is None or source.op_type != "DynamicQuantizeLinear" or source.output[1] != node.input[2]:
        return False
    weight, scale = node.input[1], node.input[3]
    return product_of(new, node, source.input[0], weight, scale, optional(node, 5), optional(node, 6))


def product_of(new: Graph, node: NodeProto, x: str, weight: str, scale: str, zero_point: str, bias: str) -> bool:
    """`x @ weight + bias` under the node's name."""
    if weight not in new.constants or scale not in new.constants:
        return False
    real = columns(new, node, weight, scale, zero_point)
    made = new.new(f"{node.output[0]} without bias") if bias else node.output[0]
    new.emit("MatMul", [x, real], [made], node.name)
    if bias:
        new.emit("Add", [made, bias], [node.output[0]], new.new(f"{node.name} bias"))
    return True
