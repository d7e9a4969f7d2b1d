"""How each `qi` op becomes kernel launches: one function an op, marked `@selects`, in a file that is imported here."""

from dyadic.dialects import qi
from dyadic.passes.lower.cuda.kernel_selection import (  # noqa: F401 - they register how each op is computed
    attention,
    depthwise,
    embedding,
    interpolation,
    matmul,
    matrix,
    move,
    norm,
    pointwise,
    pool,
    recurrence,
    squeeze,
)
from dyadic.passes.lower.cuda.kernel_selection.selectors import selects
from dyadic.passes.lower.launches.launch import Launch


@selects(qi.Conv2dOp)
def convolution(op: qi.Conv2dOp) -> list[Launch]:
    """By whether every channel is alone, or it makes the gates of a squeeze-and-excite block."""
    if (block := squeeze.block_of_layer(op)) is not None:
        return [squeeze.excited(block)]
    return depthwise.depthwise_convolution(op) if depthwise.is_depthwise(op) else matrix.convolution(op)
