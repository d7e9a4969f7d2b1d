"""What a search asks before it solves: losses are those of the network that will be rounded."""

import numpy as np
import torch
from support.stages import calibrated

from dyadic.compiler.job import Job
from dyadic.compiler.select.costs import measure_losses
from dyadic.compiler.select.model import candidates_for
from dyadic.compiler.tools import Tools
from dyadic.compiler.widths.decisions import Decisions

WIDTH, LOUD = 32, 16.0


class Uneven(torch.nn.Module):
    """Half the channels of a norm are so large that 4 bits have no steps for their weights, until they are balanced."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.layer = torch.nn.LayerNorm(WIDTH), torch.nn.Linear(WIDTH, 6)
        with torch.no_grad():
            self.norm.weight[::2] *= LOUD
            self.layer.weight[:, ::2] /= LOUD

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.norm(x))


def loss(*without: str) -> float:
    """Of the layer's weights at 4 bits."""
    x = np.random.default_rng(0).normal(size=(64, WIDTH)).astype(np.float32)
    network = calibrated(Uneven().eval(), x, example_inputs=(torch.zeros(1, WIDTH),), without=without)
    candidates = candidates_for(network.points, Decisions({}, {}), {})
    job = Job(Uneven(), x)
    return measure_losses("sqnr", network, candidates, Tools.of(job)).weights["layer"]["w4"].value


def test_losses_are_of_channels_as_they_are_balanced() -> None:
    assert loss() < 0.1 * loss("balance-norms", "balance-attention")
