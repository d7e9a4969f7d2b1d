"""Decide which pools the layer behind them finds itself.

Where a 1 x 1 layer alone reads a pool, each pixel of that is read once for every block of channels: its kernel takes
the largest of a window's pixels on their way to shared memory. So a launch is saved, and the pool is never written;
windows may overlap. With many channels the same windows would be searched by many blocks.

    conv2d(max_pool(x), w)     one launch
"""

from math import prod
from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.dialects.tensor_types import is_wide, shape
from dyadic.passes.lower.cuda.join_tables import has_product
from dyadic.passes.lower.memory.copies import is_joined
from dyadic.passes.lower.memory.views import READ_THROUGH, is_constant
from dyadic.passes.rewriting import module_pass

MOST_CELLS = 9  # of a window
MOST_CHANNELS = 64  # of the layer


@module_pass
def read_pools(module: ir.Operation) -> None:
    """Mark pools that a 1 x 1 layer finds: conv2d(max_pool(x)) --> conv2d(max_pool(x) {qi.read_through}); exact."""
    with module.context:
        for one in main_function(module).operation.regions[0].blocks[0].operations:
            op = one.opview
            if isinstance(op, qi.MaxPoolOp) and not is_joined(op) and _has_whole_windows(op):
                readers = [use.owner.opview for use in op.out.uses]
                if len(readers) == 1 and _finds(readers[0], op.out):
                    op.operation.attributes[READ_THROUGH] = ir.UnitAttr.get()


def _has_whole_windows(pool: qi.MaxPoolOp) -> bool:
    """Whether all cells of its few are pixels, of one byte a channel."""
    if is_wide(pool.x) or is_constant(pool.x) or any(ints(pool.padding)) or prod(ints(pool.kernel)) > MOST_CELLS:
        return False
    sizes = zip(shape(pool.x)[1:3], shape(pool.out)[1:3], strict=True)
    fields = zip(ints(pool.strides), ints(pool.kernel), ints(pool.dilation), strict=True)
    return all(
        (made - 1) * stride + (taps - 1) * dilation < size
        for (size, made), (stride, taps, dilation) in zip(sizes, fields, strict=True)
    )


def _finds(layer: Any, value: ir.Value) -> bool:
    """Whether a layer can take the largest of windows where it reads a pool."""
    if not isinstance(layer, qi.Convolution) or not has_product(layer) or layer.x != value:
        return False
    made, *kernel, _ = shape(layer.weight)
    return kernel == [1, 1] and layer.groups.value == 1 and made <= MOST_CHANNELS and not any(ints(layer.padding))
