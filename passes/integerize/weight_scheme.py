"""What was decided about the weights of one layer: width, groups, and their scales and steps where those are given.

`qd` writes it in the order of the model's weights; here everything is `[O, T, D]`: rows of weights cut into the T runs
of D input channels that `qi` and the kernels have in one piece. A run is a tap of a convolution, a pixel of a flattened
image, or the whole row of any other linear layer. Groups never reach over the end of a run.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.dialects.weight_groups import factors
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError

WIDTHS = (8, 4, 2)
GROUP_UNIT = 16  # a group is a multiple of so many input channels
LARGEST_GROUPED = 126  # of group scale * step
LARGEST_GROUP_SCALE = 18
Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scheme:
    """Weights of `bits` bits. A given scale and given steps are used as they are; None: integerize chooses."""

    bits: int = 8
    group: int = 0  # input channels that share a group scale; 0: none
    group_scales: Integers | None = None  # [O, T, groups in a run]
    scale: Reals | None = None  # [O]
    steps: Integers | None = None  # [O, T * D]
    imported: bool = False  # by the model itself: the smallest step may be one smaller than -largest

    @property
    def largest(self) -> int:
        """The largest step."""
        return (1 << (self.bits - 1)) - 1

    @property
    def given(self) -> bool:
        """Something was chosen for these weights alone, so no other scale will do."""
        return self.scale is not None or self.steps is not None

    def factors(self, depth: int) -> Integers | None:
        """[O, T * D]: what each weight's step is multiplied with; None where there are no groups."""
        if self.group_scales is None:
            return None
        outputs, taps, _ = self.group_scales.shape
        return factors(self.group_scales, self.group, (outputs, taps * depth))


PLAIN = Scheme()


def scheme_of(op: Any, weight: Reals) -> Scheme:
    """What the attributes of a convolution or linear layer say of its weights `weight` [O, T, D].

    Raises:
        ModelError: it says something that no kernel has, or that does not fit.
    """
    attributes, name, (outputs, _, depth) = op.operation.attributes, layer_name(op), weight.shape
    if (given := given_weights(op)) is not None:
        attributes = given
    bits = attributes[qd.WEIGHT_BITS].value if qd.WEIGHT_BITS in attributes else 8
    group = attributes[qd.WEIGHT_GROUP].value if qd.WEIGHT_GROUP in attributes else 0
    if bits not in WIDTHS:
        raise ModelError(f"{name}: weights of {bits} bits have no kernel; 8, 4 and 2 bits have.")
    if group and (bits != 4 or group < 0 or group % GROUP_UNIT):
        raise ModelError(
            f"{name}: weights of {bits} bits in groups of {group} have no kernel; "
            f"4 bits in groups of a multiple of {GROUP_UNIT} input channels have."
        )
    if group and depth == 1:
        raise ModelError(f"{name}: each result has one input channel, which has no groups; leave them out.")
    scale = steps = group_scales = None
    if qd.WEIGHT_SCALE in attributes:
        scale = np.array([float(v) for v in attributes[qd.WEIGHT_SCALE]])
        if scale.shape != (outputs,) or not (np.isfinite(scale) & (scale >= 0)).all():
            raise ModelError(f"{name}: needs {outputs} scales of weights that are finite and not negative.")
    if qd.WEIGHT_STEPS in attributes:
        largest = (1 << (bits - 1)) - 1
        steps = _within(name, qd.WEIGHT_STEPS, op, attributes, weight.shape, -largest - (given is not None), largest)
    if group and qd.GROUP_SCALES in attributes:
        expected = (outputs, weight.shape[1], -(-depth // group))
        group_scales = _within(name, qd.GROUP_SCALES, op, attributes, expected, 1, LARGEST_GROUP_SCALE)
    elif group:
        group_scales = choose_group_scales(weight, group, scale)
    if steps is not None and scale is None:
        raise ModelError(f"{name}: the steps of its weights are given, but not their scale.")
    return Scheme(
        bits, group, group_scales, scale, None if steps is None else steps.reshape(outputs, -1), given is not None
    )


def given_weights(op: Any) -> Any:
    """What the model itself says of a layer's weights: the attributes of their constant; None where it says nothing, or
    where the user keeps the layer in float."""
    producer = defining(op.weight)
    if producer is None or qd.is_island(op) or qd.WEIGHT_STEPS not in producer.operation.attributes:
        return None
    return producer.operation.attributes


def choose_group_scales(weight: Reals, group: int, scale: Reals | None = None) -> Integers:
    """The smallest that let every group of `weight` [O, T, D] reach its largest weight in seven steps of `scale`.

    >>> choose_group_scales(np.array([[[18.0] * 16 + [1.0] * 16 + [2.0]]]), 16).tolist()
    [[[18, 1, 2]]]
    """
    outputs, taps, depth = weight.shape
    sizes = np.zeros((outputs, taps, -(-depth // group) * group))
    sizes[:, :, :depth] = np.abs(weight)
    largest = sizes.reshape(outputs, taps, -1, group).max(3)
    base = largest.max((1, 2)) / LARGEST_GROUPED if scale is None else scale
    needed = largest / np.where(base > 0, base, 1.0)[:, None, None] / 7
    return np.clip(np.ceil(needed - 1e-9), 1, LARGEST_GROUP_SCALE).astype(np.int64)


def runs(array: npt.NDArray[Any], image: tuple[int, int, int] | None = None) -> npt.NDArray[Any]:
    """[O, I, KH, KW] or [O, I] in the order of the model to [O, T, D]; `image` is (C, H, W) where I are its numbers."""
    if array.ndim == 2 and image is not None and array.shape[1] == np.prod(image):
        array = array.reshape(-1, *image)
    if array.ndim == 2:
        return array[:, None, :]
    outputs, depth, *_ = array.shape
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).reshape(outputs, -1, depth)


def flattened_image(reshape: Any) -> tuple[int, int, int] | None:
    """(C, H, W) of the image that a `qd.reshape` flattens for linear layers alone, else None.

    Its bytes stay where they are, and the layers' columns, groups included, follow them.
    """
    if not isinstance(reshape, qd.ReshapeOp):
        return None
    sizes = shape(reshape.x)
    if len(sizes) != 4 or shape(reshape.out) != [1, int(np.prod(sizes))]:
        return None
    linear = all(isinstance(use.owner.opview, qd.LinearOp) for use in reshape.out.uses)
    return (sizes[1], sizes[2], sizes[3]) if linear else None


def _within(
    name: str, attribute: str, op: Any, attributes: Any, expected: tuple[int, ...], low: int, high: int
) -> Integers:
    """A dense attribute as [O, T, D], checked."""
    image = flattened_image(defining(op.x)) if isinstance(op, qd.LinearOp) else None
    values = runs(np.array(attributes[attribute]).astype(np.int64), image)
    if values.shape != expected:
        raise ModelError(f"{name}: {attribute} is {list(values.shape)} by runs of weights, needed is {list(expected)}.")
    if values.min() < low or values.max() > high:
        raise ModelError(f"{name}: {attribute} holds [{values.min()}, {values.max()}], allowed is [{low}, {high}].")
    return values
