"""What a session says of its inputs and outputs: the user's names, shapes and types, and what integers stand for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dyadic.runtime.last_function import NOTHING, LastFunction
from dyadic.runtime.program import Input, Output, integers_of, is_ids


@dataclass(frozen=True)
class PartInfo:
    """Where one part lies in an output, without the batch, and what its integers stand for."""

    place: tuple[slice, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as the user knows it. Integers of `raw` runs have `raw_dtype` and stand for
    scale * (q - zero_point).

    An output that a concat makes may have several `parts`, each with a scale of its own; `scale` and `zero_point` are
    then those of the coarsest. An input of whole numbers has `limits`, the smallest and the largest. The dimension
    `tokens` may be shorter, alike in all that have one; 0: none may. The id `padding` may stand behind all others of
    its row only; -1: any may stand anywhere. `last` is what is done in float to what an output's integers are. `shape`
    is the model's, where the batch of an output may be another dimension than the first: `batch_axis`. Where `last`
    ranks entries, that is the shape of its result, and integers have `raw_shape`. A model that was compiled for the
    batch it has says by `fixed` whether its array has a first dimension of 1 ('one') or not ('none') in the place of N,
    which counts whole sets of inputs."""

    name: str
    shape: tuple[str | int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int
    raw_dtype: np.dtype[Any]
    parts: tuple[PartInfo, ...] = ()
    limits: tuple[int, int] | None = None
    tokens: int = 0
    padding: int = -1
    last: LastFunction = NOTHING
    batch_axis: int = 0
    fixed: str = ""
    raw_shape: tuple[str | int, ...] = ()

    @property
    def ranks(self) -> bool:
        """Whether what a session gives has another shape than the integers have."""
        return bool(self.raw_shape)

    @property
    def batch_first(self) -> tuple[str | int, ...]:
        """The shape with the batch in front, as tokens and places are counted."""
        if self.fixed:
            return ("N", *(self.shape[1:] if self.fixed == "one" else self.shape))
        shape = list(self.shape)
        return (shape.pop(self.batch_axis), *shape)

    def in_order(self, sizes: Sequence[Any]) -> tuple[Any, ...]:
        """What there is of every dimension, the batch's first, in the model's order."""
        batch, *rest = sizes
        if self.fixed:
            return (1, *rest) if self.fixed == "one" else tuple(rest)
        return (*rest[: self.batch_axis], batch, *rest[self.batch_axis :])


def result_info(parts: tuple[Output, ...]) -> TensorInfo:
    """An array of the user's; one of several parts has the scale of its coarsest."""
    coarsest = max(parts, key=lambda part: part.scale)
    one = tensor_info(coarsest)
    one = replace(one, shape=one.in_order(coarsest.answer))
    if coarsest.last.ranks:
        one = replace(one, raw_shape=coarsest.array)
    if len(parts) == 1:
        return one
    return replace(one, parts=tuple(PartInfo(part.place[1:], part.scale, part.zero_point) for part in parts))


def inputs_shown(inputs: Sequence[TensorInfo]) -> dict[str, str]:
    """By name, as messages show them: `"x" [N, 3, 4]`."""
    return {info.name: f'"{info.name}" [{", ".join(map(str, info.shape))}]' for info in inputs}


def tensor_info(t: Input | Output) -> TensorInfo:
    """An input, or an output that is one part."""
    dtype = np.dtype(t.user_dtype)
    whole = isinstance(t, Input) and (t.given or is_ids(t))
    limits = (t.lo - t.zero_point, t.hi - t.zero_point) if whole else None
    padding = t.padding if isinstance(t, Input) else -1
    one = TensorInfo(
        t.name,
        t.shape,
        dtype,
        t.scale,
        t.zero_point,
        integers_of(t),
        limits=limits,
        tokens=t.tokens,
        padding=padding,
        last=t.last if isinstance(t, Output) else NOTHING,
        batch_axis=t.batch_axis if isinstance(t, Output) else 0,
        fixed=t.fixed,
    )
    return replace(one, shape=one.in_order(t.shape)) if t.fixed else one
