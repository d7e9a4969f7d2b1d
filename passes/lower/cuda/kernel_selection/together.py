"""Which linear layers are one product (see `gather_projections`)."""

from typing import Any

from dyadic.dialects import qi
from dyadic.passes.lower.memory.copies import joined_to
from dyadic.passes.lower.memory.views import view

TOGETHER = "qi.together"


def together(op: qi.LinearOp) -> list[Any]:
    """The layers of one product with this one, in order, where their results lie alike; else this one alone."""
    if TOGETHER not in op.operation.attributes:
        return [op]
    number = op.operation.attributes[TOGETHER]
    users = {use.owner for use in op.x.uses}
    group = [one.opview for one in op.operation.block.operations if one in users]
    group = [one for one in group if TOGETHER in one.attributes and one.attributes[TOGETHER] == number]
    made = [view(one.out) for one in group]
    alike = {(one.rows, one.columns, one.plane) for one in made}
    looked_up = any(True for one in group for _ in joined_to(one.out))
    return [op] if len(alike) > 1 or looked_up else group
