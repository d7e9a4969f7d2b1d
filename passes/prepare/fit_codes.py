"""Codes of weights that fit no signed byte are sums of codes that do, over the same input side by side.

An unsigned code less a zero point that is not in the middle lies in [-255, 255]. Where the model gives the input's
quantization too, its sums are to be kept exactly:

    conv2d(x, w)   -->  conv2d(concat(x, x), [w1, w2])      w1 + w2 = w, each code in [-128, 127]
    linear(x, w)   -->  linear(concat(x, x), [w1, w2])

One accumulator, one rounding; three parts where a code is 255. Where the input's range is learned, such weights are
rounded as those of a float model are. Truth: exact in integers; in float up to the order of a sum.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.integerize.quantization import Activation, set_value_given, value_given
from dyadic.passes.prepare.take_given import unmoved
from dyadic.passes.rewriting import defining, module_pass

LOWEST, HIGHEST = -128, 127


@module_pass
def fit_codes(module: ir.Operation) -> None:
    """Split codes of weights that fit no signed byte: conv2d(x, w) --> conv2d(concat(x, x), [w1, w2])"""
    for block in function_bodies(module):
        for op in [each.opview for each in block.operations]:
            if isinstance(op, qd.Layer) and (codes := too_large(op)) is not None:
                given = value_given(unmoved(op.x))
                if given is not None:
                    split(op, codes, given)
        for op in list(block.operations):  # what stays is a plain number
            if isinstance(op.opview, qd.ConstantOp) and wide(op):
                for name in (qd.WEIGHT_STEPS, qd.WEIGHT_SCALE, qd.WEIGHT_BITS):
                    del op.attributes[name]


def wide(constant: ir.Operation) -> bool:
    """Whether it says codes of more than a byte."""
    return qd.WEIGHT_STEPS in constant.attributes and "xi16>" in str(constant.attributes[qd.WEIGHT_STEPS].type)


def too_large(op: qd.Layer) -> npt.NDArray[np.int64] | None:
    """The codes of a layer's weights where they fit no signed byte."""
    constant = defining(op.weight)
    if not isinstance(constant, qd.ConstantOp) or not wide(constant.operation):
        return None
    return np.array(constant.operation.attributes[qd.WEIGHT_STEPS]).astype(np.int64)


def parts_of(codes: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Codes in [-128, 127] that add up to these.

    >>> [part.tolist() for part in parts_of(np.array([-255, 3, 254]))]
    [[-128, 3, 127], [-127, 0, 127]]
    """
    parts, rest = [], codes
    while not parts or rest.any():
        parts.append(np.clip(rest, LOWEST, HIGHEST))
        rest = rest - parts[-1]
    return parts


def split(op: qd.Layer, codes: npt.NDArray[np.int64], given: Activation) -> None:
    """The layer over as many copies of its input as its codes have parts."""
    parts, old = parts_of(codes), defining(op.weight).operation
    scale = np.array([float(v) for v in old.attributes[qd.WEIGHT_SCALE]])
    steps = np.concatenate(parts, 1)
    with ir.InsertionPoint(op), op.location:
        weight = building.constant((steps * scale.reshape(-1, *(1,) * (steps.ndim - 1))).astype(np.float32))
        said = defining(weight).operation.attributes
        said[qd.WEIGHT_SCALE], said[qd.WEIGHT_BITS] = old.attributes[qd.WEIGHT_SCALE], building.i64(8)
        said[qd.WEIGHT_STEPS] = ir.DenseElementsAttr.get(np.ascontiguousarray(steps, np.int8))
        copies = side_by_side(op, len(parts), given)
        new = building.layer_like(op, copies, weight, op.bias)
    attributes: Any = op.operation.attributes
    for name in attributes:
        if name not in defining(new).operation.attributes:
            defining(new).operation.attributes[name] = attributes[name]
    op.out.replace_all_uses_with(new)
    op.operation.erase()


def side_by_side(op: qd.Layer, count: int, given: Activation) -> ir.Value:
    """So many copies of a layer's input: of each group of a convolution one after the other."""
    x, groups, axis = op.x, op.group_count, op.channel_axis
    sizes = shape(x)
    if groups > 1:
        x = building.reshape(x, [1, groups, sizes[1] // groups, *sizes[2:]])
        axis = 2
    joined = x
    for _ in range(count - 1):
        joined = building.concat([joined, x], axis)
        set_value_given(joined, given)
    return joined if groups == 1 else building.reshape(joined, [1, sizes[1] * count, *sizes[2:]])
