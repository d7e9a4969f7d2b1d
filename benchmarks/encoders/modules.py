"""How the architectures are made: modules from tensors to one tensor, and one input of each kind.

A module's library is imported where it is made.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn

TOKENS = 12
VOCABULARY = 99
ORDINARY = 3  # ids below are padding, beginning and end

Inputs = tuple[torch.Tensor, ...]
Architecture = Callable[[], tuple[nn.Module, Inputs]]


class Tensors(nn.Module):
    """A model of `transformers` as a function from tensors to one tensor."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], pick: Callable[[Any], torch.Tensor], **fixed: Any):
        super().__init__()
        self.model, self.names, self.pick, self.fixed = model, names, pick, fixed

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        given = dict(zip(self.names, inputs, strict=True))
        return self.pick(self.model(**given, **self.fixed, return_dict=True))


class MaskedMean(nn.Module):
    """Sentence embeddings: the mean of the valid tokens, of length 1."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        tokens = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).expand(tokens.size()).float()
        pooled = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(pooled, p=2, dim=1)


def hidden(result: Any) -> torch.Tensor:
    return result.last_hidden_state


def pooled(result: Any) -> torch.Tensor:
    return result.pooler_output


def image(size: int = 64) -> Inputs:
    return (torch.randn(1, 3, size, size),)


def tokens() -> Inputs:
    mask = torch.ones(1, TOKENS, dtype=torch.int64)
    mask[:, -3:] = 0
    return torch.randint(ORDINARY, VOCABULARY, (1, TOKENS)), mask


def of_timm(name: str, size: int = 64, **options: Any) -> Architecture:
    def make() -> tuple[nn.Module, Inputs]:
        return import_module("timm").create_model(name, pretrained=False, num_classes=10, **options), image(size)

    return make


def of_class(file: str, name: str, size: int = 64, **options: Any) -> Architecture:
    """A class of timm, where none of its models has the sizes that are wanted."""

    def make() -> tuple[nn.Module, Inputs]:
        module = import_module(f"timm.models.{file}")
        given = {key: value(module) if callable(value) else value for key, value in options.items()}
        return getattr(module, name)(num_classes=10, **given), image(size)

    return make


def text(config: str, model: str, pick: Callable[[Any], torch.Tensor] = hidden, **options: Any) -> Architecture:
    """An encoder of token ids and their mask."""

    def make() -> tuple[nn.Module, Inputs]:
        transformers = import_module("transformers")
        usual = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
        usual |= dict(intermediate_size=48, max_position_embeddings=40)
        made = getattr(transformers, config)(**(usual | options))
        network = getattr(transformers, model)(made)
        return Tensors(network, ("input_ids", "attention_mask"), pick), tokens()

    return make


def vision(
    config: str, model: str, pick: Callable[[Any], torch.Tensor] = hidden, size: int = 64, **options: Any
) -> Architecture:
    """An encoder of images."""

    def make() -> tuple[nn.Module, Inputs]:
        transformers = import_module("transformers")
        usual = dict(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            image_size=64,
            patch_size=16,
        )
        made = getattr(transformers, config)(**(usual | options))
        return Tensors(getattr(transformers, model)(made), ("pixel_values",), pick), image(size)

    return make


def sound(config: str, model: str, name: str, *dims: int, **options: Any) -> Architecture:
    """An encoder of sound, as samples or as a spectrum of `dims`; `name` is the input's."""

    def make() -> tuple[nn.Module, Inputs]:
        transformers = import_module("transformers")
        made = getattr(transformers, config)(**options)
        return Tensors(getattr(transformers, model)(made), (name,), hidden), (torch.randn(1, *dims),)

    return make


def like(inputs: Inputs, generator: torch.Generator) -> Inputs:
    """Other inputs of the same kinds: normal numbers, ids, and masks that leave more than half of the tokens."""
    return tuple(_like(one, generator) for one in inputs)


def _like(one: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if one.is_floating_point():
        return torch.randn(one.shape, generator=generator)
    if one.max() > 1:
        return torch.randint(ORDINARY, VOCABULARY, one.shape, generator=generator)
    length = int(torch.randint(one.shape[1] // 2, one.shape[1] + 1, (1,), generator=generator))
    return (torch.arange(one.shape[1]) < length).to(one.dtype).expand(one.shape)


def at_valid(answer: torch.Tensor, inputs: Inputs) -> torch.Tensor:
    """The answer [N, tokens, ...] with zeros where the mask says that there is no token: nobody asks for these."""
    mask = inputs[-1]
    if len(inputs) != 2 or mask.is_floating_point() or answer.shape[:2] != mask.shape or answer.ndim != 3:
        return answer
    return answer * (mask != 0)[..., None]


def made(make: Architecture) -> tuple[nn.Module, Inputs]:
    """With random weights, none of which is left at 0 or 1, so that every path counts."""
    torch.manual_seed(0)
    module, inputs = make()
    module.eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
        for name, each in module.named_buffers():
            if name.endswith("running_var"):
                each.uniform_(0.5, 1.5)
    return module, inputs
