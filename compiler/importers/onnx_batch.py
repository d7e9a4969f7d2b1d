"""The batch is dimension 0 of everything that depends on the input, or a node is named that mixes images.

Most compiled networks answer each image by itself; a model that does not is compiled for the batch that it has. A file
with an open or a larger batch may mix images: by Flatten from axis 0, by x[0:1], by x * Shape(x)[0], by a mean over
axis 0. Whether it does is seen by looking at it twice: all shapes
and constants for a batch of 1 and for another one. What depends on the input must have the same shape but for
dimension 0, which is the batch; what does not must be the same. In between, the batch may be folded into another
dimension, as windows and heads do, as long as it can be followed there (`onnx_places`) and is in front at the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, numpy_helper

from dyadic.compiler.importers.onnx_folding import Constants, Types, static_shape
from dyadic.compiler.importers.onnx_places import THROUGH_TIME, Look, Place, place_after
from dyadic.compiler.importers.onnx_tokens import TokenPart, apart
from dyadic.runtime.errors import ModelError

# Inputs that are a shape: where the result's is right they are, too.
SHAPES = {("Reshape", 1), ("Expand", 1), ("Resize", 3), ("Slice", 2)}
MIXES = " mixes the batch into its result"
# One image after the other, each with its own part of every input of the same rank.
BROADCASTS = {"Add", "Sub", "Mul", "Div", "Concat", "Max", "Min", "Sum", "Mean", "Where", "Pow", "PRelu"}


class MixedImages(ModelError):
    """The model does not answer each image by itself; `short` names the first node where images meet."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where} {reason}")
        self.short = f"{where} mixes images"


def depends_on_input(graph: onnx.GraphProto) -> set[str]:
    """The names of all values that are computed from an input."""
    names = {value.name for value in graph.input}
    for node in graph.node:
        inner = {name for a in node.attribute for each in a.g.node for name in each.input}
        if names.intersection(node.input) or names & inner:
            names.update(name for name in node.output if name)
    return names


def for_one_image(graph: onnx.GraphProto, constants: Constants, baked: int, types: Types) -> None:
    """Where the exporter wrote its batch into a shape or repeated a constant for it, put 1 and one of them.

    `types`: of every value with the batch that the file was exported with.
    """
    if baked <= 1:
        return
    live = depends_on_input(graph)
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name not in constants:
                continue
            if (node.op_type, i) in SHAPES and node.op_type != "Slice":
                if node.input[0] in live and _leads(types, node.input[0], baked):
                    node.input[i] = _with_batch_of_one(constants, name, baked)
            elif node.op_type in BROADCASTS:
                node.input[i] = _one_of_equal(node, constants, name, baked, live, types)


def _leads(types: Types, name: str, size: int) -> bool:
    shape = static_shape(types.get(name))
    return bool(shape) and shape[0] == size


def _with_batch_of_one(constants: Constants, name: str, baked: int) -> str:
    target = numpy_helper.to_array(constants[name])
    if target.ndim != 1 or not target.size or target[0] != baked:
        return name
    new = f"{name} for one image"
    constants[new] = numpy_helper.from_array(np.array([1, *target[1:]], target.dtype), new)
    return new


def _one_of_equal(node: NodeProto, constants: Constants, name: str, baked: int, live: set[str], types: Types) -> str:
    """A constant that is the same for every image of the exporter's batch, for one; its own name otherwise."""
    dims = constants[name].dims
    ranks = {
        len(shape)
        for each in node.input
        if each in live and (shape := static_shape(types.get(each))) and shape[0] == baked
    }
    if not dims or dims[0] != baked or ranks != {len(dims)}:
        return name
    values = numpy_helper.to_array(constants[name])
    if not (values == values[:1]).all():
        return name
    new = f"{name} for one image"
    constants[new] = numpy_helper.from_array(np.ascontiguousarray(values[:1]), new)
    return new


def check_batch(
    one: onnx.GraphProto,
    constants_one: Constants,
    types_one: Types,
    other: onnx.GraphProto,
    constants_other: Constants,
    types_other: Types,
    batch: int,
    opsets: Any,
) -> dict[str, int]:
    """The dimension of each output that is the batch, of those where it is not the first.

    Raises MixedImages, naming the first nodes that do, where the two looks at the model do not agree.
    """
    for a, b in zip(one.node, other.node, strict=False):
        if (a.op_type, list(a.output)) != (b.op_type, list(b.output)):
            raise MixedImages(f'"{a.name}" ({a.op_type})', "is there or not by the size of the batch")
    if len(one.node) != len(other.node):
        node = max(one.node, other.node, key=len)[min(len(one.node), len(other.node))]
        raise MixedImages(f'"{node.name}" ({node.op_type})', "is there or not by the size of the batch")
    walk = _Walk(one, constants_one, types_one, constants_other, types_other, batch)
    parts = TokenPart(one, constants_one), TokenPart(other, constants_other)
    complaints = walk.complaints(other, parts[0], apart(*parts, opsets, batch) if parts[0].nodes else None)
    if complaints:
        where, seen, reason = complaints[0].partition(MIXES)
        raise MixedImages(where, f"{seen.strip()}{reason}")
    return walk.elsewhere


@dataclass
class _Walk:
    """Both looks at the graph, node by node: where the batch lies in what each makes."""

    graph: onnx.GraphProto
    constants_one: Constants
    types_one: Types
    constants_other: Constants
    types_other: Types
    batch: int
    elsewhere: dict[str, int] = field(default_factory=dict)  # by output: the dimension that is the batch

    def complaints(self, other: onnx.GraphProto, tokens: TokenPart, by_sentence: dict[str, bool] | None) -> list[str]:
        """`by_sentence`: what was seen of the part that reads whole numbers alone; None: it is followed as all else."""
        places = {value.name: Place(0, 1) for value in self.graph.input}
        mixed: set[str] = set()
        found = []
        seen = set() if by_sentence is None else {name for node in tokens.nodes for name in node.output}
        places |= {name: Place(0, 1) for name, split in (by_sentence or {}).items() if split}
        for a, b in zip(self.graph.node, other.node, strict=True):
            reason = None
            if seen.intersection(a.output):
                continue
            if not mixed.intersection(a.input):
                reason = (
                    self._puts_into_one(a, b)
                    or self._along_the_images(a, places)
                    or _changed_constant(
                        a, b, self.constants_one, self.constants_other, self.types_one, self.batch, places
                    )
                    or self._follow(a, b, places)
                )
            if reason:
                found.append(f'"{a.name}" ({a.op_type}){MIXES}: {reason}')
            if reason or mixed.intersection(a.input):
                mixed.update(a.output)
        for value in self.graph.output:
            place = places.get(value.name)
            if value.name not in mixed and place is not None and not place.in_front:
                if place.inner == 1 and (static_shape(self.types_one.get(value.name)) or [0])[place.axis] == 1:
                    self.elsewhere[value.name] = place.axis
                    continue
                found.append(f'{place.origin}, and stays so up to the output "{value.name}"')
        return found

    def _puts_into_one(self, a: NodeProto, b: NodeProto) -> str | None:
        """Places that are the same for any number of images name the first one alone."""
        if a.op_type not in ("Scatter", "ScatterElements", "ScatterND") or a.input[1] not in self.constants_one:
            return None
        one, other = self.constants_one[a.input[1]], self.constants_other.get(b.input[1])
        same = other is not None and list(one.dims) == list(other.dims)
        return "it puts entries into the first image alone" if same else None

    def _along_the_images(self, node: NodeProto, places: dict[str, Place]) -> str | None:
        """What computes each image from all of them and makes as many: shapes do not tell."""
        place, sizes = (
            places.get(node.input[0]) if node.input else None,
            static_shape(self.types_one.get(node.output[0])),
        )
        if place is None or not place.in_front or not sizes:
            return None
        said = {each.name: list(each.ints) or [each.i] for each in node.attribute}
        match node.op_type:
            case "Softmax" | "LogSoftmax" | "Hardmax" | "TopK" | "LpNormalization":
                axes = said.get("axis", [-1])
            case "MeanVarianceNormalization":
                axes = said.get("axes", [0, 2, 3])
            case "ReverseSequence":
                axes = said.get("time_axis", [0])
            case "CumSum":
                axes = whole_numbers(node, 1, self.constants_one) or []
            case "Slice":
                steps = whole_numbers(node, 4, self.constants_one) or []
                every = whole_numbers(node, 3, self.constants_one) or list(range(len(steps)))
                axes = [axis for axis, step in zip(every, steps, strict=False) if step < 0]
            case "Resize" | "Upsample":
                return self._resizes_the_batch(node, said.get("axes", []))
            case _:
                return None
        return "it computes along the images" if 0 in {axis % len(sizes) for axis in axes} else None

    def _resizes_the_batch(self, node: NodeProto, axes: list[int]) -> str | None:
        """By a factor that makes as many images of one: others it would shift."""
        scales = next((list(each.floats) for each in node.attribute if each.name == "scales"), [])
        index = 1 if len(node.input) == 2 else 2  # behind the region, where there may be one
        name = node.input[index] if len(node.input) > index else ""
        if name in self.constants_one:
            scales = numpy_helper.to_array(self.constants_one[name]).reshape(-1).tolist()
        first = dict(zip(axes or range(len(scales)), scales, strict=False)).get(0, 1)
        return "it resizes along the images" if first != 1 else None

    def _follow(self, a: NodeProto, b: NodeProto, places: dict[str, Place]) -> str | None:
        """Note where the batch lies in each result; what is wrong where it has no place."""
        live = {name: places[name] for name in a.input if name in places}
        # shapes alone do not tell: time may be as long as the batch
        in_front = all(place.in_front for place in live.values()) and a.op_type not in THROUGH_TIME
        for name in a.output:
            one, other = static_shape(self.types_one.get(name)), static_shape(self.types_other.get(name))
            if one is None or (other is None and not _all_known(a, self.types_other)):
                if live and in_front:
                    places[name] = Place(0, 1)
                continue
            if other is None:
                return f"it makes {one} of one image and does not fit {self.batch}"
            if not live and one == other:
                continue
            if in_front and one[:1] == [1] and other == [self.batch, *one[1:]]:
                if live:
                    places[name] = Place(0, 1)
                continue
            place = self._place(a, b, live, other) if live else None
            if place is None or list(other) != _with_batch(one, place, self.batch):
                return f"it makes {one} of one image and {other} of {self.batch}"
            called = f'"{a.name}" ({a.op_type}){MIXES}: it makes {one} of one image and {other}'
            origin = f"{called} of {self.batch}"
            places[name] = place if place.in_front or place.origin else replace(place, origin=origin)
        return None

    def _place(self, a: NodeProto, b: NodeProto, live: dict[str, Place], out: list[int]) -> Place | None:
        renamed = dict(zip(a.input, b.input, strict=True))
        shapes = {name: self._shape(renamed[name]) for name in live}
        known = {name: shape for name, shape in shapes.items() if shape is not None}
        if len(known) < len(shapes):
            return None
        look = Look(
            b, {renamed[n]: p for n, p in live.items()}, {renamed[n]: s for n, s in known.items()}, out, self.batch
        )
        return place_after(look, self._axes(b))

    def _shape(self, name: str) -> list[int] | None:
        """Of a value for several images."""
        constant = self.constants_other.get(name)
        return static_shape(self.types_other.get(name)) if constant is None else list(constant.dims)

    def _axes(self, node: NodeProto) -> list[int] | None:
        """What a node says that it works along, as an attribute or as a constant."""
        given = next((list(each.ints) for each in node.attribute if each.name == "axes"), None)
        index = {"Slice": 3, "Pad": 3}.get(node.op_type, 1)
        return whole_numbers(node, index, self.constants_other) if given is None else given


def whole_numbers(node: NodeProto, index: int, constants: Constants) -> list[int] | None:
    """What a constant input of whole numbers holds; None where there is none."""
    name = node.input[index] if len(node.input) > index else ""
    if name not in constants:
        return None
    values = numpy_helper.to_array(constants[name]).reshape(-1)
    return [int(value) for value in values] if values.dtype.kind in "iu" else None


def _with_batch(one: list[int], place: Place, batch: int) -> list[int]:
    return [size * batch if axis == place.axis else size for axis, size in enumerate(one)]


def _all_known(node: NodeProto, types: Types) -> bool:
    return all(static_shape(types.get(name)) is not None for name in node.input if name)


def _changed_constant(
    a: NodeProto,
    b: NodeProto,
    one: Constants,
    other: Constants,
    types: Mapping[str, onnx.ValueInfoProto],
    batch: int,
    places: dict[str, Place],
) -> str | None:
    """A number that the node reads and that is another one for another batch: x * Shape(x)[0].

    What is repeated for every image, in whatever dimension, has a place in `places` from here on.
    """
    rank = len(static_shape(types.get(a.output[0])) or [])
    for i, (first, second) in enumerate(zip(a.input, b.input, strict=False)):
        if first not in one or second not in other or (a.op_type, i) in SHAPES:
            continue
        if one[first] is other[second] or one[first].raw_data == other[second].raw_data != b"":
            continue
        x, y = numpy_helper.to_array(one[first]), numpy_helper.to_array(other[second])
        if x.shape == y.shape and np.array_equal(x, y):
            continue
        if x.ndim == rank and x.shape[:1] == (1,) and y.shape == (batch, *x.shape[1:]) and (y == x).all():
            continue  # the same for every image
        place = _repeated(x, y, batch, a.name)
        if place is None:
            return "its constants depend on the number of images"
        places[first] = place
    return None


def _repeated(x: npt.NDArray[Any], y: npt.NDArray[Any], batch: int, origin: str) -> Place | None:
    """Where y has x for every image; None where it is something else."""
    grown = [d for d, (n, m) in enumerate(zip(x.shape, y.shape, strict=False)) if m == n * batch]
    if x.ndim != y.ndim or len(grown) != 1 or x.dtype.kind != "f":
        return None
    (axis,) = grown
    for made, inner in ((np.concatenate([x] * batch, axis), x.shape[axis]), (np.repeat(x, batch, axis), 1)):
        if made.shape == y.shape and np.array_equal(made, y):
            return Place(axis, inner, f'"{origin}"{MIXES}')
    return None
