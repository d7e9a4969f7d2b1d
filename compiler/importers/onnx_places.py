"""Where the batch lies in a tensor, while a model folds it into other dimensions: windows [N*W, ...], heads [N*H, ...].

A place is an axis and how many entries of it lie behind one step of the batch: of [N*W, 49, 96] axis 0 and W, of
[L, N, E] axis 1 and 1. It is followed through operators that leave it alone; where one joins or picks entries along it,
or is not known here, images meet.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from onnx import NodeProto

Shape = Sequence[int]

RENAMING = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}
ELEMENTWISE = set(
    "Abs Cast Clip Dropout Elu Erf Exp Gelu HardSigmoid HardSwish Identity IsNaN LeakyRelu Log Mish Neg Not Reciprocal "
    "Relu Sigmoid Softplus Sqrt Swish Tanh".split()
)
BROADCASTING = set(
    "Add And Div Equal Expand Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mul Or Pow PRelu Sub Sum "
    "Where".split()
)
OF_IMAGES = {"AveragePool", "BatchNormalization", "Conv", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"}
ALONG_ONE = {
    "Concat": 1,
    "Gather": 0,
    "Hardmax": -1,
    "LogSoftmax": -1,
    "Softmax": -1,
    "Split": 0,
    "TopK": -1,
}  # the axis where none is given
THROUGH_TIME = {"GRU", "LSTM", "RNN"}
ALONG_THE_REST = {"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"}


@dataclass(frozen=True)
class Place:
    """The batch is along `axis`, every `inner` entries; `origin`: the node that took it from the front."""

    axis: int
    inner: int
    origin: str = ""

    @property
    def in_front(self) -> bool:
        return self.axis == 0 and self.inner == 1

    def steps(self, shape: Shape) -> int:
        """How many numbers of a tensor lie behind one step of the batch."""
        return self.inner * math.prod(shape[self.axis + 1 :])


@dataclass(frozen=True)
class Look:
    """A node with the shapes of its inputs and its first output, for several images."""

    node: NodeProto
    places: Mapping[str, Place]  # of the inputs that depend on the model's
    shapes: Mapping[str, Shape]
    out: Shape
    batch: int

    def attribute(self, name: str, default: int) -> int:
        return next((a.i for a in self.node.attribute if a.name == name), default)

    def rank(self, name: str) -> int:
        return len(self.shapes[name])

    @property
    def only(self) -> tuple[str, Place]:
        """The one live input."""
        ((name, place),) = self.places.items()
        return name, place


def place_after(look: Look, axes: Sequence[int] | None) -> Place | None:
    """The place of the batch in what a node makes; None where it has none, or is not known.

    `axes`: what the node's constant input or attribute of that name says.
    """
    kind = look.node.op_type
    if kind in BROADCASTING or kind == "MatMul":
        return _aligned(look)
    if kind == "Concat":
        found = set(look.places.values())
        place = next(iter(found))
        fits = len(found) == 1 and all(name in look.places for name in look.node.input)
        return place if fits and place.axis != look.attribute("axis", 1) % len(look.out) else None
    if kind in THROUGH_TIME:
        return _through_time(look)
    if len(look.places) != 1:
        return None
    follow = FOLLOWED.get(kind)
    return None if follow is None else follow(look, axes)


def _same(look: Look, axes: Sequence[int] | None) -> Place | None:
    return look.only[1]


def _renamed(look: Look, axes: Sequence[int] | None) -> Place | None:
    """The dimension of the result through which the batch runs in steps of the same size."""
    name, place = look.only
    if name != look.node.input[0]:
        return None
    steps = place.steps(look.shapes[name])
    if not steps or 0 in look.out:  # nothing runs anywhere
        return replace(place, axis=0)
    for axis, size in enumerate(look.out):
        behind = math.prod(look.out[axis + 1 :])
        if steps % behind == 0 and size % (steps // behind * look.batch) == 0:
            return replace(place, axis=axis, inner=steps // behind)
    return None


def _transposed(look: Look, axes: Sequence[int] | None) -> Place | None:
    name, place = look.only
    given = next((list(a.ints) for a in look.node.attribute if a.name == "perm"), [])
    order = given or list(reversed(range(look.rank(name))))
    return replace(place, axis=order.index(place.axis)) if place.axis in order else None


def _of_images(look: Look, axes: Sequence[int] | None) -> Place | None:
    name, place = look.only
    return place if name == look.node.input[0] and place.axis == 0 else None


def _rows(look: Look, axes: Sequence[int] | None) -> Place | None:
    name, place = look.only
    return place if name == look.node.input[0] and place.axis == 0 and not look.attribute("transA", 0) else None


def _along_one(look: Look, axes: Sequence[int] | None) -> Place | None:
    name, place = look.only
    axis = look.attribute("axis", ALONG_ONE[look.node.op_type]) % look.rank(name)
    if name != look.node.input[0] or axis == place.axis:
        return None
    behind = place.axis > axis  # what a Gather picks stands in the place of its axis
    return replace(place, axis=place.axis + (len(look.out) - look.rank(name) if behind else 0))


def _along_the_rest(look: Look, axes: Sequence[int] | None) -> Place | None:
    name, place = look.only
    return place if place.axis < look.attribute("axis", -1) % look.rank(name) else None


def _reduced(look: Look, axes: Sequence[int] | None) -> Place | None:
    name, place = look.only
    gone = {axis % look.rank(name) for axis in axes or range(look.rank(name))}
    if place.axis in gone:
        return None
    before = 0 if look.attribute("keepdims", 1) == 1 else sum(axis < place.axis for axis in gone)
    return replace(place, axis=place.axis - before)


def _reduced_along_one(look: Look, axes: Sequence[int] | None) -> Place | None:
    return _reduced(look, [look.attribute("axis", 0)])


def _cut(look: Look, axes: Sequence[int] | None) -> Place | None:
    """Slice and Pad, where nothing happens along the batch."""
    name, place = look.only
    whole = name == look.node.input[0] and look.out[place.axis] == look.shapes[name][place.axis]
    return place if whole and (axes is None or place.axis not in {a % look.rank(name) for a in axes}) else None


def _aligned(look: Look) -> Place | None:
    """Dimensions of all inputs, counted from the last, are the same ones; those that a product sums over are not."""
    rank, found = len(look.out), set()
    for name, place in look.places.items():
        found.add(replace(place, axis=place.axis + rank - look.rank(name)))
    places = {(place.axis, place.inner) for place in found}
    if len(places) != 1:
        return None
    place = next(iter(found))
    if look.node.op_type == "MatMul":
        left, right = look.node.input[:2]
        rows_of_left = place.axis == rank - 2 and left in look.places and right not in look.places
        columns_of_right = place.axis == rank - 1 and right in look.places and left not in look.places
        return place if place.axis < rank - 2 or rows_of_left or columns_of_right else None
    return place


def _through_time(look: Look) -> Place | None:
    """Recurrent layers: x [T,N,I], states [D,N,H] make [T,D,N,H], and [D,N,H] of the last step; in layout 1 the batch
    is in front."""
    axis, x = 0 if look.attribute("layout", 0) else 1, look.node.input[0]
    place = look.places.get(x) or next(iter(look.places.values()))
    if any((each.axis, each.inner) != (axis, place.inner) for each in look.places.values()):
        return None
    return replace(place, axis=axis if axis == 0 else len(look.out) - 2)


Follow = Callable[[Look, Sequence[int] | None], Place | None]
FOLLOWED: dict[str, Follow] = {
    **dict.fromkeys(RENAMING, _renamed),
    **dict.fromkeys(ELEMENTWISE, _same),
    **dict.fromkeys(OF_IMAGES, _of_images),
    **dict.fromkeys(ALONG_THE_REST, _along_the_rest),
    **{kind: _along_one for kind in ALONG_ONE if kind != "Concat"},
    "ArgMax": _reduced_along_one,
    "ArgMin": _reduced_along_one,
    "Gemm": _rows,
    "Transpose": _transposed,
    "ReduceL2": _reduced,
    "ReduceMax": _reduced,
    "ReduceMean": _reduced,
    "ReduceSum": _reduced,
    "Slice": _cut,
    "Pad": _cut,
}
