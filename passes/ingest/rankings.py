"""ArgMax, TopK and their like, as both importers write them: `qd` ops that keep the axis, and reshapes."""

from typing import Any

import numpy as np
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest import folded
from dyadic.passes.ingest.folded import dims_of, each, place
from dyadic.passes.ingest.translation import Folded, Literal, Result, Unsupported, literal


def arg_max(x: Any, axis: int | None, keep: bool, *, smallest: bool = False, last: bool = False) -> Result:
    """Where the largest entry is along an axis; None where a model looks among all entries."""
    if axis is None:
        raise Unsupported("it looks among all images together; an axis would work")
    if isinstance(x, Literal):
        return literal(np.asarray((-x.array if smallest else x.array).argmax(axis, keepdims=keep)))
    dims = dims_of(x)
    at = _axis(x, axis)
    flags = {"smallest": ir.BoolAttr.get(smallest), "last": ir.BoolAttr.get(last)}
    made = each(x, lambda value: qd.ArgMaxOp(x=value, axis=building.i64(at), out=_kept(value, at, 1), **flags).result)
    axis %= len(dims)
    return made if keep else folded.reshape(made, [n for d, n in enumerate(dims) if d != axis])


def top_k(x: Any, axis: int, count: int, *, smallest: bool = False) -> list[Result]:
    """The largest entries of an axis, and their places."""
    at, dims = _axis(x, axis), dims_of(x)
    if not 1 <= count <= dims[axis]:
        raise Unsupported(f"it takes {count} of the {dims[axis]} entries of axis {axis}")

    def made(places: bool) -> Result:
        flags = {"smallest": ir.BoolAttr.get(smallest), "places": ir.BoolAttr.get(places)}
        numbers = {"axis": building.i64(at), "count": building.i64(count)}
        return each(x, lambda value: qd.TopKOp(x=value, out=_kept(value, at, count), **numbers, **flags).result)

    return [made(False), made(True)]


def hardmax(x: Any, axis: int) -> Result:
    """1 at the largest entry of an axis, 0 elsewhere."""
    at = _axis(x, axis)
    return each(x, lambda value: qd.HardmaxOp(x=value, axis=building.i64(at), out=value.type).result)


def _axis(x: Any, axis: int) -> int:
    """Where the axis lies in the tensor."""
    if isinstance(x, Literal):
        raise Unsupported("it ranks a constant, which has not been computed")
    at = place(x, axis)
    if at == 0 and not isinstance(x, Folded):
        raise Unsupported("it ranks the images of a batch among each other")
    return at


def _kept(x: ir.Value, axis: int, entries: int) -> ir.Type:
    dims = shape(x)
    return building.tensor_type([*dims[:axis], entries, *dims[axis + 1 :]])
