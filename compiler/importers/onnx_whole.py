"""A model that cannot compute images one by one: all its inputs, as large as they are, become one image.

A tensor of the network has the batch as its first dimension, which counts whole sets of inputs then. So each input and
output that has another dimension in front gets one more, of size 1:

    state [2, 4, 128]  -->  [1, 2, 4, 128]      sr []  -->  [1]      image [1, 576]  -->  as it is

Sessions, samples and float engines give and take arrays as the model has them; `qd.fixed` says how they differ.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from dyadic.compiler.importers.onnx_folding import Constants
from dyadic.dialects import qd

INSIDE = " of the model"
FIRST = "dyadic.first"  # the constant [0]


def as_one_image(model: onnx.ModelProto, constants: Constants) -> dict[str, str]:
    """Put a 1 in front of inputs and outputs, in place; inputs have static shapes.

    Gives, by name, `qd.FIXED_ONE` where the array's own first dimension of 1 stands for the sets, `qd.FIXED_NONE` where
    it has no such dimension.
    """
    graph, opset = model.graph, model.opset_import[0].version
    constants[FIRST] = numpy_helper.from_array(np.zeros(1, np.int64), FIRST)
    fixed, before, renamed = dict[str, str](), list[NodeProto](), dict[str, str]()
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        sizes = [d.dim_value for d in dims]
        fixed[value.name] = qd.FIXED_ONE if sizes[:1] == [1] else qd.FIXED_NONE
        if sizes[:1] == [1]:
            continue
        del dims[:]
        for size in (1, *sizes):
            dims.add().dim_value = size
        renamed[value.name] = value.name + INSIDE
        before.append(reshaped("Squeeze", value.name, renamed[value.name], opset))
    after = list[NodeProto]()
    for value in graph.output:
        if value.name in fixed:  # an input, given back as it is
            continue
        fixed[value.name] = qd.FIXED_NONE
        made = renamed.setdefault(value.name, value.name + INSIDE)
        after.append(reshaped("Unsqueeze", made, value.name, opset))
    _rename(graph, renamed)
    for name in renamed.keys() & constants.keys():  # a constant that is an output
        constants[renamed[name]] = constants.pop(name)
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    return fixed


def reshaped(operator: str, source: str, target: str, opset: int) -> NodeProto:
    """Squeeze or Unsqueeze of the first dimension."""
    if opset < 13:
        return helper.make_node(operator, [source], [target], f"{target} {operator}", axes=[0])
    return helper.make_node(operator, [source, FIRST], [target], f"{target} {operator}")


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Values under other names, in the graphs inside, too, which may not have a name twice."""
    for node in _nodes(graph):
        for field in (node.input, node.output):
            for i, name in enumerate(field):
                field[i] = names.get(name, name)
        for attribute in node.attribute:
            for value in attribute.g.output:
                value.name = names.get(value.name, value.name)


def _nodes(graph: onnx.GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from _nodes(attribute.g)
