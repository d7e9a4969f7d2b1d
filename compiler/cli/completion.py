"""What shells complete beside commands, options, choices and files: layers of the model, levels, presets, devices.

A shell waits for it, so that nothing heavy is imported: layers are the nodes of the ONNX file that have weights, and
nobody asks what the compiler would make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from dyadic.compiler.targets.registry import names, target_of
from dyadic.runtime.preprocess import PRESETS

Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
LARGEST = 256 << 20  # bytes of a model that is read while somebody waits


def one_of(words: Iterable[str]) -> Completion:
    """One of these."""
    known = [*words]
    return lambda _context, _parameter, begun: items(known, begun)


def list_of(known: Callable[[], Iterable[str]]) -> Completion:
    """Several of these, with commas between them."""

    def complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        before, comma, last = begun.rpartition(",")
        done = before.split(",") if comma else []
        return [
            CompletionItem(f"{before}{comma}{one.value}")
            for one in items([word for word in known() if word not in done], last)
        ]

    return complete


def levels() -> list[str]:
    """Of all targets."""
    return [level for name in names() for level in target_of(name).levels]


def layers(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The nodes with weights of the model that is on the line already."""
    # an option that has no value yet ends click's reading before it has given arguments their names
    given = [context.params.get("model"), *context.args]
    return items(next(filter(None, map(weighted_nodes, given)), []), begun)


def files(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The shell's own."""
    return [CompletionItem(begun, type="file")]


def items(known: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in known if word.startswith(begun)]


def weighted_nodes(model: object) -> list[str]:
    """By name; none where the file cannot be read."""
    path = Path(str(model))
    with suppress(OSError, ModuleNotFoundError):
        if path.suffix == ".onnx" and path.stat().st_size <= LARGEST:
            import onnx
            from google.protobuf.message import DecodeError

            with suppress(DecodeError):
                graph = onnx.load(path, load_external_data=False).graph
                weights = {one.name for one in graph.initializer if len(one.dims) > 1}
                return [node.name for node in graph.node if node.name and not weights.isdisjoint(node.input)]
    return []


OF_OPTIONS: dict[str, Completion] = {
    "keep": layers,
    "exclude": layers,
    "isa": list_of(levels),
    "target": list_of(names),
    "preprocess": one_of(PRESETS),
    "load_passes": files,
    "device": one_of(["cpu", "cuda", "cuda:0", "cuda:1"]),
}
