"""Give every buffer a place in one arena so that buffers which are alive together never overlap.

Greedy by size (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020): the largest
buffer first, each at the lowest offset that is free for its whole life.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.memory.copies import is_joined, maker_of
from dyadic.passes.lower.memory.views import (
    ARENA,
    BUFFERS,
    KEPT_RINGS,
    LAYOUT,
    MADE_INSIDE,
    PLACED,
    activations,
    from_attribute,
    is_constant,
)
from dyadic.passes.rewriting import module_pass


@dataclass
class Life:
    """Positions of the ops that first write and last read a buffer, both included."""

    first: int
    last: int

    def meets(self, other: "Life") -> bool:
        return self.first <= other.last and other.first <= self.last


@module_pass
def plan_memory(module: ir.Operation) -> None:
    """Place buffers in the arena: function {qi.buffers} --> function {qi.arena}; exact, nothing is computed."""
    function = main_function(module)
    sizes = ints(function.operation.attributes[BUFFERS])
    block = function.regions[0].blocks[0]
    kept = ringed(block) | bordered(block) if KEPT_RINGS in function.operation.attributes else set()
    offsets, total = place(sizes, lives(block, len(sizes), kept))
    function.operation.attributes[ARENA] = ir.DenseI64ArrayAttr.get([*offsets, total], context=module.context)


def ringed(block: ir.Block) -> set[int]:
    """The buffers with rings of zero points."""
    layouts = [from_attribute(op.operation.attributes[LAYOUT]) for op in activations(block)]
    return {layout.buffer for layout in layouts if layout.halo}


def bordered(block: ir.Block) -> set[int]:
    """The buffers with borders, or constants that something is joined with, that are written once."""
    made = [op for op in activations(block) if MADE_INSIDE in op.operation.attributes or _has_constant(op)]
    return {from_attribute(op.operation.attributes[LAYOUT]).buffer for op in made}


def _has_constant(op: Any) -> bool:
    """Whether it is joined with a constant that has to be copied."""
    if not isinstance(op, qi.ConcatOp):
        return False
    placed = ints(op.operation.attributes[PLACED])
    return any(is_constant(value) and not there for value, there in zip((op.a, op.b), placed, strict=True))


def lives(block: ir.Block, buffers: int, kept: Collection[int] = ()) -> list[Life]:
    """When each buffer is in use. Inputs are from the start on, outputs until the end, both by their ops' places; those
    that are `kept` from the start until the end."""
    last = len(block.operations)
    result = [Life(-1, last) if buffer in kept else Life(last, -1) for buffer in range(buffers)]
    buffer_of: dict[Any, int] = {}
    for op in activations(block):
        buffer_of[op.operation.results[0]] = op.operation.attributes[LAYOUT]["buffer"].value
    positions = {op: position for position, op in enumerate(block.operations)}
    for position, op in enumerate(block.operations):
        if is_joined(op):
            made = result[buffer_of[op.operation.results[0]]]
            made.first = min(made.first, positions[maker_of(op.opview).operation])
        touched = [buffer_of[v] for v in (*op.operation.results, *op.operation.operands) if v in buffer_of]
        for buffer in touched:
            if buffer < 0:
                continue
            life = result[buffer]
            # all inputs are quantized before the first step, all outputs read after the last
            life.first = -1 if isinstance(op, qi.InputOp) else min(life.first, position)
            life.last = last if isinstance(op, qi.DequantizeOp) else max(life.last, position)
    return result


def place(sizes: list[int], life: list[Life]) -> tuple[list[int], int]:
    """(offset of every buffer, size of the arena), all per image."""
    offsets = [0] * len(sizes)
    done: list[int] = []
    for buffer in sorted(range(len(sizes)), key=lambda b: (-sizes[b], b)):
        busy = sorted((offsets[b], offsets[b] + sizes[b]) for b in done if life[b].meets(life[buffer]))
        offset = 0
        for start, end in busy:
            if start - offset >= sizes[buffer]:
                break
            offset = max(offset, end)
        offsets[buffer] = offset
        done.append(buffer)
    return offsets, max((offsets[b] + sizes[b] for b in done), default=0)
