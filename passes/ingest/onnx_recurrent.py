"""ONNX's LSTM, GRU and RNN: forward, reverse or both, their gates' usual functions."""

import numpy as np

from dyadic.dialects.recurrence import GRU, GRU_RESET_FIRST, LSTM, RELU, TANH
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.ingest import recurrent
from dyadic.passes.ingest.onnx_node import attribute, onnx, yes
from dyadic.passes.ingest.recurrent import Direction
from dyadic.passes.ingest.translation import Literal, Node, Result, Unsupported

GATE_ORDER = {"LSTM": "iofc", "GRU": "zrh"}
USUAL = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
SIMPLE = {"Tanh": TANH, "Relu": RELU}


@onnx("LSTM", "GRU", "RNN")
def layer(node: Node) -> Result:
    """(Y, last h, and of an LSTM last c); Y is [T,D,B,H], or [B,T,D,H] in layout 1."""
    x, weight, inner = node.argument(0), node.array(1, "weights"), node.array(2, "recurrent weights")
    gates = 1 if node.operator == "RNN" else len(GATE_ORDER[node.operator])
    if inner.ndim != 3 or weight.ndim != 3 or weight.shape[:2] != inner.shape[:2] or not inner.size:
        raise Unsupported(f"its weights {weight.shape} and {inner.shape} have no directions and gates in common")
    ways, rows, size = inner.shape
    if rows != gates * size:
        raise Unsupported(f"its recurrent weights {inner.shape} are not those of {gates} gates")
    kind, backwards = _kind(node, ways), _directions(node, ways)
    batch_first = yes(node, "layout")
    bias = np.zeros([ways, 2 * rows], np.float32) if node.argument(3) is None else node.array(3, "biases")
    if bias.shape != (ways, 2 * rows):
        raise Unsupported(f"its biases have the shape {bias.shape}; {(ways, 2 * rows)} would work")
    value, count = recurrent.sequences(x, batch_first)
    steps = shape(value)[1] // count
    _check(node, steps)
    states = [node.argument(5), node.argument(6) if kind == LSTM else None]
    directions = [
        Direction(
            node.name + ("_reverse" if way else ""),
            weight[way],
            inner[way],
            bias[way, :rows],
            bias[way, rows:],
            *(recurrent.first_states(one, way, ways, size, batch_first, count) for one in states),
            reverse=backwards[way],
        )
        for way in range(ways)
    ]
    results = node.op.results
    cell = kind == LSTM and len(results) > 2 and any(True for _ in results[2].uses)
    answer = recurrent.recurrent(value, kind, directions, cell=cell)
    if count > 1:
        states = building.reshape(answer.states, [1, count, steps, ways, size])
        states = states if batch_first else building.transpose(states, [0, 2, 3, 1, 4])
    else:
        dims = [1, steps, ways, size] if batch_first else [steps, ways, 1, size]
        states = building.reshape(answer.states, [1, *dims])
    every = recurrent.folded(states, recurrent.REASON)
    last = [recurrent.as_states(one, batch_first) for one in (answer.h, answer.c) if one is not None]
    return [every, *last] if len(results) > 1 else every


def _kind(node: Node, ways: int) -> str:
    """What it is, by its operator, the functions of its gates and where a GRU resets."""
    given = attribute(node, "activations")
    names = [str(name).capitalize() for name in given or USUAL.get(node.operator, ["Tanh"]) * ways]
    if any(attribute(node, name) for name in ("activation_alpha", "activation_beta")) and given:
        raise Unsupported(f"its functions {', '.join(names)} have parameters; the usual ones would work")
    if node.operator == "RNN":
        if len(set(names)) == 1 and names[0] in SIMPLE:
            return SIMPLE[names[0]]
        raise Unsupported(f"its functions are {', '.join(names)}; Tanh or Relu would work")
    if names != USUAL[node.operator] * ways:
        raise Unsupported(f"its functions are {', '.join(names)}; {', '.join(USUAL[node.operator])} would work")
    if node.operator == "LSTM":
        return LSTM
    return GRU if attribute(node, "linear_before_reset", 0) else GRU_RESET_FIRST


def _directions(node: Node, ways: int) -> list[bool]:
    """Whether each goes backwards."""
    every = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    given = attribute(node, "direction", "forward").lower()
    if given not in every or len(every[given]) != ways:
        raise Unsupported(f'its direction "{given}" does not fit weights for {ways} directions')
    return every[given]


def _check(node: Node, steps: int) -> None:
    """What changes the arithmetic of a step, or how many there are."""
    if attribute(node, "clip") is not None:
        raise Unsupported("it clips what its gates read (clip), which has no integer form")
    if attribute(node, "input_forget", 0):
        raise Unsupported("it couples input and forget gates (input_forget), which has no integer form")
    peepholes = node.argument(7)
    if peepholes is not None and not (isinstance(peepholes, Literal) and not peepholes.array.any()):
        raise Unsupported("its gates read the cell (peephole weights), which has no integer form")
    lengths = node.argument(4)
    if lengths is None:
        return
    if not isinstance(lengths, Literal):
        raise Unsupported("how many steps a sequence has is computed (sequence_lens); one length for all would work")
    if set(lengths.array.reshape(-1).tolist()) != {steps}:
        raise Unsupported(f"its sequence_lens {lengths.array.tolist()} differ from its {steps} steps")
