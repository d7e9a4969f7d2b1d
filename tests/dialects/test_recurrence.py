"""The functions of gates over all their inputs, and integer recurrences beside the real ones."""

from typing import Any

import numpy as np
import pytest
import torch

from dyadic.dialects.recurrence import GATES, Cell, gate, s16, step, table

EVERY = np.arange(-32768, 32768)


@pytest.mark.parametrize(
    ("name", "function", "error"),
    [("sigmoid", lambda x: 1 / (1 + np.exp(-x)), 1.27), ("tanh", np.tanh, 3.80)],
)
def test_gates_over_all_inputs(name: str, function: Any, error: float) -> None:
    """The errors that docs/arithmetic.md states, in steps of 2^-15; and no gate ever falls."""
    made = gate(name, EVERY)
    assert np.abs(made - function(EVERY / 4096) * 32768).max() <= error
    assert (np.diff(made) >= 0).all() and -32768 <= made.min() and made.max() <= 32767


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_pieces_meet(name: str) -> None:
    """Each ends where the next one begins."""
    entries = table(name).astype(np.int64)
    start, rise = ((entries & 0xFFFF) ^ 0x8000) - 0x8000, entries >> 16
    assert len(entries) == 512 and (start + rise)[:-1].tolist() == start[1:].tolist()


def states(kind: str, seed: int, steps: int, size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """h of a recurrence without weights, in integers and in float: pre-activations are given."""
    random, cell = np.random.default_rng(seed), Cell(kind, 15, 10)
    p = random.integers(-20000, 20000, (steps, GATES[kind] * size))
    h, c = np.zeros((1, size), np.int64), np.zeros((1, size), np.int64)
    none = torch.zeros(GATES[kind] * size, size, dtype=torch.float64)
    real = [torch.zeros(1, size, dtype=torch.float64)] * 2
    for x in p:
        parts = np.split(x[None], GATES[kind], -1)
        if kind == "lstm":
            h, c = cell.lstm(parts, c)
        elif GATES[kind] == 3:
            h = cell.gru(parts[0], parts[2], h)
        else:
            h = cell.simple(parts[0])
        scale = 2.0**-cell.input_bits
        real = list(step(torch, kind, torch.from_numpy(x[None] * scale), none, none[:, 0], *real))
    return h / 32768, real[0].numpy()


@pytest.mark.parametrize("kind", GATES)
def test_states_stay_where_they_should_be_over_a_thousand_steps(kind: str) -> None:
    """Nothing drifts: of an LSTM's cell a step is 2^-10, of all else 2^-15."""
    for seed in range(3):
        made, real = states(kind, seed, 1000)
        assert np.abs(made - real).max() < (2e-3 if kind == "lstm" else 4e-4)


def test_a_cell_ends_at_the_ends_of_its_bits() -> None:
    """Gates wide open: it grows by one a step, up to 8 with 12 fraction bits, and stays there."""
    cell, c, h, open_ = Cell("lstm", 15, 12), np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([32767])
    for _ in range(12):
        h, c = cell.lstm([open_, open_, open_, open_], c)
    assert 0.99 < h[0] / 32768 < 1 and 7.9 < c[0] / 4096 < 8
    assert s16([40000, -40000]).tolist() == [32767, -32768]
