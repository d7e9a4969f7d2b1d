"""Functions of one number that both importers write in the same way: one operand, nothing else to say."""

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.onnx_node import onnx
from dyadic.passes.ingest.translation import Node, Result


@onnx("Sigmoid")
@aten("sigmoid")
def sigmoid(node: Node) -> Result:
    return building.unary(qd.SigmoidOp, node.tensor(0))


@onnx("Tanh")
@aten("tanh")
def tanh(node: Node) -> Result:
    return building.unary(qd.TanhOp, node.tensor(0))


@onnx("HardSwish")
@aten("hardswish")
def hard_swish(node: Node) -> Result:
    return building.unary(qd.HardSwishOp, node.tensor(0))
