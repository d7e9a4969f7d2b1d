"""What is computed from whole numbers, each by itself, is a row of a table: one-hot columns, and functions of a length.

    Cast(Equal(Expand(ids), [0 .. V-1]))    -->  OneHot(ids, V)
    Less([0 .. T-1], lengths)               -->  Gather(table [L+1, T], lengths)

    Div(Add(lengths, 200), 160)             -->  Gather(table [L+1, 2], lengths) @ [127, 1]

As everything that is computed from whole numbers it is known by its numbers, not by its spelling. A length is one
number an image, from 0 to L, the longest dimension of the model's inputs. What is counted of it stays exact: numbers of
more than seven bits have two digits, and a result of 16 bits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from dyadic.compiler.importers.onnx_integers import Graph

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]

BASE = 127  # of digits, and the largest weight of a byte
MOST_ENTRIES = 1 << 22  # of the table of a length, which is held in bytes
ELEMENTWISE = set(
    "Add And Cast Div Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mul Not Or Sub Unsqueeze Where".split()
)
"""What may read a row of such a table. Others, as GatherElements, want to know the numbers."""


def columns(graph: onnx.GraphProto, made: Sequence[str]) -> dict[str, int]:
    """The float tensors among `made` that a comparison was cast to, as a one-hot is, and their last dimension."""
    sizes = {value.name: value.type.tensor_type for value in graph.value_info}
    found = {}
    for node in graph.node:
        name = node.output[0]
        kind = sizes.get(name) if node.op_type in ("Cast", "Where") and name in made else None
        if kind is not None and kind.elem_type == TensorProto.FLOAT and len(kind.shape.dim) > 1:
            found[name] = kind.shape.dim[-1].dim_value
    return found


def is_one_hot(compute: Function, sizes: Sequence[int], depth: int) -> bool:
    """Whether a function of whole numbers below `depth` has a 1 in the column of each and zeros elsewhere."""
    random, rows = np.random.default_rng(0), np.eye(depth)
    given = [np.arange(np.prod(sizes)).reshape(sizes) % depth, random.integers(0, depth, sizes)]
    return depth > 1 and all(np.array_equal(compute(ids), rows[ids]) for ids in given)


def one_hot(name: str, source: str, depth: int) -> tuple[NodeProto, list[TensorProto]]:
    """The operator that is one, and its constants."""
    constants = [
        numpy_helper.from_array(np.array(depth, np.int64), f"{name}/depth"),
        numpy_helper.from_array(np.array([0, 1], np.float32), f"{name}/values"),
    ]
    return helper.make_node("OneHot", [source, *(one.name for one in constants)], [name], f"{name}/one-hot"), constants


def of_lengths(compute: Function, longest: int) -> Array | None:
    """[longest + 1, ...]: what a function of one number [1] is of each from 0 on; None where that is too much, or where
    it does not do the same to several of them as to each."""
    first = compute(np.zeros(1, np.int64))
    if not longest or first.shape[:1] != (1,) or first.size * (longest + 1) > MOST_ENTRIES:
        return None
    table = compute(np.arange(longest + 1))
    if table.shape != (longest + 1, *first.shape[1:]) or not np.isfinite(table.astype(np.float32)).all():
        return None
    some = {0, 1, longest, *np.random.default_rng(0).integers(0, longest, 5).tolist()}
    return table if all(np.array_equal(compute(np.full(1, n))[0], table[n]) for n in some) else None


def row(name: str, source: str, table: Array) -> tuple[list[NodeProto], list[TensorProto]] | None:
    """The operators that look `name` up in a table, by the numbers of `source` [1], and their constants."""
    rows = f"{name}/rows"
    if table.dtype.kind not in "iu" or np.abs(table).max() < BASE:
        values = numpy_helper.from_array(np.ascontiguousarray(table, np.float32), rows)
        return [helper.make_node("Gather", [rows, source], [name], f"{name}/row")], [values]
    if np.abs(table).max() >= BASE * BASE:
        return None
    digits = np.stack(np.divmod(table, BASE), -1).reshape(len(table), -1)
    count = digits.shape[1] // 2
    constants = {
        rows: digits.astype(np.float32),
        f"{name}/base": np.array([[BASE], [1]], np.int8),
        f"{name}/one": np.ones([], np.float32),
        f"{name}/zero": np.zeros([], np.int16),
        f"{name}/digits": np.array([1, count, 2]),
        f"{name}/sizes": np.array([1, *table.shape[1:]]),
    }
    byte, word = Graph.marks(TensorProto.INT8), Graph.marks(TensorProto.INT16)
    steps = [
        ("Gather", [rows, source], "row", {}),
        ("Reshape", [f"{name}/row", f"{name}/digits"], "both", {}),
        ("DequantizeLinear", [f"{name}/base", f"{name}/one"], "weight", byte),
        ("MatMul", [f"{name}/both", f"{name}/weight"], "number", {}),
        ("QuantizeLinear", [f"{name}/number", f"{name}/one", f"{name}/zero"], "steps", word),
        ("DequantizeLinear", [f"{name}/steps", f"{name}/one", f"{name}/zero"], "whole", word),
    ]
    nodes = [helper.make_node(op, read, [f"{name}/{made}"], f"{name}/{made}", **said) for op, read, made, said in steps]
    nodes.append(helper.make_node("Reshape", [f"{name}/whole", f"{name}/sizes"], [name], f"{name}/shaped"))
    return nodes, [numpy_helper.from_array(np.asarray(values), each) for each, values in constants.items()]
