"""An input that users give as pixels: its normalization is part of the network.

    main(x) {qd.normalize}   -->   main(p) {qd.given = 0 to 255 in steps of 1}: x = transpose(p) * a + b

a and b are by channel, the transpose is there where pixels lie in another order; where their colours are in the other
order, they are turned first. `fold-normalization` makes all of it part of the layers that read it. Truth: exact, up to
one float32 rounding of each a and b.
"""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.arguments import argument_attributes, drop_argument_attribute, set_argument_attribute
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import boundary_names, function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.rewriting import module_pass

PIXEL = (1.0, 0.0, 8.0)  # scale, zero point and bits


@module_pass
def take_pixels(module: ir.Operation) -> None:
    """Give an input as pixels and normalize it in the network: main(x) {normalize} --> main(p): x = p * a + b"""
    for block in function_bodies(module):
        function = block.owner.opview
        for index, name in enumerate(boundary_names(function)[0]):
            if qd.NORMALIZE in argument_attributes(function, index):
                take(function, index, name)


def take(function: Any, index: int, name: str) -> None:
    """One input."""
    said: Any = argument_attributes(function, index)[qd.NORMALIZE]
    scale, shift = (np.array([float(v) for v in said[key]]) for key in ("scale", "shift"))
    axis, order = said["axis"].value, ints(said["order"])
    block = function.regions[0].blocks[0]
    argument = block.arguments[index]
    readers = [(use.owner, use.operand_number) for use in argument.uses]
    dims = shape(argument)
    with function.operation.context, ir.Location.name(f"{name}/normalize"):
        argument.set_type(building.tensor_type([dims[order.index(d)] for d in range(len(dims))]))
        kind = ir.FunctionType(function.attributes["function_type"].value)
        inputs = [argument.type if i == index else each for i, each in enumerate(kind.inputs)]
        function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, kind.results))
        with ir.InsertionPoint.at_block_begin(block):
            moved = argument if order == sorted(order) else building.transpose(argument, order)
            if "turned" in said:
                moved = building.take(moved, axis, range(shape(moved)[axis])[::-1])
            normalized = building.scale_shift(moved, scale, shift, axis)
        for owner, operand in readers:
            owner.operands[operand] = normalized
        drop_argument_attribute(function, index, qd.NORMALIZE)
        set_argument_attribute(function, index, qd.DTYPE, ir.StringAttr.get("uint8"))
        set_argument_attribute(function, index, qd.GIVEN, ir.DenseF64ArrayAttr.get(list(PIXEL)))
        set_argument_attribute(function, index, qd.PIXELS, building.i64(axis))
