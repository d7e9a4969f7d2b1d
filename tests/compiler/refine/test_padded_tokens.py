"""What padded tokens hold teaches nothing: no rounding, no bias, no sensitivity depends on it."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from support.stages import calibrated
from torch_mlir import ir

from dyadic.compiler.calibrate import model_inputs
from dyadic.compiler.calibrate.data import Samples
from dyadic.compiler.progress import Progress
from dyadic.compiler.refine import refine
from dyadic.compiler.refine.equalization import quality_db
from dyadic.compiler.sensitivity import measure
from dyadic.compiler.widths.decisions import uniform
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.scheme import parse
from dyadic.compiler.widths.simulate import Simulation
from dyadic.dialects import qd
from dyadic.dialects.reference import main_function

ROWS, TOKENS, WIDTH = 40, 8, 8
Feeds = dict[str, npt.NDArray[np.int64]]


class Encoder(torch.nn.Module):
    """One block of attention; the states of all tokens are the answer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = torch.nn.Embedding(ROWS, WIDTH)
        self.q, self.k, self.v, self.out = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm = torch.nn.LayerNorm(WIDTH)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.words(ids))
        scores = self.q(x) @ self.k(x).transpose(1, 2) * 0.35 + (1.0 - mask[:, None].float()) * -10000.0
        return self.out(x + torch.softmax(scores, -1) @ self.v(x))


def feeds(padding: int) -> Feeds:
    """The same sentences, with other ids behind them."""
    random, noise = np.random.default_rng(0), np.random.default_rng(padding)
    ids, lengths = random.integers(0, ROWS // 2, (48, TOKENS)), random.integers(1, TOKENS, (48, 1))
    mask = (np.arange(TOKENS) < lengths).astype(np.int64)
    return {"ids": np.where(mask, ids, noise.integers(ROWS // 2, ROWS, ids.shape)), "mask": mask}


def network(given: Feeds) -> ir.Operation:
    example = (torch.zeros(1, TOKENS).long(), torch.ones(1, TOKENS).long())
    return calibrated(Encoder().eval(), given, example_inputs=example).module


@pytest.mark.parametrize("group", [0, 16])
def test_no_weight_depends_on_padding(group: int) -> None:
    found = []
    for padding in (1, 2):
        given = feeds(padding)
        module = network(given)
        with module.context:
            width = ir.IntegerType.get_signless(64)
            layers = [
                op for op in main_function(module).operation.regions[0].blocks[0].operations
                if isinstance(op.opview, qd.LinearOp)
            ]  # fmt: skip
            for op in layers:
                op.attributes[qd.WEIGHT_BITS] = ir.IntegerAttr.get(width, 4)
                if group:
                    op.attributes[qd.WEIGHT_GROUP] = ir.IntegerAttr.get(width, group)
            answer = refine(module, Samples(given, model_inputs(module)), Progress())
            names = (qd.WEIGHT_STEPS, qd.WEIGHT_SCALE, qd.BIAS_SHIFT)
            found.append(
                ([gain.after_db for gain in answer.gains], [str(op.attributes[n]) for op in layers for n in names])
            )
    assert len(found[0][1]) == 12
    assert found[0] == found[1]


def test_no_comparison_depends_on_padding() -> None:
    """Of a twin with equalized layers and the network, say."""
    found = []
    for padding in (1, 2):
        given = feeds(padding)
        module = network(given)
        schemes = uniform(Points(module), parse("w4a8")).by_layer(Points(module))
        found.append(quality_db(module, schemes, [given]))
    assert 3 < found[0] < 60
    assert found[0] == pytest.approx(found[1], abs=1e-4)


@pytest.mark.parametrize("method", ["fisher", "kl", "perturbation", "sqnr"])
def test_no_sensitivity_depends_on_padding(method: str) -> None:
    found = []
    for padding in (1, 2):
        given = feeds(padding)
        seen = measure(method, Simulation(network(given)), [given], budget=16)
        values = [estimate.value for each in (seen.weights, seen.activations) for one in each.values()
                  for estimate in one.values()]  # fmt: skip
        found.append(values)
    assert max(found[0]) > 0
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-12)
