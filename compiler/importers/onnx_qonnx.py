"""QONNX's Quant: a number rounded to integers of any width and back, as Brevitas writes it.

    Quant(x, scale, zero point, bits)  -->  DequantizeLinear(QuantizeLinear(x))

`narrow` leaves out the smallest integer. Rounding is to nearest, halves to even; a Quant that rounds otherwise, or to
one bit, stays and is named.
"""

import numpy as np
from onnx import NodeProto

from dyadic.compiler.importers.onnx_integers import Graph, attributes_of

MOST_BITS = 8


def quant(new: Graph, node: NodeProto) -> bool:
    """One Quant, of weights or of an activation."""
    said = attributes_of(node)
    arrays = [new.array(name) for name in node.input[1:4]]
    if len(arrays) < 3 or any(a is None for a in arrays) or said.get("rounding_mode", b"ROUND") != b"ROUND":
        return False
    scale, zero_point, width = (np.asarray(a, np.float32) for a in arrays)
    bits, signed = int(width.reshape(-1)[0]), bool(said.get("signed", 1))
    wide = [axis for axis, size in enumerate(scale.shape) if size != 1]
    if not 2 <= bits <= MOST_BITS or len(wide) > 1 or zero_point.size not in (1, scale.size):
        return False
    kind = np.int8 if signed else np.uint8
    marks = {"__bits": bits, "__signed": int(signed), "__narrow": int(said.get("narrow", 0))}
    if wide:
        marks["axis"] = wide[0]
    points = np.broadcast_to(zero_point.reshape(-1), [scale.size]).astype(kind)
    one = scale.size == 1
    inputs = [
        new.constant(f"{node.name} scale", scale.reshape(()) if one else scale.reshape(-1)),
        new.constant(f"{node.name} zero point", points.reshape(()) if one else points),
    ]
    codes = new.emit(
        "QuantizeLinear", [node.input[0], *inputs], [new.new(f"{node.output[0]} as integers")],
        new.new(f"{node.name} rounded"), **marks,
    )  # fmt: skip
    new.emit("DequantizeLinear", [codes, *inputs], [node.output[0]], node.name, **marks)
    return True
