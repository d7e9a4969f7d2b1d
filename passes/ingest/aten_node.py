"""Reading an op of `torch.aten`: its name, and the values that are known at compile time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.passes.ingest.translation import NOT_A_LEAF, Literal, Operators, Unknown

aten = Operators()  # `@aten("conv2d")` marks the function of an operator


def operator_name(op: ir.Operation) -> str | None:
    """`conv2d` of `torch.aten.conv2d`; overloads (`add.Tensor`) and in-place forms (`relu_`) are the same operator.

    An overload that has a function of its own (`mean.dim`) keeps its name.
    """
    name = op.attributes["name"].value if op.name == "torch.operator" else op.name
    if name == "torch.dyadic.valid":
        return "dyadic.valid"
    if name.startswith("torch.quantized_decomposed."):
        return ".".join(name.removeprefix("torch.").split(".")[:2])
    if not name.startswith("torch.aten."):
        return None
    name = name.removeprefix("torch.aten.")
    base = name.split(".")[0]
    base = base.removesuffix("_") if not base.startswith("__") else base
    return name if name in aten else base


def leaf(op: ir.Operation, arguments: Sequence[Any]) -> Any:
    """Constants, and the lists that arguments are packed in."""
    match op.name:
        case "torch.constant.none" | "torch.constant.device":
            return None
        case "torch.constant.int" | "torch.constant.float" | "torch.constant.bool" | "torch.constant.str":
            return op.attributes["value"].value
        case "torch.prim.NumToTensor.Scalar":
            return Literal(np.asarray(arguments[0], np.float32), op.location)
        case "torch.prims.convert_element_type" if isinstance(arguments[0], Literal):  # importers put it behind bools
            is_bool = str(op.results[0].type).endswith(",i1>")
            return Literal(arguments[0].array.astype(np.bool_), op.location) if is_bool else arguments[0]
        case "torch.vtensor.literal":
            return Literal(op.attributes["value"], op.location)
        case "torch.prim.ListConstruct":
            return list(arguments)
        case "torch.prim.ListUnpack" if isinstance(arguments[0], list):
            return arguments[0]
        case "torch.prim.ListUnpack" if isinstance(arguments[0], Unknown):
            return [Unknown() for _ in op.results]
        case "torch.aten._assert_tensor_metadata":  # exporters leave it beside a cast; it has no result
            return []
    return NOT_A_LEAF
