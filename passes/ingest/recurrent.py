"""LSTM, GRU and simple recurrent layers of both importers: several directions, states that come and go.

    lstm(x, W, R, b)  -->  recurrence(linear(x, W, b), R)       one for each direction, side by side

The input of all time steps is projected at once. x is [1,B*T,I] here, the B sequences of an image one after the other
(rows of a picture, chunks of a sound): a batch in another place is in front of it as a 1 (`folded.py`). Each sequence
goes through time by itself, with the same weights.
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

MOST_SEQUENCES = 64  # of an image: each is a layer of its own


@dataclass(frozen=True)
class Direction:
    """One way through time: weights [gates*H, I] and [gates*H, H], biases [gates*H], gates in `qd.recurrence`'s order;
    the states before the first step, [1, H] for each sequence.

    Its recurrence is called `name`, and the projection of its input `name`.input."""

    name: str
    weight: Array
    recurrent: Array
    bias: Array
    recurrent_bias: Array
    h: Sequence[ir.Value]
    c: Sequence[ir.Value]
    reverse: bool

    @property
    def sequences(self) -> int:
        return len(self.h)


@dataclass(frozen=True)
class Answer:
    """The states of every step [1,B*T,D*H], directions side by side; after the last one h and c, [1,D,H], and [1,D,B,H]
    of several sequences."""

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
    steps, several = shape(x)[1] // way.sequences, way.sequences > 1
    made: list[list[ir.Value]] = []
    for i, (h, c) in enumerate(zip(way.h, way.c, strict=True)):
        with ir.Location.name(f"{way.name}#{i + 1}" if several else way.name):
            own = projected
            if several:
                own = building.slice_(projected, [0, i * steps, 0], [1, 1, 1], [1, steps, rows])
            made.append(
                [
                    building.recurrence(own, way.recurrent, apart, h, c, kind, reverse=way.reverse, cell=of_cell)
                    for of_cell in (False, True)[: 1 + cell]
                ]
            )
    return [building.concat(list(each), 1) for each in zip(*made, strict=True)] if several else made[0]


def _last(states: ir.Value, way: Direction) -> ir.Value:
    """[1,1,H]: the states after the last step that was taken; [1,1,B,H] of several sequences."""
    _, rows, size = shape(states)
    steps, count = rows // way.sequences, way.sequences
    step = 0 if way.reverse else steps - 1
    if count == 1:
        return building.slice_(states, [0, step, 0], [1, 1, 1], [1, 1, size])
    apart = building.reshape(states, [1, count, steps, size])
    last = building.slice_(apart, [0, 0, step, 0], [1, 1, 1, 1], [1, count, 1, size])
    return building.reshape(last, [1, 1, count, size])


def sequences(x: Result, batch_first: bool) -> tuple[ir.Value, int]:
    """[1,B*T,I] of one image, and B: x is [T,B,I], or [B,T,I] with the batch first."""
    dims = dims_of(x)
    if len(dims) != 3:
        raise Unsupported(f"it reads {dims}; a sequence [time, batch, features] would work")
    batch, time = (0, 1) if batch_first else (1, 0)
    count = dims[batch]
    if not 1 <= count <= MOST_SEQUENCES:
        raise Unsupported(f"its input {dims} has {count} sequences for one image; up to {MOST_SEQUENCES} would work")
    if count == 1 and not isinstance(x, Folded) and not batch_first and dims[time] != 1:
        raise Unsupported(f"its input {dims} has time as dimension 0, where the batch must be")
    value = lifted(x, 3)
    if count > 1 and not batch_first:
        value = building.transpose(value, [0, 2, 1, 3])
    return building.reshape(value, [1, count * dims[time], dims[2]]), count


def as_sequence(states: ir.Value, batch_first: bool, x: Result, count: int) -> Result:
    """The states of every step as the model's [T,B,F] or [B,T,F]."""
    if batch_first and not isinstance(x, Folded):
        return states
    _, rows, size = shape(states)
    made = building.reshape(states, [1, count, rows // count, size])
    if count > 1:
        return folded(made if batch_first else building.transpose(made, [0, 2, 1, 3]), REASON)
    dims = [1, 1, rows, size] if batch_first else [1, rows, 1, size]
    return folded(building.reshape(states, dims), REASON)


def as_states(states: ir.Value, batch_first: bool) -> Result:
    """Last states [1,D,H], or [1,D,B,H], as the model's [D,B,H], or [B,D,H] with the batch first."""
    if len(shape(states)) == 4:
        return folded(building.transpose(states, [0, 2, 1, 3]) if batch_first else states, REASON)
    if batch_first:
        return states
    _, count, size = shape(states)
    return folded(building.reshape(states, [1, count, 1, size]), REASON)


REASON = "a recurrent layer's result has time or directions in front of the batch; it must be in front again"


def first_states(value: Result, index: int, count: int, size: int, batch_first: bool, of: int = 1) -> list[ir.Value]:
    """State `index` of [count,B,H] (or [B,count,H]) as [1,H] for each of the B = `of` sequences; zeros where none is
    given."""
    if value is None:
        return [building.constant(np.zeros([1, size], np.float32))] * of
    dims = dims_of(value)
    wanted = [of, count, size] if batch_first else [count, of, size]
    if dims != wanted:
        raise Unsupported(f"its first states have the shape {dims}; {wanted} would work")
    places = [i * count + index if batch_first else index * of + i for i in range(of)]
    if isinstance(value, Literal):
        rows = value.array.reshape(count * of, size)
        return [building.constant(rows[place : place + 1]) for place in places]
    every = building.reshape(lifted(value, 3), [1, count * of, size])
    return [
        building.reshape(
            building.slice_(every, [0, place, 0], [1, 1, 1], [1, 1, size]) if count * of > 1 else every, [1, size]
        )
        for place in places
    ]


def reordered(values: Array, kind: str, order: Sequence[int]) -> Array:
    """The gates of [gates*H, ...] in `qd.recurrence`'s order."""
    parts = np.split(values, GATES[kind])
    return np.concatenate([parts[gate] for gate in order])


TORCH_ORDER = {LSTM: (0, 3, 1, 2), GRU: (1, 0, 2)}  # of i f c o, and of r z n
