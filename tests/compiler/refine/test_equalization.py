"""Equalization is tried at few bits and on uneven channels: kept where it helps, left out where it harms."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.meaning import prepared
from support.stages import compiled as compile_all
from torch import nn

from dyadic.compiler.compiled import Compiled
from dyadic.compiler.importers.torch import import_torch
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.measure.layer_comparison import compare_layers
from dyadic.compiler.refine import equalization
from dyadic.dialects import new_context
from dyadic.dialects.reference import function_bodies
from dyadic.passes.prepare.equalize_channels import unevenness
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


def compiled(spread: float, data: object = IMAGES, **options: Any) -> Compiled:
    network = Uneven(spread).eval()
    return compile_all(network, data, example_inputs=(torch.from_numpy(IMAGES[:1]),), isa=("x86-64",), **options)


def test_uneven_channels_are_equalized_and_the_outputs_are_nearer_to_float() -> None:
    done = compiled(3.0, precision="w4a8")
    seen = done.built.equalized
    assert seen is not None and seen.kept and seen.after_db > seen.before_db + 1
    plain = compiled(3.0, precision="w4a8", without=("equalize-layers",))
    assert plain.built.equalized is None
    floating = Uneven(3.0).eval()(torch.from_numpy(IMAGES)).detach().numpy()
    noise = []
    for one in (done, plain):
        with one.artifact.load(max_batch=len(IMAGES)) as session:
            noise.append(float(np.square(session(IMAGES) - floating).sum()))
    assert noise[0] < 0.8 * noise[1]
    said = done.artifact.report.equalized
    assert said is not None and said.kept and plain.artifact.report.equalized is None


def test_what_does_not_help_is_not_kept_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalization, "LEAST_GAIN_DB", 100.0)
    done = compiled(3.0, precision="w4a8")
    assert done.built.equalized is not None and not done.built.equalized.kept
    plain = compiled(3.0, precision="w4a8", without=("equalize-layers",))
    assert done.artifact.emitted.sections["cpu/weights"] == plain.artifact.emitted.sections["cpu/weights"]


def sqnr_db(done: Compiled, spread: float) -> float:
    floating = Uneven(spread).eval()(torch.from_numpy(IMAGES)).detach().numpy()
    with done.artifact.load(max_batch=len(IMAGES)) as session:
        noise = np.square(session(IMAGES) - floating).sum()
    return 10 * float(np.log10(np.square(floating).sum() / noise))


def test_uneven_channels_cost_int8_nothing() -> None:
    """Sizes over a range of 1, 10^3 and 10^6."""
    even, *uneven = (sqnr_db(compiled(spread), spread) for spread in (0.0, 3.45, 6.9))
    assert all(one > even - 3 for one in uneven)
    assert sqnr_db(compiled(3.45, without=("equalize-layers",)), 3.45) < even - 10


def test_at_eight_bits_it_is_tried_where_channels_are_uneven() -> None:
    seen = compiled(3.0).built.equalized
    assert seen is not None and seen.kept
    assert compiled(0.0).built.equalized is None
    assert compiled(0.5).built.equalized is None
    assert compiled(0.0, precision="w4a8").built.equalized is not None


def test_at_eight_bits_what_stays_is_clearly_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalization, "UNEVEN", 0.0)
    seen = compiled(0.1).built.equalized
    assert seen is not None and not seen.kept


def test_channels_that_do_not_matter_are_not_uneven() -> None:
    with new_context() as context:
        network = Uneven(0.0)
        with torch.no_grad():
            network.first.weight[3] *= 1e-6
            network.second.weight[:, 5] *= 0
        module = prepared(import_torch(network.eval(), (torch.from_numpy(IMAGES[:1]),), context))
        assert max(unevenness(block) for block in function_bodies(module)) < 2


def test_it_is_tried_only_where_data_can_be_read_twice() -> None:
    assert compiled(3.0, iter([IMAGES]), precision="w4a8").built.equalized is None


def test_compare_equalizes_the_float_model_too(tmp_path: Path) -> None:
    """Otherwise the tensor between the two layers would look spoilt."""
    done = compiled(3.0, precision="w4a8")
    done.artifact.save(tmp_path / "m.dyq")
    assert done.built.equalized is not None
    with open_artifact(tmp_path / "m.dyq") as file:
        assert file.made["equalized"] == done.built.equalized.way
    network = Uneven(3.0).eval()
    found = compare_layers(tmp_path / "m.dyq", network, IMAGES, example_inputs=(torch.from_numpy(IMAGES[:1]),))
    assert all(one.accumulated_db is not None and one.accumulated_db > 10 for one in found.layers)


def test_the_twin_is_calibrated_once() -> None:
    network = compiled(3.0, precision="w4a8").calibrated
    with network.module.context:
        for way in equalization.WAYS:
            assert network.equalizer.twin(way) is network.equalizer.twin(way)
            fresh = equalization.Equalizer(network.module, network.data.calibration, "mse", Cache(None, print))
            assert str(fresh.twin(way)) == str(network.equalizer.twin(way))
