"""Decide which pixel shuffles the kernel of the layer before them makes.

A transposed convolution is a layer that makes several pixels as channels of one, and a transpose that puts these side
by side. The kernel of a product stores shares of its channels in places of their own: so it puts them there itself, and
a launch is saved.

    transpose(reshape(conv2d(x, w)))     one launch
"""

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.gather_projections import WHOLE_TILE
from dyadic.passes.lower.cuda.join_tables import product_of
from dyadic.passes.lower.memory.copies import JOINED
from dyadic.passes.lower.memory.views import IMAGE_RANK
from dyadic.passes.rewriting import defining, module_pass

SHUFFLE = [0, 1, 3, 2, 4, 5]  # images, rows, columns, pixels below and beside each other, channels
MOST_PLACES = 16  # a block finds its own among all


@module_pass
def join_shuffles(module: ir.Operation) -> None:
    """Mark pixel shuffles that a layer's kernel makes: transpose(reshape(conv2d(x))) --> both {qi.joined}; exact."""
    with module.context:
        for one in main_function(module).operation.regions[0].blocks[0].operations:
            op = one.opview
            if isinstance(op, qi.TransposeOp) and _may_join(op):
                for each in (op, defining(op.x)):
                    each.operation.attributes[JOINED] = ir.UnitAttr.get()


def _may_join(op: qi.TransposeOp) -> bool:
    split = defining(op.x)
    if not isinstance(split, qi.ReshapeOp) or ints(op.permutation) != SHUFFLE or len(list(split.out.uses)) > 1:
        return False
    *image, down, across, channels = shape(split.out)
    if len(shape(split.x)) != IMAGE_RANK or shape(split.x)[:-1] != image:
        return False
    if channels % WHOLE_TILE or down * across > MOST_PLACES:
        return False
    layer = product_of(split.x)
    return isinstance(layer, qi.Convolution) and layer.groups.value == 1
