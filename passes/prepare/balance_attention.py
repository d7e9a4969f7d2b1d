"""Queries, keys and values get channels of one size.

    attention(q, k, v)   -->   attention(q * f, (k - a) / f, (v - b) / s)     where linear layers make q, k and v
    linear(ctx, w, c)    -->   linear(ctx', w * s, c + w @ b)                 behind it

f[i] balances how far channel i of the keys reaches against the queries', whose product with them it leaves alone. A
shift of all keys adds the same to all scores of a query, which softmax ignores; one of all values adds it to every
result, since softmax's weights sum to 1. s is the values' reach to the exponent of `balance_norms`. Heads may be cut
and joined by any moves; `qd.channel_range` says what calibration saw.

Truth: exact up to one float32 rounding of each weight and bias, computed in float64. Values are not shifted where some
of them are masked at run time: a row of which nothing is valid is 0.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd
from dyadic.dialects.reference import function_bodies
from dyadic.dialects.tensor_types import shape
from dyadic.passes.building import constant_array, used_once
from dyadic.passes.prepare.balance_norms import (
    Channels,
    balanced,
    channels_seen,
    numbers,
    rescalable,
    rescale_readers,
    rewrite_ranges,
    set_constants,
)
from dyadic.passes.rewriting import defining, module_pass

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chain:
    """A linear layer and the ops between it and an attention; `channels` [H, D]: which of the layer's each head has."""

    layer: Any
    moves: tuple[Any, ...]  # in the order of the graph
    channels: Numbers


@module_pass
def balance_attention(module: ir.Operation) -> None:
    """Give the channels of queries, keys and values one size: attention(q, k, v) --> the same, their layers rescaled"""
    for block in function_bodies(module):
        for op in list(block.operations):
            if isinstance(op.opview, qd.AttentionOp):
                balance_scores(op.opview)
                balance_values(op.opview)


def balance_scores(op: Any) -> None:
    """Queries against keys."""
    q, k = made_by(op.q), made_by(op.k)
    if q is None or k is None or q.layer == k.layer or q.channels.shape != k.channels.shape:
        return
    seen_q, seen_k = (channels_seen(one.layer) for one in (q, k))
    if seen_q is None or seen_k is None:
        return
    low, high = seen_k.low[k.channels], seen_k.high[k.channels]  # [H, D]
    reach_k = (high - low) / 2
    reach_q = np.maximum(np.abs(seen_q.low), np.abs(seen_q.high))[q.channels]
    if not (reach_k > 0).all() or not (reach_q > 0).all():
        return
    f = np.sqrt(reach_k / reach_q)
    f /= np.exp(np.log(f).mean())
    rescale_outputs(k, replace(seen_k, shift=of_layer(k, (low + high) / 2), scale=of_layer(k, f)))
    rescale_outputs(q, replace(seen_q, scale=of_layer(q, 1 / f)))


def balance_values(op: Any) -> None:
    """Values, and the layer that reads what is attended to."""
    v, reader = made_by(op.v), read_by(op.out)
    if v is None or reader is None or not rescalable(reader.layer):
        return
    seen, context = channels_seen(v.layer), channels_seen(op)
    if seen is None or context is None or reader.channels.shape != v.channels.shape:
        return
    chosen = balanced(seen, [reader.layer])
    low, high, shift, scale = (each[v.channels] for each in (chosen.low, chosen.high, chosen.shift, chosen.scale))
    by_head = Channels(low, high, shift, scale, chosen.room)
    if not unmasked(op):
        by_head = replace(by_head, shift=np.zeros_like(by_head.shift))
    shift, scale = by_head.shift, by_head.scale
    rescale_outputs(v, replace(seen, shift=of_layer(v, shift), scale=of_layer(v, scale)))
    order = reader.channels.reshape(-1).argsort()  # of the reader's inputs
    columns = replace(context, shift=shift.reshape(-1)[order], scale=scale.reshape(-1)[order])
    rescale_readers([reader.layer], columns)
    rewrite_ranges([op, *reader.moves], columns)


def unmasked(op: Any) -> bool:
    """Whether every key is valid, whatever the input."""
    valid = constant_array(op.valid)
    return valid is not None and bool((valid != 0).all())


def of_layer(chain: Chain, by_head: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[H, D] in the order of the layer's outputs."""
    values = np.zeros(chain.channels.size)
    values[chain.channels.reshape(-1)] = by_head.reshape(-1)
    return values


def rescale_outputs(chain: Chain, channels: Channels) -> None:
    """What the layer makes is shifted and divided."""
    layer = chain.layer
    weight, bias = numbers(layer.weight), numbers(layer.bias)
    set_constants(layer, {1: weight / channels.scale[:, None], 2: (bias - channels.shift) / channels.scale})
    rewrite_ranges([layer, *chain.moves], channels)


def made_by(value: ir.Value) -> Chain | None:
    """The linear layer whose result an attention reads through moves alone, each of its outputs once."""
    moves: list[Any] = []
    while used_once(value) and isinstance(op := defining(value), qd.Move) and op.inserted is None:
        moves.insert(0, op)
        value = op.x
    layer = defining(value)
    if not used_once(value) or not isinstance(layer, qd.LinearOp) or not rescalable(layer):
        return None
    outputs = shape(layer.out)[-1]
    ids = moved(np.broadcast_to(np.arange(outputs, dtype=np.float64), shape(layer.out)), moves)
    if ids.ndim < 3:
        return None
    heads = ids.reshape(-1, *ids.shape[-2:])  # [H, rows, D]
    if (heads != heads[:, :1]).any() or np.unique(heads[:, 0]).size != heads[:, 0].size or heads[:, 0].size != outputs:
        return None
    return Chain(layer, tuple(moves), heads[:, 0].astype(np.int64))


def read_by(value: ir.Value) -> Chain | None:
    """The linear layer that alone reads what an attention makes, through moves; `channels` are its inputs."""
    sizes = shape(value)
    heads, width = int(np.prod(sizes[1:-2])), sizes[-1]
    by_head = np.arange(heads * width, dtype=np.float64).reshape(*sizes[:-2], 1, width)
    moves: list[Any] = []
    while used_once(value):
        op = next(iter(value.uses)).owner.opview
        if isinstance(op, qd.LinearOp) and op.x == value:
            if not moves or shape(op.weight)[1] != heads * width:  # or they are of windows, too
                return None
            ids = moved(np.broadcast_to(by_head, sizes), moves).reshape(-1, heads * width)
            if (ids != ids[:1]).any():
                return None
            return Chain(op, tuple(moves), ids[0].argsort().reshape(heads, width))
        if not isinstance(op, qd.Move) or op.inserted is not None:
            return None
        moves.append(op)
        value = op.out
    return None


def moved(array: npt.NDArray[np.float64], moves: list[Any]) -> npt.NDArray[np.float64]:
    """What moves make of an array."""
    for op in moves:
        array = op.evaluate(np, array)
    return array
