"""What is written beside a function's arguments, and what an integer argument may hold."""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.runtime.fixedpoint import INT32_MAX

ARGUMENTS, RESULTS = "arg_attrs", "res_attrs"


def argument_attributes(function: Any, index: int, of: str = ARGUMENTS) -> dict[str, ir.Attribute]:
    """What a function says of argument `index`, or of a result, by name."""
    attributes = function.operation.attributes
    if of not in attributes:
        return {}
    return {named.name: named.attr for named in attributes[of][index]}


def place_of(argument: ir.Value) -> tuple[ir.Operation, int]:
    """The function whose argument it is, and which one."""
    block_argument = ir.BlockArgument(argument)
    return block_argument.owner.owner.operation, block_argument.arg_number


def said_of(argument: ir.Value) -> dict[str, ir.Attribute]:
    """What its function says of an argument, by name."""
    return argument_attributes(*place_of(argument))


def set_argument_attribute(function: Any, index: int, name: str, value: ir.Attribute, of: str = ARGUMENTS) -> None:
    """Write or replace one of them."""
    operation = function.operation
    kind = ir.FunctionType(operation.attributes["function_type"].value)
    count = len(kind.inputs if of == ARGUMENTS else kind.results)
    every = [argument_attributes(operation, i, of) for i in range(count)]
    every[index][name] = value
    with operation.context:
        operation.attributes[of] = ir.ArrayAttr.get([ir.DictAttr.get(each) for each in every])


def drop_argument_attribute(function: Any, index: int, name: str) -> None:
    """Take one of them away."""
    operation = function.operation
    count = len(ir.FunctionType(operation.attributes["function_type"].value).inputs)
    every = [argument_attributes(operation, i) for i in range(count)]
    every[index].pop(name, None)
    with operation.context:
        operation.attributes[ARGUMENTS] = ir.ArrayAttr.get([ir.DictAttr.get(each) for each in every])


def is_mask(argument: ir.Value) -> bool:
    """Whether an argument of integers says what is valid: something but a table reads it."""
    readers = [use.owner.opview for use in argument.uses]
    return is_integer(argument) and any(not isinstance(op, qd.EmbeddingOp) for op in readers)


def looked_up(argument: ir.Value) -> bool:
    """Whether an argument of integers numbers rows of a table."""
    return any(isinstance(use.owner.opview, qd.EmbeddingOp) for use in argument.uses)


def limits(argument: ir.Value) -> tuple[int, int]:
    """The smallest and the largest integer that an argument of a `qd` function may hold: the rows of the tables that it
    is looked up in; 0 and 1 where it says what is valid; any where nothing reads it."""
    most = [
        shape(use.owner.opview.table)[0] - 1 for use in argument.uses if isinstance(use.owner.opview, qd.EmbeddingOp)
    ]
    if is_mask(argument):
        most.append(1)
    return (0, min(most)) if most else (-INT32_MAX - 1, INT32_MAX)
