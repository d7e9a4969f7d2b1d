"""LSTM, GRU and simple recurrent layers of both importers: several directions, states that come and go.

    lstm(x, W, R, b)  -->  recurrence(linear(x, W, b), R)       one for each direction, side by side

The input of all time steps is projected at once. x is [1,T,I] here: a batch in another place is in front of it as a 1
(`folded.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch_mlir import ir

from dyadic.dialects.recurrence import GATES, GRU, LSTM
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import Array
from dyadic.passes.ingest import families
from dyadic.passes.ingest.folded import dims_of, folded, lifted
from dyadic.passes.ingest.translation import Folded, Literal, Result, Unsupported


@dataclass(frozen=True)
class Direction:
    """One way through time: weights [gates*H, I] and [gates*H, H], biases [gates*H], gates in `qd.recurrence`'s order;
    the states before the first step [1, H].

    Its recurrence is called `name`, and the projection of its input `name`.input."""

    name: str
    weight: Array
    recurrent: Array
    bias: Array
    recurrent_bias: Array
    h: ir.Value
    c: ir.Value
    reverse: bool


@dataclass(frozen=True)
class Answer:
    """The states of every step [1,T,D*H], directions side by side; after the last one h and c, [1,D,H]."""

    states: ir.Value
    h: ir.Value
    c: ir.Value | None


def recurrent(x: ir.Value, kind: str, directions: Sequence[Direction], *, cell: bool) -> Answer:
    """All directions of a layer; c only where somebody reads it, since it is computed once more for that."""
    made = [_direction(x, kind, each, cell=cell) for each in directions]
    last = [[_last(one, way) for one in each] for each, way in zip(made, directions, strict=True)]
    return Answer(
        building.concat([each[0] for each in made], 2),
        building.concat([each[0] for each in last], 1),
        building.concat([each[1] for each in last], 1) if cell else None,
    )


def _direction(x: ir.Value, kind: str, way: Direction, *, cell: bool) -> list[ir.Value]:
    """The states of every step: h, and c where it is wanted."""
    gates, (rows, size) = GATES[kind], way.recurrent.shape
    if way.weight.shape != (rows, shape(x)[2]) or rows != gates * size:
        raise Unsupported(f"its weights {way.weight.shape} and {way.recurrent.shape} do not fit inputs of {shape(x)}")
    every = ((way.weight, "weights"), (way.recurrent, "weights"), (way.bias, "biases"), (way.recurrent_bias, "biases"))
    for values, what in every:
        families.check_finite(values, what)
    bias, inside = way.bias.astype(np.float64), way.recurrent_bias.astype(np.float64)
    apart = np.zeros_like(inside)
    if kind == GRU:  # the candidate's own is added before the reset gate
        apart[2 * size :] = inside[2 * size :]
    with ir.Location.name(f"{way.name}.input"):
        projected = building.linear(x, building.constant(way.weight), building.constant(bias + inside - apart))
    with ir.Location.name(way.name):
        return [
            building.recurrence(projected, way.recurrent, apart, way.h, way.c, kind, reverse=way.reverse, cell=of_cell)
            for of_cell in (False, True)[: 1 + cell]
        ]


def _last(states: ir.Value, way: Direction) -> ir.Value:
    """[1,1,H]: the states after the last step that was taken."""
    _, steps, size = shape(states)
    return building.slice_(states, [0, 0 if way.reverse else steps - 1, 0], [1, 1, 1], [1, 1, size])


def one_sequence(x: Result, batch_first: bool) -> ir.Value:
    """[1,T,I] of one image: x is [T,1,I], or [1,T,I] with the batch first."""
    dims = dims_of(x)
    if len(dims) != 3:
        raise Unsupported(f"it reads {dims}; a sequence [time, batch, features] would work")
    batch, time = (0, 1) if batch_first else (1, 0)
    if dims[batch] != 1:
        raise Unsupported(f"its input {dims} has {dims[batch]} sequences for one image; one would work")
    if not isinstance(x, Folded) and not batch_first and dims[time] != 1:
        raise Unsupported(f"its input {dims} has time as dimension 0, where the batch must be")
    value = lifted(x, 3)
    return building.reshape(value, [1, dims[time], dims[2]])


def as_sequence(states: ir.Value, batch_first: bool, x: Result) -> Result:
    """The states of every step as the model's [T,1,F] or [1,T,F]."""
    if batch_first and not isinstance(x, Folded):
        return states
    _, steps, size = shape(states)
    dims = [1, 1, steps, size] if batch_first else [1, steps, 1, size]
    return folded(building.reshape(states, dims), REASON)


def as_states(states: ir.Value, batch_first: bool) -> Result:
    """Last states [1,D,H] as the model's [D,1,H], or [1,D,H] with the batch first."""
    if batch_first:
        return states
    _, count, size = shape(states)
    return folded(building.reshape(states, [1, count, 1, size]), REASON)


REASON = "a recurrent layer's result has time or directions in front of the batch; it must be in front again"


def first_state(value: Result, index: int, count: int, size: int, batch_first: bool) -> ir.Value:
    """State `index` of [count,1,H] (or [1,count,H]) as [1,H]; zeros where none is given."""
    if value is None:
        return building.constant(np.zeros([1, size], np.float32))
    dims = dims_of(value)
    wanted = [1, count, size] if batch_first else [count, 1, size]
    if dims != wanted:
        raise Unsupported(f"its first states have the shape {dims}; {wanted} would work")
    if isinstance(value, Literal):
        return building.constant(value.array.reshape(count, size)[index : index + 1])
    every = building.reshape(lifted(value, 3), [1, count, size])
    one = building.slice_(every, [0, index, 0], [1, 1, 1], [1, 1, size]) if count > 1 else every
    return building.reshape(one, [1, size])


def reordered(values: Array, kind: str, order: Sequence[int]) -> Array:
    """The gates of [gates*H, ...] in `qd.recurrence`'s order."""
    parts = np.split(values, GATES[kind])
    return np.concatenate([parts[gate] for gate in order])


TORCH_ORDER = {LSTM: (0, 3, 1, 2), GRU: (1, 0, 2)}  # of i f c o, and of r z n
