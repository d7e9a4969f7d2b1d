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
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.join_tables import has_product
from dyadic.passes.lower.memory.copies import is_joined, maker_of, mark_joined
from dyadic.passes.lower.memory.views import IMAGE_RANK
from dyadic.passes.rewriting import defining, module_pass

MOST_REPEATS = 4  # each is code of its own


@module_pass
def join_repeats(module: ir.Operation) -> None:
    """Mark repeats of copies that a layer's kernel writes: repeat(requant(x)) --> repeat(...) {qi.joined}; exact.

    Copies are marked already. What is repeated are pixels, not images or channels.
    """
    mark_joined(module, qi.RepeatOp, _may_join)


def _may_join(op: qi.RepeatOp) -> bool:
    copy, (images, *pixels, channels) = defining(op.x), ints(op.times)
    if not isinstance(copy, qi.RequantOp) or not is_joined(copy) or not has_product(maker_of(copy)):
        return False
    return len(shape(op.x)) == IMAGE_RANK and images == channels == 1 and prod(pixels) <= MOST_REPEATS
