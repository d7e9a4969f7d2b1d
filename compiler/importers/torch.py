"""A `torch.nn.Module` becomes `torch.aten.*` in MLIR, read by torch-mlir's importer, located at the user's own modules.

`torch.export` traces the module as evaluation would run it. Its graph is made functional and otherwise left as the user
wrote it: no operator is taken apart, so that ingest sees hard_swish and linear and not their arithmetic.
"""

import io
import logging
import operator
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any

import numpy as np
import torch
from torch.export.graph_signature import OutputKind
from torch.fx import Node
from torch_mlir import ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.extras import fx_importer

from dyadic.compiler.importers.masks import Found, say_of_argument, say_of_result
from dyadic.compiler.importers.torch_batch import check_batch
from dyadic.compiler.importers.torch_masks import replace_masks
from dyadic.compiler.importers.torch_quantized import settled_quantization
from dyadic.dialects import qd
from dyadic.runtime.errors import ModelError, UsageError


def import_torch(module: torch.nn.Module, example_inputs: Sequence[torch.Tensor], context: ir.Context) -> ir.Module:
    """Read a module; the examples give shapes only, and their batch (dimension 0) becomes 1 and stays open.

    The module is as it was afterwards. Raises UsageError where the examples are no tensors and ModelError where the
    module cannot be traced or is not finite. Operators that have no form here are no error yet: ingest lists them all.
    """
    examples = _one_image(example_inputs)
    with _evaluation_mode(module), settled_quantization(module), torch.no_grad(), _quiet_logs():
        program = _export(module, examples)
        axes = check_batch(module, examples)
    _check_finite(program)
    _keep_results(program)
    _fold_constants(program)
    if not any(node.users for node in program.graph.nodes if node.op == "placeholder"):
        raise ModelError("the module's answer does not depend on its input: there is nothing to compile")
    inputs = [str(name) for name in program.graph_signature.user_inputs]
    found = replace_masks(program.graph, inputs, _layer_name)
    return _to_mlir(program, context, found, axes)


def _one_image(examples: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    if isinstance(examples, torch.Tensor):
        examples = (examples,)
    if not examples or not all(isinstance(each, torch.Tensor) and each.ndim for each in examples):
        raise UsageError("example_inputs must be tensors with a batch dimension, as in (torch.zeros(1, 3, 224, 224),)")
    for each in examples:
        if each.layout != torch.strided or each.device.type == "meta":
            where = "on the device meta, without numbers" if each.device.type == "meta" else f"of layout {each.layout}"
            raise UsageError(f"example_inputs holds a tensor {where}; a dense one is needed, as torch.zeros makes it")
    return tuple(each.detach()[:1].to("cpu") for each in examples)


def _check_finite(program: torch.export.ExportedProgram) -> None:
    """Of what the graph reads."""
    complaints = []
    for node, name in _lifted(program).items():
        values = _constants(program)[name]
        if node.users and values.is_floating_point() and not torch.isfinite(values).all():
            nans, infinities = int(torch.isnan(values).sum()), int(torch.isinf(values).sum())
            seen = " and ".join(f"{n} {what} values" for n, what in ((nans, "NaN"), (infinities, "infinite")) if n)
            complaints.append(f'"{name}" contains {seen}')
    if complaints:
        raise ModelError("; ".join(complaints) + ": quantization needs finite weights, check the training")


@contextmanager
def _evaluation_mode(module: torch.nn.Module) -> Iterator[None]:
    """Dropout and batch norm as they are at inference; every submodule gets its own mode back."""
    training = [each for each in module.modules() if each.training]
    with suppress(NotImplementedError):  # an exported program's module has the mode that it was exported in
        module.eval()
    try:
        yield
    finally:
        for each in training:
            each.training = True


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Torch logs what cannot be traced; the error says it."""
    loggers = [
        logging.getLogger(f"torch.{name}") for name in ("_subclasses.fake_tensor", "fx.experimental.symbolic_shapes")
    ]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _export(module: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> torch.export.ExportedProgram:
    """Without operations in place; nothing is taken apart."""
    what = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            f"{what} is TorchScript, which torch.export does not read: give the module that it was made of"
        )
    if any(each.device.type == "meta" for each in (*module.parameters(), *module.buffers())):
        raise ModelError(f"{what} has parameters on the device meta, without numbers: load its weights first")
    try:
        # torch warns of itself and of constants that are no buffers, and prints the graph of what cannot be traced
        with warnings.catch_warnings(action="ignore"), redirect_stderr(io.StringIO()):
            program = torch.export.export(module, tuple(each.clone() for each in examples), strict=False)
    except RecursionError:
        raise
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
        raise ModelError(f"{what} cannot be traced by torch.export: {_why_untraced(error)}") from error
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # torch's, of itself
        return program.run_decompositions({})


def _why_untraced(error: Exception) -> str:
    """Torch's own first line; of branches, which are no fault of the module as torch runs it, where they are."""
    said = str(error).strip()
    if type(error).__name__ == "GuardOnDataDependentSymNode":
        at = re.search(r'raised this error:\s+File "([^"]+)", line (\d+)', said)
        where = f" ({os.path.basename(at[1])}, line {at[2]})" if at else ""
        return f"it branches by numbers that depend on its input{where}; torch.where(condition, a, b) would work"
    reason = said.splitlines()[0] if said else type(error).__name__
    return f"{reason.rstrip('.')}; see that it runs, module(*example_inputs)"


def _keep_results(program: torch.export.ExportedProgram) -> None:
    """Only what `forward` returns: what it wrote into its inputs or buffers on the way is nobody's result."""
    output = next(node for node in program.graph.nodes if node.op == "output")
    kept = [
        argument
        for argument, spec in zip(output.args[0], program.graph_signature.output_specs, strict=True)
        if spec.kind is OutputKind.USER_OUTPUT and argument is not None
    ]
    if not kept:
        raise ModelError("the module returns no tensor; there is nothing to compile")
    output.args = (tuple(kept),)


def _fold_constants(program: torch.export.ExportedProgram) -> None:
    """Compute what does not depend on the inputs: arithmetic on weights, tensors made in `forward`.

    Every parameter, buffer and constant takes the place of the graph's input for it, so that the graph's inputs are
    those of the user.
    """
    graph, constants = program.graph, _constants(program)
    for node in list(graph.nodes):
        if node.target is torch.ops.aten._assert_tensor_metadata.default:  # beside casts; it would keep its input alive
            graph.erase_node(node)
    lifted = _lifted(program)
    known: dict[Node, Any] = {node: constants[name] for node, name in lifted.items()}
    for node in list(graph.nodes):
        if node.op != "call_function" or not all(argument in known for argument in node.all_input_nodes):
            continue
        if node.target is not operator.getitem and not _is_deterministic(node.target):
            continue
        arguments, options = torch.fx.map_arg((node.args, node.kwargs), lambda argument: known[argument])
        with torch.no_grad():
            known[node] = node.target(*arguments, **options)
    for node in graph.nodes:
        if node not in known:
            node.args = tuple(_with_constants(argument, known, graph, node) for argument in node.args)
            node.kwargs = {k: _with_constants(each, known, graph, node) for k, each in node.kwargs.items()}
    graph.eliminate_dead_code()
    for node in lifted:
        graph.erase_node(node)


def _with_constants(argument: Any, known: dict[Node, Any], graph: torch.fx.Graph, reader: Node) -> Any:
    """The argument with tensors for what is known. In a list the importer only takes nodes: attributes of the graph."""
    if isinstance(argument, Node):
        value = known.get(argument, argument)
        return value if isinstance(value, torch.Tensor | Node | int | float | bool) else argument
    if not isinstance(argument, list | tuple):
        return argument
    found = []
    for each in argument:
        value = known.get(each) if isinstance(each, Node) else None
        if isinstance(value, torch.Tensor):
            module = graph.owning_module
            assert module is not None, "an exported graph belongs to a module"
            name = f"constant_of_{reader.name}_{sum(each.op == 'get_attr' for each in graph.nodes)}"
            object.__setattr__(module, name, value)
            with graph.inserting_before(reader):
                found.append(graph.create_node("get_attr", name))
        else:
            found.append(_with_constants(each, known, graph, reader))
    return found if isinstance(argument, list) else tuple(found)


def _is_deterministic(target: Any) -> bool:
    return isinstance(target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded not in target.tags


def _lifted(program: torch.export.ExportedProgram) -> dict[Node, str]:
    """The graph's inputs that are no inputs of the user: node -> name of the parameter, buffer or constant."""
    signature = program.graph_signature
    groups = (
        signature.inputs_to_parameters,
        signature.inputs_to_buffers,
        signature.inputs_to_lifted_tensor_constants,
    )
    names = {placeholder: name for group in groups for placeholder, name in group.items()}
    return {n: names[n.name] for n in program.graph.nodes if n.op == "placeholder" and n.name in names}


def _constants(program: torch.export.ExportedProgram) -> dict[str, torch.Tensor]:
    found = {**program.constants, **program.state_dict}
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


class ModuleLocations(fx_importer.ContextCache):
    """Locates each operator at the module that computes it; `layer1.0.relu` used twice is `layer1.0.relu`, `..._1`.

    A module that has the name of an input, as the first of `Sequential(OrderedDict(input=...))`, is `input#2`.
    """

    def __init__(self, context: ir.Context, tracker: fx_importer.RefTracker, inputs: Sequence[str]):
        super().__init__(context, py_attr_tracker=tracker)
        self._named: dict[Node, str] = {}
        self._inputs = inputs

    def get_node_location(self, node: Node) -> ir.Location | None:
        if node.op != "call_function":
            return None
        if node not in self._named:
            taken = set(self._named.values())
            base = _layer_name(node)
            name = base = f"{base}#2" if base in self._inputs else base
            count = 0
            while name in taken:
                count += 1
                name = f"{base}_{count}"
            self._named[node] = name
        return ir.Location.name(self._named[node], context=self._c)


def _layer_name(node: Node) -> str:
    """The path of the module that is one layer, or of the container that calls a function, and the function."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    is_layer = path and name.startswith("torch.nn.modules.") and not name.startswith("torch.nn.modules.container.")
    if is_layer:
        return path
    function = getattr(node.target, "_opname", None) or node.name
    return f"{path}.{function}" if path else function


class ReadableWeights(fx_importer.FxImporterHooks):
    """Brings weights in as dense attributes; the importer's own choice, resources, cannot be read back from Python."""

    def __init__(self, names: dict[int, str]):
        self._names = names
        self._attributes: dict[int, ir.Attribute] = {}
        self._kept: list[torch.Tensor] = []

    def resolve_literal(self, gni: fx_importer.GraphNodeImporter, literal: Any, info: Any) -> ir.Value | None:
        if not isinstance(literal, torch.Tensor):
            return None
        # The importer hands bools over as bytes. Python writes these as i8, which MLIR takes for signed ones.
        is_byte = literal.dtype == torch.uint8
        if id(literal) not in self._attributes:
            values = literal.detach().to("cpu")
            values = values.float() if values.is_floating_point() else values.int() if is_byte else values
            array = np.ascontiguousarray(values.numpy()).reshape(values.shape)
            self._kept.append(literal)  # so that nobody else gets its id
            with ir.Location.unknown(gni._c):
                self._attributes[id(literal)] = ir.DenseElementsAttr.get(array)
        name = self._names.get(id(literal), "constant")
        kind = torch.float32 if literal.is_floating_point() else torch.int32 if is_byte else literal.dtype
        return ir.Operation.create(
            "torch.vtensor.literal",
            results=[gni._cc.get_vtensor_type(literal.size(), kind)],
            attributes={"value": self._attributes[id(literal)]},
            loc=ir.Location.name(name, context=gni._c),
        ).result


def _to_mlir(
    program: torch.export.ExportedProgram, context: ir.Context, found: Found, axes: Sequence[int]
) -> ir.Module:
    torch_dialect.register_dialect(context)
    names = {id(tensor): name for name, tensor in _constants(program).items()}
    inputs = [str(name) for name in program.graph_signature.user_inputs]
    importer = fx_importer.FxImporter(context=context, hooks=ReadableWeights(names))
    importer._cc = ModuleLocations(context, importer._py_attr_tracker, inputs)
    try:
        function = importer.import_stateless_graph(program.graph)
    except (NotImplementedError, TypeError, ValueError, RuntimeError, LookupError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"the module cannot be read: {reason}") from error
    count = len(ir.FunctionType(function.attributes["function_type"].value).results)
    outputs = ["output"] if count == 1 else [f"output_{i}" for i in range(count)]
    with context:
        for name, values in (("arg_attrs", inputs), ("res_attrs", outputs)):
            named = [ir.DictAttr.get({qd.NAME: ir.StringAttr.get(str(value))}) for value in values]
            function.attributes[name] = ir.ArrayAttr.get(named)
        for index, name in enumerate(inputs):
            say_of_argument(function, index, name, found)
        if len(axes) == count:
            for index, axis in enumerate(axes):
                say_of_result(function, index, axis)
    return importer.module
