"""What an exported torch graph computes from its integer inputs alone becomes what it is: the ids, or one mask.

    embedding(table, _to_copy(ids))                  -->  embedding(table, ids)
    add(scores, mul(rsub(_to_copy(mask), 1), -1e4))  -->  add(scores, dyadic::valid(mask, "additive"))

`masks.py` says what each is, by evaluating it; `dyadic::valid` is an operator of the project's own, which ingest knows.
A float input is taken for a mask where everything that is computed from it alone is one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.fx import Graph, Node

from dyadic.compiler.importers.masks import Found, Meaning, is_same, meaning_of, padding_of, places
from dyadic.runtime.errors import ModelError

Array = npt.NDArray[Any]
WHOLE = (torch.int64, torch.int32, torch.bool)
FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, NotImplementedError)

_library = torch.library.Library("dyadic", "DEF")
_library.define("valid(Tensor mask, str kind, int tokens, Tensor? others) -> Tensor")


def replace_masks(graph: Graph, inputs: Sequence[str], located: Callable[[Node], str]) -> Found:
    """Rewrite the graph in place; returns what was found of the inputs.

    inputs: the user's, by the names of their nodes. located: what the user calls a node. Raises ModelError where
    something else is computed from an input of whole numbers.
    """
    sources = [node for node in graph.nodes if node.op == "placeholder" and node.name in inputs]
    if not any(value_of(node).dtype in WHOLE for node in sources):
        return Found([], {})
    for node in list(graph.nodes):  # exporters leave them beside casts, whose results they would keep alive
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            graph.erase_node(node)
    inputs_found = Found([], {})
    for source in sources:
        whole = value_of(source).dtype in WHOLE
        if not whole and (value_of(source).dtype != torch.float32 or value_of(source).ndim != 2):
            continue
        part = Part(graph, source)
        found = {node: part.meaning(node, must=whole, located=located) for node in part.frontier()}
        if not found or any(one is None for one in found.values()):
            continue
        for node, one in found.items():
            if one is not None:
                part.replace(node, one)
        graph.eliminate_dead_code()
        if part.padding is not None:
            inputs_found.padding[source.name] = part.padding
        if not whole:
            inputs_found.masks.append(source.name)
    return inputs_found


def value_of(node: Node) -> torch.Tensor:
    """The shape and type of what a node makes."""
    return node.meta["val"]


class Part:
    """What is computed from one input and constants alone."""

    def __init__(self, graph: Graph, source: Node) -> None:
        self.graph, self.source = graph, source
        self.sizes = [int(n) for n in value_of(source).shape]
        self.padding: int | None = None  # of token ids that positions are counted from
        self.made: dict[Node, None] = {source: None}
        for node in graph.nodes:
            read = node.all_input_nodes
            if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload) or is_lookup(node):
                continue
            live = [each for each in read if each.op != "get_attr"]
            if live and set(live) <= self.made.keys():
                self.made[node] = None

    def readers(self, node: Node) -> list[Node]:
        """The nodes outside that read it."""
        return [user for user in node.users if user not in self.made]

    def frontier(self) -> list[Node]:
        """What others read."""
        return [node for node in self.made if self.readers(node) and isinstance(node.meta.get("val"), torch.Tensor)]

    def function(self, wanted: Node) -> Callable[[Array], Array]:
        """What a node makes, as a function of the input."""

        def compute(x: Array) -> Array:
            values: dict[Node, Any] = {self.source: torch.from_numpy(x).to(value_of(self.source).dtype)}
            with torch.no_grad():
                for node in self.made:
                    if node is self.source:
                        continue

                    def known(each: Node) -> Any:
                        return values[each] if each in values else attribute(self.graph, each)

                    arguments, options = torch.fx.map_arg((node.args, node.kwargs), known)
                    values[node] = node.target(*arguments, **options)  # pyright: ignore[reportCallIssue]
                    if node is wanted:
                        break
            return values[wanted].numpy()

        return compute

    def meaning(self, node: Node, *, must: bool, located: Callable[[Node], str]) -> Meaning | None:
        """What it is, "ids" where it is the input itself; None where it is nothing that is known.

        Raises ModelError in the place of None, where it must be something.
        """
        readers = self.readers(node)
        tables = [value_rows(user) for user in readers if is_lookup(user)]
        length = self.sizes[-1] if len(self.sizes) == 2 else 0
        meaning = None
        try:
            compute = self.function(node)
            if len(tables) == len(readers):
                same = node is self.source or is_same(compute, length, min(tables))
                positions = None if same else places(compute, length)
                meaning = (
                    Meaning("ids") if same else None if positions is None else Meaning("constant", others=positions)
                )
                self.padding = self.padding if positions is None else padding_of(compute, length)
            elif length > 1:
                meaning = meaning_of(compute, length)
        except FAILURES:
            meaning = None
        if meaning is None and must:
            raise ModelError(
                f'what "{located(readers[0])}" reads is computed from the input "{self.source.name}", and is neither '
                "its numbers nor a mask of which tokens are valid; such arithmetic has no integer form: compute it "
                "outside of the model"
            )
        return meaning

    def replace(self, node: Node, meaning: Meaning) -> None:
        """Put what it is in its place, for all readers outside."""
        if meaning.kind == "ids":
            for user in self.readers(node):
                user.replace_input_with(node, self.source)
            return
        others = None if meaning.others is None else torch.from_numpy(meaning.others.astype(np.float32))
        if meaning.kind == "constant":
            made = self.function(node)(np.ones(self.sizes)) if meaning.others is None else meaning.others
            value: Any = torch.from_numpy(np.ascontiguousarray(made))
            for user in self.readers(node):
                user.args, user.kwargs = torch.fx.map_arg(
                    (user.args, user.kwargs), lambda each: value if each is node else each
                )
            return
        with self.graph.inserting_after(self.source):
            valid = self.graph.call_function(
                torch.ops.dyadic.valid.default, (self.source, meaning.kind, meaning.axis or 0, others)
            )
        valid.meta = {**node.meta, "val": value_of(node)}
        for user in self.readers(node):
            if user is not valid:
                user.replace_input_with(node, valid)


def is_lookup(node: Node) -> bool:
    """Whether it takes rows of a table by what is computed."""
    return node.target in (torch.ops.aten.embedding.default, torch.ops.aten.one_hot.default)


def value_rows(node: Node) -> int:
    """How many rows the table of a lookup has."""
    table: Any = node.args[0]
    return int((table if isinstance(table, torch.Tensor) else value_of(table)).shape[0])


def attribute(graph: Graph, node: Node) -> Any:
    """What a `get_attr` node gives."""
    return getattr(graph.owning_module, str(node.target))
