"""`torch.nn.LSTM`, `GRU` and `RNN`: several layers, one or two directions, the batch first or second."""

from typing import Any

import numpy as np

from dyadic.dialects.recurrence import GRU, LSTM, RELU, TANH
from dyadic.passes import building
from dyadic.passes.ingest import recurrent
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.recurrent import Direction
from dyadic.passes.ingest.translation import Literal, Node, Result, Unsupported

KINDS = {"lstm": LSTM, "gru": GRU, "rnn_tanh": TANH, "rnn_relu": RELU}


@aten("lstm", "gru", "rnn_tanh", "rnn_relu")
def layers(node: Node) -> Result:
    """(states of every step, last h, and of an LSTM last c): `aten.lstm.input` and its kin."""
    kind = KINDS[node.operator]
    x, given, weights, biased, count, _, training, both_ways, batch_first = node.arguments
    if training and node.arguments[5]:
        raise Unsupported("it drops states at random; export the model in evaluation mode")
    h, c = given if kind == LSTM else (given, None)
    ways = 2 if both_ways else 1
    arrays = [_constant(each) for each in weights]
    each_way = len(arrays) // (count * ways)
    if each_way != (4 if biased else 2):
        raise Unsupported("its states are projected to another size (proj_size), which has no integer form")
    value, sequences = recurrent.sequences(x, batch_first)
    last_h, last_c = [], []
    for layer in range(count):
        directions = []
        for way in range(ways):
            index = layer * ways + way
            own = [_ordered(one, kind) for one in arrays[each_way * index : each_way * (index + 1)]]
            rows, size = own[1].shape
            none = np.zeros(rows, np.float32)
            bias, inside = own[2:] if biased else (none, none)
            states = [recurrent.first_states(one, index, count * ways, size, False, sequences) for one in (h, c)]
            name = node.name + (f"_l{layer}" if layer else "") + ("_reverse" if way else "")
            directions.append(Direction(name, own[0], own[1], bias, inside, *states, reverse=way == 1))
        answer = recurrent.recurrent(value, kind, directions, cell=kind == LSTM and _is_read(node, 2))
        value = answer.states
        last_h.append(answer.h)
        last_c += [answer.c] if answer.c is not None else []
    made = recurrent.as_sequence(value, batch_first, x, sequences)
    results = [made, recurrent.as_states(building.concat(last_h, 1), False)]
    if last_c:
        results.append(recurrent.as_states(building.concat(last_c, 1), False))
    return results


def _is_read(node: Node, index: int) -> bool:
    return any(True for _ in node.op.results[index].uses)


def _constant(value: Any) -> Any:
    if not isinstance(value, Literal):
        raise Unsupported("its weights are computed from the input; constant weights would work")
    return value.array


def _ordered(values: Any, kind: str) -> Any:
    return recurrent.reordered(values, kind, recurrent.TORCH_ORDER.get(kind, (0,)))
