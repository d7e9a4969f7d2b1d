"""Positions that are counted from token ids, and biases of positions that are joined with masks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import dyadic
from dyadic.compiler.importers.masks import meaning_of, padding_of, places
from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference
from dyadic.passes import PIPELINE, usual
from dyadic.runtime.errors import ModelError, UsageError

N, PADDING = 8, 1


def counted(ids: Any) -> Any:
    """As RoBERTa numbers its tokens."""
    valid = ids != PADDING
    return np.cumsum(valid, 1) * valid + PADDING


def test_positions_are_constant_while_padding_comes_last() -> None:
    found = places(counted, N)
    assert found is not None
    np.testing.assert_array_equal(found, [np.arange(N) + PADDING + 1])


@pytest.mark.parametrize(
    "function",
    [
        lambda ids: np.argsort(ids, 1),  # depends on ordinary ids
        lambda ids: np.cumsum((ids != PADDING)[:, ::-1], 1)[:, ::-1],  # counted from the end
        lambda ids: (ids != PADDING).sum(1, keepdims=True),  # one number
    ],
)
def test_what_depends_on_ids_is_no_position(function: Any) -> None:
    assert places(function, N) is None


def test_padding_is_known_by_what_it_does_to_positions() -> None:
    assert padding_of(counted, N) == PADDING
    assert padding_of(lambda ids: np.arange(N)[None] + 0 * ids, N) is None


def test_padding_in_front_of_tokens_is_refused_by_the_session(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    feeds = {"ids": random.integers(3, 20, (8, N)), "mask": np.ones((8, N), np.int64)}
    examples = tuple(torch.from_numpy(feeds[name][:1]) for name in ("ids", "mask"))
    artifact = dyadic.compile(Encoder().eval(), feeds, example_inputs=examples, isa=("x86-64",), measure=False)
    artifact.save(tmp_path / "m.dyq")
    with dyadic.load(tmp_path / "m.dyq") as session:
        one = {name: values[:1].copy() for name, values in feeds.items()}
        one["ids"][0, 5:], one["mask"][0, 5:] = PADDING, 0
        session.run(None, one)
        one["ids"][0, 2] = PADDING
        with pytest.raises(UsageError, match=r"input 'ids' holds 1, which is padding, at \[0, 2\] in front of other"):
            session.run(None, one)


def test_a_bias_is_known_beside_a_mask() -> None:
    bias = np.random.default_rng(0).normal(size=(1, 2, N, N)).astype(np.float32)
    meaning = meaning_of(lambda mask: bias + np.where(mask[:, None, None] != 0, np.float32(0), np.float32(-3e38)), N)
    assert meaning is not None and (meaning.kind, meaning.axis) == ("biased", 3)
    np.testing.assert_array_equal(meaning.others, bias)
    assert meaning_of(lambda mask: bias * mask[:, None, None], N) is None


class Encoder(nn.Module):
    """Positions from ids as in RoBERTa, a bias joined with the mask as in T5."""

    def __init__(self, reverse: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.positions = nn.Embedding(20, 4), nn.Embedding(N + 2, 4)
        self.bias, self.reverse = nn.Parameter(torch.randn(1, N, N)), reverse

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        valid = ids.ne(PADDING).int()
        order = valid.flip(1) if self.reverse else valid
        x = self.words(ids) + self.positions((torch.cumsum(order, 1).type_as(valid) * valid).long() + PADDING)
        added = self.bias + (1.0 - mask[:, None].to(x.dtype)) * torch.finfo(x.dtype).min
        return torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=added)


def test_an_encoder_is_its_module_where_tokens_are_valid() -> None:
    module = Encoder().eval()
    lengths = torch.tensor([[1], [3], [N]])
    mask = (torch.arange(N) < lengths).long()
    ids = torch.where(mask == 1, torch.randint(3, 20, (3, N)), PADDING)
    with new_context() as context, context:
        imported = import_torch(module, (ids[:1], mask[:1]), context)
        for one in (*PIPELINE["ingest"], *usual("prepare")):
            one.run(imported.operation)
        got = FloatReference(imported)({"ids": ids.int(), "mask": mask.int()})["output"]
    with torch.no_grad():
        wanted = module(ids, mask)
    for i, length in enumerate(lengths[:, 0]):
        torch.testing.assert_close(got[i, :length], wanted[i, :length], atol=1e-5, rtol=0)


def test_positions_counted_otherwise_are_refused() -> None:
    examples = (torch.randint(3, 20, (1, N)), torch.ones(1, N, dtype=torch.int64))
    with new_context() as context, context, pytest.raises(ModelError, match='"positions" reads is computed from'):
        import_torch(Encoder(reverse=True).eval(), examples, context)
