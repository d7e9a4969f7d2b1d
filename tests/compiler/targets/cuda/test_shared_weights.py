"""A file for both targets holds weights once: the GPU's constants come out of the processor's in every byte."""

import copy
import json
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from support.random_graphs import integer_module
from support.stages import network_after
from torch import nn
from torch_mlir import ir

from dyadic.compiler.targets.cpu import emit as cpu
from dyadic.compiler.targets.cuda import emit as cuda
from dyadic.compiler.targets.cuda.shared_weights import FEW, boxes_of, share
from dyadic.compiler.targets.registry import target_of
from dyadic.dialects import new_context
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cuda.kernel_selection import warpgroups
from dyadic.runtime.artifact import inflated
from dyadic.runtime.cuda.constants import Gather, Taken, read
from dyadic.runtime.errors import ArtifactError


def lowered(integer: ir.Operation, target: str) -> ir.Operation:
    module = integer.clone()
    for one in PIPELINE[f"lower/{target}"]:
        one.run(module)
    return module


def shared(integer: ir.Operation) -> tuple[cuda.CudaEmitted, cuda.CudaEmitted, Gather]:
    """What is emitted alone, and beside the processor's; what the latter's constants come from."""
    here = cpu.emit(lowered(integer, "cpu"), [], integer)
    alone = cuda.emit(lowered(integer, "cuda"), [], integer)
    section, stored = target_of("cpu").stored(here, integer.context)
    beside = share(alone, integer, section, here.sections[section], stored)
    program, sections = beside.program, beside.sections
    if not program.gather:
        return alone, beside, Gather((), ())
    gather = read(inflated(memoryview(sections[program.gather]), "it"))
    own, other = (np.frombuffer(one, np.uint8) for one in (sections[program.constants], here.sections[program.source]))
    gather.check(len(own), len(other), program.constants_bytes)
    made = gather.constants(own, other, program.constants_bytes)
    assert made.tobytes() == alone.sections[program.constants]
    return alone, beside, gather


LAYERS = ("qi.conv2d", "qi.conv_add", "qi.linear", "qi.linear_add")
STORED_AGAIN = {12: "1"}


@pytest.mark.parametrize("seed", [0, 2, 5, 7, 12])
def test_of_random_networks(seed: int) -> None:
    with new_context(), ir.Location.unknown():
        module, _ = integer_module(seed, layers=10, mixed=True)
        alone, beside, gather = shared(module.operation)
    weights = {one.offset for one in alone.packed if one.op in LAYERS}
    assert len(weights - {one.to for one in gather.taken}) == len(STORED_AGAIN.get(seed, ()))
    assert len(beside.sections["cuda/constants"]) < len(alone.sections["cuda/constants"])


class Text(nn.Module):
    """A table, and three layers of one input, which are one product on a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(40, 64)
        self.q, self.k, self.v = (nn.Linear(64, n) for n in (64, 64, 32))

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.words(ids)
        return self.q(x) * self.k(x), self.v(x)


class Sound(nn.Module):
    """A recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.GRU(20, 24, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x)[0]


def test_of_a_text() -> None:
    torch.manual_seed(0)
    ids = np.random.default_rng(0).integers(0, 40, (4, 9))
    integer = network_after("integerize", Text().eval(), ids, example_inputs=(torch.from_numpy(ids[:1]),))
    with integer.context, ir.Location.unknown():
        alone, _, gather = shared(integer)
    assert [piece.to for piece in gather.taken] == sorted(one.offset for one in alone.packed)
    assert [len(piece.boxes) for piece in gather.taken] == [1, 4]


def test_of_weights_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are where blocks of sm_90a share them, here in blocks as small as the layers."""
    for name, value in {"SHAPES": ((64, 32),), "STAGES": 3, "CLUSTERS": (2,), "LEAST_GAIN": 0}.items():
        monkeypatch.setattr(warpgroups, name, value)
    torch.manual_seed(0)
    ids = np.random.default_rng(0).integers(0, 40, (4, 9))
    integer = network_after("integerize", Text().eval(), ids, example_inputs=(torch.from_numpy(ids[:1]),))
    with integer.context, ir.Location.unknown():
        alone, _, gather = shared(integer)
    (product,) = [one for one in alone.packed if one.op == "qi.linear"]
    assert product.spec.tiled
    assert [piece.to for piece in gather.taken] == sorted(one.offset for one in alone.packed)
    assert [len(piece.boxes) for piece in gather.taken] == [1, 5]


def test_of_a_recurrent_layer() -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(4, 5, 20)).astype(np.float32)
    integer = network_after("integerize", Sound().eval(), x, example_inputs=(torch.from_numpy(x[:1]),))
    with integer.context, ir.Location.unknown():
        alone, _, gather = shared(integer)
    assert {piece.to for piece in gather.taken} >= {one.offset for one in alone.packed if one.op == "qi.recurrence"}


def test_boxes_of_any_order() -> None:
    """Every number is copied once, from where it is to where it goes."""
    random = np.random.default_rng(3)
    orders = [np.arange(60).reshape(3, 4, 5).transpose(2, 0, 1).reshape(-1), random.permutation(40), np.arange(1)]
    for order in orders:
        boxes = boxes_of(np.arange(len(order)), order.astype(np.int64))
        source = random.integers(0, 256, len(order)).astype(np.uint8)
        gather = Gather((), (Taken(0, len(order), 8, 8, 0, 0, tuple(boxes)),))
        gather.check(0, len(source), len(order))
        np.testing.assert_array_equal(gather.constants(source[:0], source, len(order)), source[order])
    assert len(boxes_of(np.arange(60), orders[0])) == 1 < FEW


def test_broken_gathers_are_refused() -> None:
    """Whatever numbers it holds, nothing outside of the sections is read or written."""
    dice = Random(20261129)
    good = {
        "own": [[0, 0, 8]],
        "taken": [vars(Taken(8, 8, 4, 4, 7, 1, ())) | {"boxes": [[0, 2, [[2, 8, 1], [4, 2, 3]]], [1, 0, []]]}],
    }
    own, other = np.zeros(8, np.uint8), np.arange(9, dtype=np.uint8)
    read(json.dumps(good).encode()).check(8, 9, 16)
    refused = 0
    for _ in range(400):
        value: Any = copy.deepcopy(good)
        inside, name = _place(value, dice)
        inside[name] = dice.choice([-1, 0, 1, 3, 7, 9, 2**31, 2**63, 10**30, 0.5, None, [], {}, "x", inside])
        try:
            text = json.dumps(value).encode()
            gather = read(text)
            gather.check(len(own), len(other), 16)
        except ArtifactError as error:
            refused += 1
            assert "gather" in str(error)
        except ValueError:  # a list inside of itself is no JSON
            continue
        else:
            assert len(gather.constants(own, other, 16)) == 16
    assert refused > 200


def _place(value: Any, dice: Random) -> tuple[Any, Any]:
    """Somewhere in a record, and a name there."""
    name = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))
    inner = value[name]
    return _place(inner, dice) if isinstance(inner, dict | list) and inner and dice.random() < 0.9 else (value, name)
