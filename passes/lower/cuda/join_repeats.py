"""Decide which repeats the kernel of the layer before them makes.

What is enlarged by repeating its pixels, and joined with another tensor, is requantized first (`requantize_first`), and
the layer's kernel writes that copy. It writes the copy as often as there are repeats instead, each time to pixels as
far apart as the repeats are: the bytes are at hand.

    repeat(requant(conv2d(x, w)))     one launch
"""

from math import prod

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.join_tables import has_product
from dyadic.passes.lower.memory.copies import JOINED, is_joined, maker_of
from dyadic.passes.lower.memory.views import IMAGE_RANK
from dyadic.passes.rewriting import defining, module_pass

MOST_REPEATS = 4  # each is code of its own


@module_pass
def join_repeats(module: ir.Operation) -> None:
    """Mark repeats of copies that a layer's kernel writes: repeat(requant(x)) --> repeat(...) {qi.joined}; exact.

    Copies are marked already. What is repeated are pixels, not images or channels.
    """
    with module.context:
        for one in main_function(module).operation.regions[0].blocks[0].operations:
            if isinstance(op := one.opview, qi.RepeatOp) and _may_join(op):
                op.operation.attributes[JOINED] = ir.UnitAttr.get()


def _may_join(op: qi.RepeatOp) -> bool:
    copy, (images, *pixels, channels) = defining(op.x), ints(op.times)
    if not isinstance(copy, qi.RequantOp) or not is_joined(copy) or not has_product(maker_of(copy)):
        return False
    return len(shape(op.x)) == IMAGE_RANK and images == channels == 1 and prod(pixels) <= MOST_REPEATS
