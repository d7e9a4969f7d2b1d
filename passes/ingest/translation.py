"""How an imported operator becomes `qd`: one forward walk rebuilds the function, one small function an operator.

An operator's function takes a `Node` and returns the value (or list of values) it stands for. What only has to be known
while compiling (weights, shapes, options) stays a `Literal` or a Python value and becomes a `qd.constant` where an op
really reads it. `raise Unsupported("why, and what would work")` puts the operator on the list that ends the walk, so
that everything unsupported is named at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import func as func_dialect

from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, argument_attributes, set_argument_attribute
from dyadic.dialects.reference import boundary_names
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest.imported_types import element_word, integer_dtype, is_float_tensor, tensor_dims, whole_word
from dyadic.passes.rewriting import defining, layer_name
from dyadic.passes.unsupported import OF_TOKENS, Complaint, hint, listed
from dyadic.runtime.errors import ModelError
from dyadic.runtime.fixedpoint import S16_MAX

CODES = {"uint8": 0.0, "int8": 128.0}  # inputs that hold an activation's integers, and what zero is as unsigned ones


class Unsupported(Exception):
    """This use of the operator has no `qd` form; the message says why, or what would work."""


@dataclass(frozen=True)
class Literal:
    """A tensor known at compile time: an attribute already in the context, or an array computed while ingesting."""

    values: ir.DenseElementsAttr | Array
    location: ir.Location

    @property
    def array(self) -> Array:
        return np.array(self.values, copy=False) if isinstance(self.values, ir.DenseElementsAttr) else self.values


@dataclass(frozen=True)
class Dequantized(Literal):
    """A literal that the model holds as integers: `values` is `steps * scale`.

    steps: integers of the same shape, zero points taken off. scale: f64, one number, or one for each entry of `axis`.
    bits: of the model's type. kind: (scale, zero point, bits) of an activation where there is one scale, of the steps
    that `qi` would hold, else None.
    """

    steps: Array
    scale: Array
    axis: int
    bits: int
    kind: tuple[float, int, int] | None = None

    def moved(self, values: Array, steps: Array, axis: int) -> "Dequantized":
        """The same numbers at other places."""
        return replace(self, values=values, steps=steps, axis=axis)


@dataclass(frozen=True)
class Quantized:
    """Integers of a QuantizeLinear. A DequantizeLinear of the same scale and zero point takes `value`; whatever else
    reads them reads `codes()`, whole numbers in float."""

    value: Any  # ir.Value or Folded: the real numbers that they stand for
    scale: Array  # of the whole tensor, or by axis or block
    zero_point: Array
    codes: Callable[[], Any]


@dataclass(frozen=True)
class Valid:
    """What an importer found to be computed from `source`, which says which tokens are valid, of the shape `dims`.

    kind: additive, biased, boolean, inverted, factor or count, as `compiler/importers/masks.py` has them.

    tokens: the dimension that counts them. others: [..., tokens] of ones and zeros where more is left out;
    what is added where it is biased.
    """

    source: ir.Value  # i32 [1, N]
    kind: str
    dims: tuple[int, ...]
    tokens: int = 0
    others: Array | None = None

    def operand(self, rank: int) -> ir.Value:
        """i32 [1, ..., 1, N]: what `qd.attention` reads for scores of so many dimensions."""
        batch, *rest = shape(self.source)
        return building.reshape(self.source, [batch, *[1] * (rank - 1 - len(rest)), *rest])


@dataclass(frozen=True)
class Folded:
    """A tensor whose first dimension is not the batch alone, with a 1 in front of the model's dimensions."""

    value: ir.Value
    reason: str  # what to say where that has no form


class Later(ABC):
    """A value that is no tensor yet, since what reads it may make something simpler of it than `tensor` does."""

    @property
    @abstractmethod
    def dims(self) -> list[int]:
        """The shape that it has for the model."""

    @abstractmethod
    def tensor(self) -> ir.Value:
        """The tensor, made where the insertion point is."""


class Unknown:
    """The result of an operator that is on the list already: what reads it is not complained about again."""


@dataclass(frozen=True)
class Node:
    """One imported operator as its function sees it."""

    op: ir.Operation
    name: str  # the user's own
    operator: str  # "Conv", "aten.conv2d"
    arguments: Sequence[Any]  # ir.Value of a qd tensor, Folded, Literal, Valid, number, bool, str, None, or a list
    types: Sequence[ir.Type]  # of the results, as the importer gave them

    def argument(self, index: int) -> Any:
        """The argument, or None where it was left out at the end."""
        return self.arguments[index] if index < len(self.arguments) else None

    def tensor(self, index: int) -> ir.Value:
        """The argument as a qd tensor."""
        return as_tensor(self.argument(index))

    def array(self, index: int, what: str) -> Array:
        """The argument's numbers, which must be known now; `what` names it in the complaint."""
        value = self.argument(index)
        if isinstance(value, Literal):
            return value.array
        if isinstance(value, int | float):
            return np.asarray(value)
        raise Unsupported(f"its {what} must be a constant, not computed from the input")

    def number(self, index: int, what: str) -> Any:
        """The argument as one number, which must be known now."""
        values = self.array(index, what)
        if values.size != 1:
            raise Unsupported(f"its {what} must be one number, not a tensor of the shape {list(values.shape)}")
        return values.item()

    def integers(self, index: int, what: str) -> list[int] | None:
        """The argument as a list of integers, or None where it was left out."""
        value = self.argument(index)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(v, int) for v in value):
            return value
        return [int(v) for v in self.array(index, what).reshape(-1)]


Result = Any  # ir.Value | Folded | Literal | Valid | a list of these, one a result
OperatorFunction = Callable[[Node], Result]


class Operators(dict[str, OperatorFunction]):
    """An importer's operators by name. Each function registers itself: `@onnx("Add")`."""

    def __call__(self, *names: str) -> Callable[[OperatorFunction], OperatorFunction]:
        def register(function: OperatorFunction) -> OperatorFunction:
            for name in names:
                assert name not in self, f"{name} has two functions"
                self[name] = function
            return function

        return register


def as_numbers(value: Any) -> Any:
    """Integers of a QuantizeLinear as whole numbers in float; whatever else as it is."""
    return value.codes() if isinstance(value, Quantized) else value


def as_tensor(value: Any) -> ir.Value:
    """A qd tensor: the value itself, or a literal as a `qd.constant`."""
    if isinstance(value, ir.Value):
        if is_integer(value):
            raise Unsupported("it computes with an input of integers; such an input can be looked up in a table")
        if 0 in shape(value):
            raise Unsupported("it reads a tensor without a single element")
        return value
    if isinstance(value, Folded):
        raise Unsupported(value.reason)
    if isinstance(value, Later):
        return value.tensor()
    if isinstance(value, Quantized):
        return as_tensor(value.codes())
    if not isinstance(value, Literal | int | float):
        raise Unsupported(OF_TOKENS)
    if not isinstance(value, Literal):
        raise Unsupported(f"it reads {value!r} where a tensor is needed")
    if not np.issubdtype(value.array.dtype, np.floating):
        raise Unsupported(f"it reads a constant of type {value.array.dtype} where only float32 would work")
    if not value.array.size:
        raise Unsupported("it reads a tensor without a single element")
    if isinstance(value.values, ir.DenseElementsAttr) and isinstance(value.values.type.element_type, ir.F32Type):
        values: ir.DenseElementsAttr | Array = value.values
    else:
        values = value.array
    with value.location:
        result = building.constant(values)
        if isinstance(value, Dequantized):
            say_given(result, value)
    return result


def say_given(constant: ir.Value, literal: Dequantized) -> None:
    """Write onto a constant what the model says of it: steps and scales, as weights and as an activation."""
    attributes, outputs = defining(constant).operation.attributes, literal.steps.shape[0] if literal.steps.ndim else 1
    along_outputs = literal.scale.size == 1 or (literal.axis == 0 and literal.scale.size == outputs)
    if along_outputs and literal.bits <= 8 and literal.steps.ndim > 1 and literal.steps.size:
        bits = 4 if literal.bits <= 4 else 8
        if literal.bits <= 4 and np.abs(literal.steps).max() > 7:  # kernels unpack codes from -7 to 7
            bits = 8
        scales = np.broadcast_to(literal.scale.reshape(-1), [outputs])
        attributes[qd.WEIGHT_SCALE] = ir.DenseF64ArrayAttr.get([float(v) for v in scales])
        byte = -128 <= literal.steps.min() and literal.steps.max() < 128
        kind = np.int8 if byte else np.int16  # fit-codes splits what fits no byte
        attributes[qd.WEIGHT_STEPS] = ir.DenseElementsAttr.get(np.ascontiguousarray(literal.steps, kind))
        attributes[qd.WEIGHT_BITS] = building.i64(bits)
    if literal.kind is not None:
        attributes[qd.GIVEN] = ir.DenseF64ArrayAttr.get([float(v) for v in literal.kind])


def literal(array: Array) -> Literal:
    """An array computed while ingesting, located at the operator that is being ingested."""
    location = ir.Location.current
    assert location is not None, "an operator's function runs at its location"
    return Literal(array, location)


@dataclass(frozen=True)
class Vocabulary:
    """One importer's way of writing operators.

    `name_of` gives the operator ("Conv", "aten.relu") of an op, or None where the op is not this importer's.
    `leaf` gives the value of an op that only carries compile-time values, or NOT_A_LEAF.
    """

    name_of: Callable[[ir.Operation], str | None]
    leaf: Callable[[ir.Operation, Sequence[Any]], Any]
    operators: Mapping[str, OperatorFunction]


NOT_A_LEAF = object()


def translate(module: ir.Operation, vocabulary: Vocabulary) -> None:
    """Rebuild every function written in `vocabulary` in `qd`, or raise one ModelError naming all that has no form."""
    for function in list(module.regions[0].blocks[0].operations):
        if not isinstance(function, func_dialect.FuncOp) or function.is_external:
            continue
        block = function.regions[0].blocks[0]
        if any(vocabulary.name_of(op.operation) for op in block.operations) or _is_without_operators(function, block):
            _rebuild(function, vocabulary)


def _is_without_operators(function: func_dialect.FuncOp, block: ir.Block) -> bool:
    """Whether an importer wrote it and what it returns are inputs and constants alone."""
    names = [op.operation.name for op in block.operations]
    named = any(name.startswith(("torch.operator", "torch.aten", "torch.prims")) for name in names)
    return not named and "!torch." in str(function.attributes["function_type"])


def _rebuild(function: func_dialect.FuncOp, vocabulary: Vocabulary) -> None:
    source = function.regions[0].blocks[0]
    names = boundary_names(function)[0]
    complaints: list[Complaint] = []
    with function.location, ir.InsertionPoint(function):
        dtypes = [_input_dtype(function, i, name, complaints) for i, name in enumerate(names)]
        arguments = [
            building.integer_type(tensor_dims(a.type)) if dtype and dtype not in CODES else
            building.tensor_type(tensor_dims(a.type))
            for a, dtype in zip(source.arguments, dtypes, strict=True)
        ]  # fmt: skip
        rebuilt = func_dialect.FuncOp(function.name.value, ir.FunctionType.get(arguments, []))
        block = rebuilt.add_entry_block([ir.Location.name(name) for name in names])
    values: dict[ir.Value, Any] = dict(zip(source.arguments, block.arguments, strict=True))
    *body, terminator = (view.operation for view in source.operations)
    returned: list[ir.Type] = []
    supposed: set[ir.Value] = set()  # what comes from an operator that is on the list
    axes: list[int] = []
    with ir.InsertionPoint(block):
        for op in body:
            before, known = len(complaints), supposed.isdisjoint(op.operands)
            results = _translate_op(op, [values[v] for v in op.operands], vocabulary, complaints, known)
            values.update(zip(op.results, results, strict=True))
            if not known or len(complaints) > before:
                supposed.update(op.results)
        if not complaints:
            outputs = boundary_names(function)[1]
            with terminator.location:
                given = [as_numbers(values[v]) for v in terminator.operands]
            axes = [_batch_axis(function, i, value) for i, value in enumerate(given)]
            returned = _return(given, axes, outputs, terminator.location, complaints)
    if complaints:
        rebuilt.operation.erase()
        raise ModelError(listed(complaints))
    with function.location:
        rebuilt.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(arguments, returned))
    for name in ("arg_attrs", "res_attrs"):  # the user's names of inputs and outputs
        if name in function.attributes:
            rebuilt.attributes[name] = function.attributes[name]
    for i, axis in enumerate(axes):
        if axis:
            said = ir.IntegerAttr.get(ir.IntegerType.get_signless(64, rebuilt.context), axis)
            set_argument_attribute(rebuilt, i, qd.BATCH_AXIS, said, RESULTS)
    for i, dtype in enumerate(dtypes):
        if dtype is not None:
            set_argument_attribute(rebuilt, i, qd.DTYPE, ir.StringAttr.get(dtype, rebuilt.context))
        if dtype in CODES:
            kind = ir.DenseF64ArrayAttr.get([1.0, CODES[dtype], 8.0], rebuilt.context)
            set_argument_attribute(rebuilt, i, qd.GIVEN, kind)
    for i, kind in enumerate(ir.FunctionType(function.attributes["function_type"].value).results):
        if (word := whole_word(kind)) is not None:
            set_argument_attribute(rebuilt, i, qd.DTYPE, ir.StringAttr.get(word, rebuilt.context), RESULTS)
    function.operation.erase()


def _input_dtype(function: func_dialect.FuncOp, index: int, name: str, complaints: list[Complaint]) -> str | None:
    """What the user gives integers of an input as: what the importer said of it, or its type; None where it is float.

    What nothing reads may have any type.
    """
    argument = function.regions[0].blocks[0].arguments[index]
    said = argument_attributes(function, index)
    if qd.DTYPE in said:
        return said[qd.DTYPE].value
    dtype = integer_dtype(argument.type)
    if element_word(argument.type) in CODES:
        return element_word(argument.type)
    if dtype is None and not is_float_tensor(argument.type) and list(argument.uses):
        reason = (
            f"it holds {element_word(argument.type)}; inputs of float, int64, int32, int8, uint8 and bool are supported"
        )
        complaints.append(Complaint(f'the input "{name}"', "", reason))
    return dtype


def _batch_axis(function: func_dialect.FuncOp, index: int, value: Result) -> int:
    """The dimension of a result that is the batch: what the importer saw, else the first of size 1 where it is none of
    the others."""
    said = argument_attributes(function, index, RESULTS)
    if qd.BATCH_AXIS in said:
        return said[qd.BATCH_AXIS].value
    dims = shape(value.value)[1:] if isinstance(value, Folded) else []
    return dims.index(1) if 1 in dims else 0


def _return(
    values: list[Any], axes: list[int], names: list[str], location: ir.Location, complaints: list[Complaint]
) -> list[ir.Type]:
    """The results, the batch in front; one that does not depend on the input is the same for every image: its first
    dimension is 1."""
    tensors = []
    with location:
        for value, axis, name in zip(values, axes, names, strict=True):
            try:
                tensors.append(_with_the_batch_first(value, axis))
                if shape(tensors[-1])[:1] != [1]:
                    raise Unsupported(
                        f"it has the shape {shape(tensors[-1])} and does not depend on the input; a first dimension "
                        "of 1, which stands for every image, would work"
                    )
            except Unsupported as reason:
                complaints.append(Complaint(f'the output "{name}"', "", str(reason)))
        if not complaints:
            func_dialect.ReturnOp(tensors)
    return [tensor.type for tensor in tensors]


def _with_the_batch_first(value: Result, axis: int) -> ir.Value:
    """A result whose batch, one image, is dimension `axis` of the model's."""
    if isinstance(value, Literal) and value.array.dtype.kind in "iub" and np.abs(value.array).max(initial=0) <= S16_MAX:
        value = literal(value.array.astype(np.float32))  # such numbers are what 16 bits hold
    if not axis:
        return as_tensor(value)
    tensor = value.value if isinstance(value, Folded) else as_tensor(value)
    dims = shape(tensor)[1:] if isinstance(value, Folded) else shape(tensor)
    if dims[axis] != 1:
        raise Unsupported(f"it has the shape {dims} for one image, whose dimension {axis} should be the batch")
    return building.reshape(tensor, [1, *dims[:axis], *dims[axis + 1 :]])


def _translate_op(
    op: ir.Operation, arguments: list[Any], vocabulary: Vocabulary, complaints: list[Complaint], known: bool
) -> list[Any]:
    """The values of the op's results. Complaints are collected; the results then are supposed to be what the model says
    of them, so that what lies behind is looked at, too.

    known: whether no argument is supposed to be something; what must be constant may be so in truth.
    """
    leaf = vocabulary.leaf(op, arguments)
    if leaf is not NOT_A_LEAF:
        return [leaf] if len(op.results) == 1 else leaf
    operator = vocabulary.name_of(op) or op.name
    function = vocabulary.operators.get(operator)
    try:
        if function is None:
            raise Unsupported(hint(operator))
        if _any_unknown(arguments):
            return [Unknown() for _ in op.results]
        with op.location:
            result = function(Node(op, layer_name(op), operator, arguments, [r.type for r in op.results]))
        results = result if len(op.results) > 1 and isinstance(result, list) else [result]
        if any(list(unused.uses) for unused in list(op.results)[len(results) :]):
            raise Unsupported("only its first output can be used")
        return results + [Unknown() for _ in op.results][len(results) :]
    except Unsupported as reason:
        if known or "constant" not in str(reason):
            complaints.append(Complaint(layer_name(op), operator, str(reason)))
    except ModelError:
        if known:
            raise
    return [_supposed(result.type, op.location) for result in op.results]


def _supposed(kind: ir.Type, location: ir.Location) -> ir.Value | Unknown:
    """A tensor as the importer says of a result that nobody can compute, in a function that is thrown away."""
    if not is_float_tensor(kind) or "[" not in str(kind) or "?" in str(kind):
        return Unknown()
    dims = tensor_dims(kind)
    if dims[:1] != [1]:
        return Unknown()
    with location:
        kinds = [building.tensor_type(dims)]
        return ir.Operation.create("builtin.unrealized_conversion_cast", results=kinds).results[0]


def _any_unknown(arguments: Sequence[Any]) -> bool:
    return any(_any_unknown(a) if isinstance(a, list) else isinstance(a, Unknown) for a in arguments)
