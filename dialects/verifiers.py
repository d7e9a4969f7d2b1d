"""What verifiers of both dialects share: complaining in one sentence, and the windows and slices of tensors.

A verifier complains at the op and answers whether it holds; where an attribute is missing, IRDL names it.
"""

from typing import Any, Literal

from torch_mlir import ir

from dyadic.dialects.fields import given, ints
from dyadic.dialects.tensor_types import shape


def fail(op: ir.OpView, complaint: str) -> Literal[False]:
    """Emit `'<op>' op <complaint>` at the op's location and be the False that `verify_invariants` returns."""
    op.location.emit_error(f"'{op.operation.name}' op {complaint}")
    return False


def broadcasts(small: list[int], whole: list[int]) -> bool:
    """Whether a tensor of shape `small` broadcasts to `whole`, dimensions from the last on."""
    pairs = zip(reversed(small), reversed(whole), strict=False)
    return len(small) <= len(whole) and all(n in (1, m) for n, m in pairs)


def verify_window(op: Any, size: list[int], kernel: list[int], out: list[int], *, ceil: bool = False) -> bool:
    """The result's height and width follow from size, kernel, strides, padding and dilation.

    With `ceil`, one more window is allowed in each dimension as long as it starts inside the input or its padding.
    """
    attributes = op.operation.attributes
    if not given(op, "strides", "padding"):
        return True
    strides, padding = ints(op.strides), ints(op.padding)
    dilation = ints(op.dilation) if "dilation" in attributes else [1, 1]
    if (
        len(strides) != 2
        or len(padding) != 4
        or len(dilation) != 2
        or min(strides) < 1
        or min(dilation) < 1
        or min(padding) < 0
    ):
        return fail(op, f"needs 2 strides, 4 paddings and 2 dilations, got {strides}, {padding}, {dilation}")
    for d in range(2):
        span = size[d] + padding[d] + padding[d + 2] - dilation[d] * (kernel[d] - 1) - 1
        if span < 0:
            return fail(op, f"window {kernel} is larger than the padded input {size}")
        floor = span // strides[d] + 1
        allowed = {floor, -(-span // strides[d]) + 1} if ceil else {floor}
        if out[d] not in allowed:
            return fail(op, f"result is {out[d]} along spatial dimension {d}, the windows make {floor}")
    return True


def verify_slice(op: Any) -> bool:
    """One start, step and size a dimension, and every element that they pick is inside x."""
    if not given(op, "starts", "steps"):
        return True
    x, starts, steps, out = shape(op.x), ints(op.starts), ints(op.steps), shape(op.out)
    if not len(x) == len(starts) == len(steps) == len(out):
        return fail(op, f"needs one start and step a dimension of {x} and {out}, got {starts} and {steps}")
    bounds = zip(x, starts, steps, out, strict=True)
    if any(start < 0 or step < 1 or n < 1 or start + (n - 1) * step >= size for size, start, step, n in bounds):
        return fail(op, f"starts {starts}, steps {steps} leave {x}")
    return True


def verify_take(op: Any) -> bool:
    """Places inside of dimension `axis`, which is not the batch; the result has one entry for each."""
    if not given(op, "axis", "places"):
        return True
    x, axis, places, out = shape(op.x), op.axis.value, ints(op.places), shape(op.out)
    if not 0 < axis < len(x) or not places or min(places) < 0 or max(places) >= x[axis]:
        return fail(op, f"its places leave axis {axis} of {x}")
    made = [*x[:axis], len(places), *x[axis + 1 :]]
    return made == out or fail(op, f"makes {made}, not {out}")


def verify_places(op: Any, x: list[int], out: list[int], whole: float) -> bool:
    """Of an image [N,C,H,W]: a place and a share in [0, whole] of what follows it for each row and column."""
    if len(x) != 4 or len(out) != 4 or x[:2] != out[:2]:
        return fail(op, f"makes {out} of {x}, not an image of as many channels")
    for axis, places, shares in ((2, op.rows, op.row_shares), (3, op.columns, op.column_shares)):
        found, parts = ints(places), list(shares)
        if not len(found) == len(parts) == out[axis] or not 0 <= min(found) <= max(found) < x[axis]:
            return fail(op, f"needs a place inside of {x} for each of {out[axis]} along dimension {axis}")
        if not 0 <= min(parts) <= max(parts) <= whole:
            return fail(op, f"its shares must lie in [0, {whole:g}], got [{min(parts):g}, {max(parts):g}]")
    return True
