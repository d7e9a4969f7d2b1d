"""Functions of one number that both importers write in the same way: one operand, nothing else to say."""

from dyadic.dialects import qd
from dyadic.passes import building
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.folded import each
from dyadic.passes.ingest.onnx_node import onnx
from dyadic.passes.ingest.translation import Node, Result


@onnx("Sigmoid")
@aten("sigmoid")
def sigmoid(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.SigmoidOp, x))


@onnx("Tanh")
@aten("tanh")
def tanh(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.TanhOp, x))


@onnx("HardSwish")
@aten("hardswish")
def hard_swish(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.HardSwishOp, x))


@onnx("Erf")
@aten("erf")
def erf(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.ErfOp, x))


@onnx("Exp")
@aten("exp")
def exp(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.ExpOp, x))


@onnx("Sqrt")
@aten("sqrt")
def sqrt(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.SqrtOp, x))


@onnx("Reciprocal")
@aten("reciprocal")
def reciprocal(node: Node) -> Result:
    return each(node.argument(0), lambda x: building.unary(qd.ReciprocalOp, x))
