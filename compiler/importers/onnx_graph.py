"""A graph of ONNX nodes: each gets a name of its own, and is held against what ONNX defines.

Nothing here calls onnx's checker on a whole model: it expands model-local functions without a limit, and 177 bytes of
functions that call each other twice keep it busy for good. The graph is checked here, node by node.
"""

from collections import Counter
from collections.abc import Iterable

import onnx

from dyadic.compiler.importers.onnx_structure import STANDARD
from dyadic.runtime.errors import ModelError

AUTO_PADS = (b"NOTSET", b"SAME_UPPER", b"SAME_LOWER", b"VALID")


def name_nodes(graph: onnx.GraphProto) -> None:
    """A node without a name, or with one that is taken, is called by what it produces.

    The first node of a name keeps it, unless it is that of an input: nodes and inputs are two name spaces in ONNX and
    one in all that is said of layers, so a node called "image" as well is "image#2". An operator of somebody's own
    domain keeps the domain in its name, so that it is nobody else's operator.
    """
    constants = {tensor.name for tensor in graph.initializer}
    inputs = {value.name for value in graph.input} - constants
    own = {node.name for node in graph.node}
    taken = inputs | {""}
    last: Counter[str] = Counter()
    for node in graph.node:
        produced = next((name for name in node.output if name), node.op_type)
        name = node.name
        if name in inputs:
            name = _numbered(f"{name}#", own, taken, last)
        elif name in taken:
            fits = produced not in own and produced not in taken
            name = produced if fits else _numbered(f"{node.op_type}_", own, taken, last)
        node.name = name
        taken.add(name)
        if node.domain not in STANDARD:
            node.op_type = f"{node.domain}.{node.op_type}"
        node.domain = ""


def _numbered(base: str, own: set[str], taken: set[str], last: Counter[str]) -> str:
    """The base with the first number from 2 on that makes a name of its own. `last`: what was tried, by base."""
    last[base] = max(last[base], 1)
    while True:
        last[base] += 1
        name = f"{base}{last[base]}"
        if name not in own and name not in taken:
            return name


def check_graph(graph: onnx.GraphProto, opset: int, constants: Iterable[str] = ()) -> None:
    """Every value is produced once, before it is read, and every known operator is used as its definition allows.

    `constants`: what is there beside inputs and initializers. Raises ModelError.
    """
    context = onnx.checker.C.CheckerContext()
    context.ir_version = onnx.IR_VERSION
    context.opset_imports = {"": opset}
    known = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer} | {"", *constants}
    for node in graph.node:
        called = f'"{node.name}" ({node.op_type})'
        missing = [name for name in (*node.input, *captured(node)) if name not in known]
        if missing:
            raise ModelError(f'{called} reads "{missing[0]}", which nothing before it produces')
        for name in node.output:
            if name and name in known:
                raise ModelError(f'{called} produces "{name}", which exists already')
            known.add(name)
        _check_node(node, called, context)
    for value in graph.output:
        if value.name not in known:
            raise ModelError(f'nothing produces the output "{value.name}"')
    if not graph.output:
        raise ModelError("the model has no outputs")


def captured(node: onnx.NodeProto) -> set[str]:
    """What the graphs inside a node read from outside of it."""
    outside: set[str] = set()
    for attribute in node.attribute:
        if attribute.HasField("g"):
            inner = attribute.g
            made = {value.name for value in inner.input} | {tensor.name for tensor in inner.initializer} | {""}
            for each in inner.node:
                outside.update(name for name in (*each.input, *captured(each)) if name not in made)
                made.update(each.output)
            outside.update(value.name for value in inner.output if value.name not in made)
    return outside


def _check_node(node: onnx.NodeProto, called: str, context: onnx.checker.C.CheckerContext) -> None:
    if not onnx.defs.has(node.op_type) or node.op_type == "Constant":
        return  # operators nobody knows are ingest's to list, and large constants would be copied
    try:
        if any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute):
            _check_branches(node, called)  # the checker would look at the whole graphs inside
            return
        onnx.checker.check_node(node, context)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{called} is not used as ONNX defines it: {reason}") from None
    except UnicodeDecodeError:  # from the checker's own message
        raise ModelError(f"{called} has an attribute that is not the text which ONNX wants there") from None
    for attribute in node.attribute:
        if attribute.name == "auto_pad" and attribute.s not in AUTO_PADS:
            words = ", ".join(word.decode() for word in AUTO_PADS)
            raise ModelError(f"{called} has auto_pad={attribute.s.decode(errors='replace')}; there are {words}")


def _check_branches(node: onnx.NodeProto, called: str) -> None:
    """An If has a condition and two branches that make as many values as it does."""
    if node.op_type != "If":
        return
    branches = {a.name: a.g for a in node.attribute}
    if len(node.input) != 1 or not node.input[0] or set(branches) != {"then_branch", "else_branch"}:
        raise ModelError(f"{called} is not used as ONNX defines it: it needs a condition, a then- and an else-branch")
    for name, branch in branches.items():
        if len(branch.output) != len(node.output):
            raise ModelError(f"{called} makes {len(node.output)} values, its {name} {len(branch.output)}")
