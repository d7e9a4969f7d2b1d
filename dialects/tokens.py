"""Which dimension of each tensor counts tokens, and whether a token that is not valid could reach others.

A network of text reads ids of tokens and which of them are valid. Where every op computes each token by itself, but
for attention that masks those which are not, what a padded token holds changes no other result: ranges are then learned
from valid tokens alone, and a network for 128 tokens answers 20 of them as one for 20 would.
"""

from dataclasses import dataclass

from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.arguments import is_mask
from dyadic.dialects.facts import TokensMeet
from dyadic.dialects.reference import Module, Plan, main_function, make_plan
from dyadic.dialects.tensor_types import is_integer, shape


@dataclass(frozen=True)
class Tokens:
    """axes: by slot of the plan, the dimension that counts tokens, None where there is none. meeting: slots whose
    tensors depend on tokens that are not valid, with the name of the first layer where they meet."""

    mask: str  # the argument that says which tokens are valid
    length: int
    axes: dict[int, int | None]
    meeting: dict[int, str]

    def of(self, plan: Plan) -> dict[str, int]:
        """By the name of each argument and step: the dimension that counts tokens, where one does."""
        named = {**plan.arguments, **{step.name: step.output for step in plan.steps}}
        found = {name: self.axes.get(slot) for name, slot in named.items()}
        return {name: axis for name, axis in found.items() if axis is not None}


def tokens_of(module: Module, plan: Plan | None = None) -> Tokens | None:
    """None of a network without one input [N, length] that says which tokens are valid."""
    plan = make_plan(module) if plan is None else plan
    arguments = list(main_function(module).operation.regions[0].blocks[0].arguments)
    masks = [value for value in arguments if is_integer(value) and is_mask(value) and len(shape(value)) == 2]
    if len(masks) != 1:
        return None
    length = shape(masks[0])[1]
    axes: dict[int, int | None] = dict.fromkeys(plan.constants)
    for slot in plan.arguments.values():
        axes[slot] = 1 if is_token_input(arguments[slot], length) else None
    meeting: dict[int, str] = {}
    for step in plan.steps:
        axes[step.output] = None
        if (first := next((meeting[slot] for slot in step.inputs if slot in meeting), None)) is not None:
            meeting[step.output] = first
            continue
        try:
            axes[step.output] = step.op.token_axis([axes[slot] for slot in step.inputs])
        except TokensMeet:
            meeting[step.output] = step.name
    name = next(name for name, slot in plan.arguments.items() if arguments[slot] == masks[0])
    return Tokens(name, length, axes, meeting)


def is_token_input(value: ir.Value, length: int) -> bool:
    """Whether an input has an id, or a mark, for each token."""
    readers = [use.owner.opview for use in value.uses]
    looked_up = any(isinstance(op, qd.EmbeddingOp) for op in readers)
    return is_integer(value) and len(shape(value)) == 2 and shape(value)[1] == length and (looked_up or is_mask(value))
