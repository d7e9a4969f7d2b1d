"""Equalization is tried where layers have fewer than 8 bits: kept where it helps, left out where it harms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dyadic.compiler.driver import Flow
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.measure.layer_comparison import compare_layers
from dyadic.compiler.options import Options
from dyadic.compiler.refine import equalization
from dyadic.runtime.artifact import open_artifact

IMAGES = np.random.default_rng(0).normal(size=(48, 3, 8, 8)).astype(np.float32)


class Uneven(nn.Module):
    """Two layers whose common channels are of very different sizes; the same function for every `spread`."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 8, 3, padding=1)
        self.fc = nn.Linear(8, 10)
        sizes = torch.exp(spread * torch.linspace(-1, 1, 16))
        with torch.no_grad():
            for parameter in self.first.parameters():
                parameter *= sizes.reshape(-1, *(1,) * (parameter.ndim - 1))
            self.second.weight /= sizes[None, :, None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.second(self.first(x).relu()).relu().mean((2, 3)))


def compiled(spread: float, **options: object) -> Flow:
    network = Uneven(spread).eval()
    given = Options(isa=("x86-64",), **options)  # pyright: ignore[reportArgumentType]
    return Flow(network, IMAGES, None, (torch.from_numpy(IMAGES[:1]),), given).run()


def test_uneven_channels_are_equalized_and_the_outputs_are_nearer_to_float() -> None:
    flow = compiled(3.0, precision="w4a8")
    seen = flow.equalized
    assert seen is not None and seen.kept and seen.pairs == 1 and seen.after_db > seen.before_db + 1
    plain = compiled(3.0, precision="w4a8", without=("equalize-layers",))
    assert plain.equalized is None
    floating = Uneven(3.0).eval()(torch.from_numpy(IMAGES)).detach().numpy()
    noise = []
    for one in (flow, plain):
        with one.artifact.load(max_batch=len(IMAGES)) as session:
            noise.append(float(np.square(session(IMAGES) - floating).sum()))
    assert noise[0] < 0.8 * noise[1]
    assert flow.artifact.report["equalized"]["kept"] and "equalized" not in plain.artifact.report


def test_what_does_not_help_is_not_kept_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalization, "LEAST_GAIN_DB", 100.0)
    flow = compiled(3.0, precision="w4a8")
    assert flow.equalized is not None and not flow.equalized.kept
    plain = compiled(3.0, precision="w4a8", without=("equalize-layers",))
    assert flow.artifact.emitted.sections["weights"] == plain.artifact.emitted.sections["weights"]


def test_it_is_tried_only_below_eight_bits_and_where_data_can_be_read_twice() -> None:
    assert compiled(3.0).equalized is None
    assert compiled(3.0, precision="w8a16").equalized is None
    network = Uneven(3.0).eval()
    once = Flow(network, iter([IMAGES]), None, (torch.from_numpy(IMAGES[:1]),), Options(precision="w4a8")).run("refine")
    assert once.equalized is None


def test_compare_equalizes_the_float_model_too(tmp_path: Path) -> None:
    """Otherwise the tensor between the two layers would look spoilt."""
    compiled(3.0, precision="w4a8").artifact.save(tmp_path / "m.dyq")
    with open_artifact(tmp_path / "m.dyq") as file:
        assert file.made["equalized"] is True
    network = Uneven(3.0).eval()
    found = compare_layers(tmp_path / "m.dyq", network, IMAGES, example_inputs=(torch.from_numpy(IMAGES[:1]),))
    assert all(one.accumulated_db is not None and one.accumulated_db > 10 for one in found.layers)


def test_the_twin_is_calibrated_once() -> None:
    flow = compiled(3.0, precision="w4a8")
    with flow.context:
        assert flow.equalizer.twin is flow.equalizer.twin
        fresh = equalization.Equalizer(flow.undecided, flow.samples, "mse", Cache(None, print))
        assert str(fresh.twin) == str(flow.equalizer.twin)
