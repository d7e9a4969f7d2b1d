"""Decide which pools the kernel of the layer before them makes.

Windows of a pool that do not overlap can lie side by side in a product, whose rows are pixels in any order: a block
then has whole windows of results in shared memory, and stores the largest of each. So a launch is saved, and a result
that only the pool reads is never written.

    max_pool(conv2d(x, w))     one launch, which stores one result or both
"""

from math import prod

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.join_tables import has_product
from dyadic.passes.lower.cuda.kernel_selection.joined import result_of
from dyadic.passes.lower.memory.copies import joined_to, maker_of, mark_joined
from dyadic.passes.rewriting import defining, module_pass

ROWS = 16  # of every block: a multiple of


@module_pass
def join_pools(module: ir.Operation) -> None:
    """Mark pools that a layer's kernel makes: max_pool(conv2d(x, w)) --> max_pool(conv2d(x, w)) {qi.joined}; exact."""
    mark_joined(module, qi.MaxPoolOp, _may_join)


def _may_join(pool: qi.MaxPoolOp) -> bool:
    source, kernel = defining(pool.x), ints(pool.kernel)
    layer = None if source is None else maker_of(source)
    if not isinstance(layer, qi.Convolution) or not has_product(layer) or result_of(layer) != pool.x:
        return False
    if any(joined_to(pool.out)):  # a copy, which the pool's own kernel writes
        return False
    if any(maker_of(one) == layer and not isinstance(one, qi.RequantOp) for one in joined_to(pool.x)):
        return False
    if kernel != ints(pool.strides) or any(ints(pool.padding)) or ints(pool.dilation) != [1, 1] or ROWS % prod(kernel):
        return False
    seen = shape(pool.x)[1:3]
    covered = [n * size for n, size in zip(shape(pool.out)[1:3], kernel, strict=True)]
    # what is in no window is not computed, which is right where nothing else reads it
    return covered == seen or (len(list(pool.x.uses)) == 1 and all(a <= b for a, b in zip(covered, seen, strict=True)))
