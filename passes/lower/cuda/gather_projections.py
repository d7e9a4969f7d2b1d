"""Put linear layers that read one tensor side by side, as those that make queries, keys and values.

Their kernel then is one product: a launch instead of three, and more blocks of it for a small batch.
"""

from itertools import pairwise
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.dialects.weight_groups import GROUP_SCALES
from dyadic.passes.lower.cuda.kernel_selection.together import TOGETHER
from dyadic.passes.rewriting import defining, module_pass

WHOLE_TILE = 32  # channels of a part are a multiple of


@module_pass
def gather_projections(module: ir.Operation) -> None:
    """Move linear layers of one input to each other: linear(x), ..., linear(x) --> both {qi.together = 0}; exact."""
    with module.context:
        block = main_function(module).operation.regions[0].blocks[0]
        place = {op: position for position, op in enumerate(block.operations)}
        groups: dict[Any, list[qi.LinearOp]] = {}
        for one in block.operations:
            if isinstance(op := one.opview, qi.LinearOp) and shape(op.out)[-1] % WHOLE_TILE == 0:
                groups.setdefault(_kind(op), []).append(op)
        for number, group in enumerate(groups.values()):
            if len(group) < 2:
                continue
            for before, op in pairwise(group):
                for constant in (defining(value).operation for value in (op.weight, op.bias)):
                    if place[constant] > place[group[0].operation]:
                        constant.move_before(group[0].operation)
                op.operation.move_after(before.operation)
            for op in group:
                op.operation.attributes[TOGETHER] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)


def _kind(op: qi.LinearOp) -> Any:
    """What layers of one product share."""
    weight = defining(op.weight).operation
    stored = str(ir.RankedTensorType(op.weight.type).element_type).partition(":")[0]
    alone = op if GROUP_SCALES in weight.attributes else None
    return op.x, stored, acc_shift(op), is_wide(op.out), alone
