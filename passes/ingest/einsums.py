"""Einstein sums of two tensors: a linear layer where one is a matrix of constants, else one product of matrices.

    bchw,oc->bohw    a linear layer over c
    bhwc,hkc->bhwk   for each h the product of [b*w, c] and [c, k]

What both have is summed over where the result lacks it, and stays apart where the result has it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dyadic.passes.ingest import families, transformers
from dyadic.passes.ingest.folded import dims_of, reshape, transpose
from dyadic.passes.ingest.translation import Literal, Result, Unsupported, literal


def einsum(equation: str, operands: Sequence[Any]) -> Result:
    """The sum that `equation`, with an arrow and without an ellipsis, says."""
    terms, arrow, out = equation.replace(" ", "").partition("->")
    labels = terms.split(",")
    if all(isinstance(each, Literal) for each in operands):
        return literal(np.einsum(equation, *(each.array for each in operands)))
    if len(operands) != 2 or len(labels) != 2 or not arrow or "." in equation:
        raise Unsupported(f"only sums of two tensors, as in bci,oi->bco, are supported, not {equation}")
    for term, operand in zip(labels, operands, strict=True):
        if len(set(term)) < len(term) or len(set(out)) < len(out) or len(term) != len(dims_of(operand)):
            shapes = [dims_of(each) for each in operands]
            raise Unsupported(f"{equation} does not fit {shapes[0]} and {shapes[1]}")
    (left, right), (a, b) = labels, operands
    if isinstance(a, Literal):
        (left, right), (a, b) = (right, left), (b, a)
    shared = [label for label in left if label in right]
    summed = [label for label in shared if label not in out]
    apart = [label for label in out if label in shared]
    rows = [label for label in out if label in left and label not in right]
    columns = [label for label in out if label in right and label not in left]
    if not summed or {*left} != {*summed, *apart, *rows} or {*right} != {*summed, *apart, *columns}:
        raise Unsupported(f"{equation} is no product with a matrix")
    sizes = dict(zip(left + right, dims_of(a) + dims_of(b), strict=True))
    first, second = _ordered(a, left, apart + rows + summed), _ordered(b, right, apart + summed + columns)
    depth, width = (math.prod(sizes[label] for label in group) for group in (summed, columns))
    if isinstance(b, Literal) and not apart:
        matrix = np.ascontiguousarray(second.array.reshape(depth, width).T)
        flat = reshape(first, [*(sizes[label] for label in rows), depth])
        product = families.linear(flat, literal(matrix), None)
    else:
        leading, height = [sizes[label] for label in apart], math.prod(sizes[label] for label in rows)
        product = transformers.matmul(
            reshape(first, [*leading, height, depth]), reshape(second, [*leading, depth, width])
        )
    made = apart + rows + columns
    return transpose(reshape(product, [sizes[label] for label in made]), [made.index(label) for label in out])


def _ordered(x: Any, has: str, wanted: list[str]) -> Result:
    order = [has.index(label) for label in wanted]
    return x if order == sorted(order) else transpose(x, order)
