"""Decide which norms the kernel of the layer before them makes.

A block of a product may have whole rows of results, where these are not wide: it has then all that their norm needs, in
shared memory. So a launch is saved, and what nothing else reads is never written; but fewer blocks share the product.
The model that chooses tiles says whether that pays (`product_tiles`).

    layer_norm(linear_add(x, w, y))     one launch, which stores one result or both
"""

from math import prod

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import acc_shift
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.join_tables import has_product
from dyadic.passes.lower.cuda.kernel_selection.product_tiles import norms_in_place
from dyadic.passes.lower.cuda.kernel_selection.together import TOGETHER
from dyadic.passes.lower.cuda.kernels.families.product_weights import STEP
from dyadic.passes.lower.memory.copies import joined_copy, joined_to, mark_joined
from dyadic.passes.rewriting import defining, module_pass

TWO_BITS = 128  # channels of a block are a multiple of, where weights have two bits


@module_pass
def join_norms(module: ir.Operation) -> None:
    """Mark norms that a layer's kernel makes: layer_norm(linear(x)) --> layer_norm(linear(x)) {qi.joined}; exact."""
    mark_joined(module, qi.LayerNormOp, _may_join)


def _may_join(norm: qi.LayerNormOp) -> bool:
    layer = defining(norm.x)
    if not has_product(layer) or TOGETHER in layer.operation.attributes or acc_shift(layer):
        return False
    if isinstance(layer, qi.Convolution) and layer.groups.value > 1:
        return False
    if joined_copy(norm) is not None or any(joined_to(layer.out)):
        return False
    _, *dims, channels = shape(norm.x)
    weight = shape(layer.weight)
    narrow = str(ir.RankedTensorType(layer.weight.type).element_type).startswith("!quant.uniform<i2")
    if narrow and channels % TWO_BITS:
        return False
    return norms_in_place(prod(dims), channels, -(-prod(weight[1:]) // STEP))
