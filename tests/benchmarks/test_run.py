"""The benchmarks run: a tiny network through every engine that is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import build, layers, measure, networks, peers
from benchmarks.engines import FILES, OURS, Missing, engine
from benchmarks.figures import undisturbed
from benchmarks.networks.efficientnet import EfficientNet
from benchmarks.networks.seeded import images, settled
from dyadic.compiler.targets.cpu import peak
from dyadic.runtime.cpu import levels

ROOT = Path(__file__).resolve().parents[2]
LEVEL = levels.usable()[0]
PEER = "onnxruntime"  # always installed with the compiler


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3, 2, 1)
        self.fc = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return Tiny().eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Models of the tiny network for ours and one peer."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.NETWORKS, "tiny", networks.Network(tiny, 16))
        for name in (build.FLOAT, OURS, PEER):
            build.build(name, "tiny", folder)
    return folder


def test_macs_are_counted_by_hand() -> None:
    assert networks.macs(tiny(), np.zeros((1, 3, 16, 16), np.float32)) == 8 * 8 * 32 * 27 + 32 * 10


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("squeezenet1_1", 1_235_496),
        ("mobilenet_v2", 3_504_872),
        ("deit_tiny", 5_717_416),
        ("resnext50_32x4d", 25_028_904),
        ("lraspp_mobilenet_v3", 3_221_538),
    ],
)
def test_networks_have_as_many_parameters_as_those_that_they_are_named_after(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in networks.NETWORKS[name].make().parameters()) == parameters


def test_activations_stay_of_order_one_on_the_images_that_are_measured() -> None:
    with torch.inference_mode():
        logits = settled(EfficientNet(10), 128)(torch.from_numpy(images(2, 128, seed=2)))
    assert 0.1 < float(logits.std()) < 10


def test_a_cell_is_measured_in_a_child_process(folder: Path) -> None:
    spec = measure.Spec("tiny", str(folder), (OURS, PEER), LEVEL, 2, 1, 5, 0.0, accuracy=True)
    found = measure.in_child(spec)
    assert not found["failed"]
    assert {len(turns) for turns in found["rounds"].values()} == {5}
    assert found["macs"] == 2 * networks.macs(tiny(), np.zeros((1, 3, 16, 16), np.float32))
    assert all(right["sqnr_db"] > 10 for right in found["accuracy"].values())


def test_memory_is_measured_alone(folder: Path) -> None:
    found = measure.in_child(measure.Spec("tiny", str(folder), (OURS,), LEVEL, 1, 1, 1, 0.0, alone=True))
    assert 10 < found["peak_mib"] < 1000


def test_the_command_prints_and_writes(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setitem(networks.NETWORKS, "tiny", networks.Network(tiny, 16))
    monkeypatch.setattr(peak, "RUNS", 1)
    monkeypatch.setattr(peak, "DRAM_BYTES", 1 << 24)
    words = f"--networks tiny --peers {PEER} --iterations 3 --seconds 0 --no-build --workdir {folder}"
    peers.main([*words.split(), "--json", str(folder / "out.json")])
    said = capsys.readouterr().out
    assert "geometric means: best peer" in said
    report = json.loads((folder / "out.json").read_text())
    row = report["cells"][0]["networks"]["tiny"]["engines"]
    assert row[PEER]["ratio"][1] > 0 and 0 < row[OURS]["share_of_peak"] < 1
    assert report["memory"]["tiny"][OURS]["peak_mib"] > 10


def test_a_failed_build_is_a_sentence(folder: Path) -> None:
    assert "failed" in build.ensure(OURS, "no-such-network", folder)


@pytest.mark.parametrize("name", [name for name in FILES if name not in (OURS, PEER)])
def test_peers_open_what_they_built(name: str) -> None:
    try:
        assert engine(name).SUFFIX.startswith(".")
    except Missing as reason:
        pytest.skip(f"{reason}: this peer was NOT tested")


def test_layers_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    allowed = os.sched_getaffinity(0)
    try:
        layers.main([str(build.model_path(OURS, "tiny", folder)), "--iterations", "3", "--top", "2"])
    finally:
        os.sched_setaffinity(0, allowed)
    said = capsys.readouterr().out
    assert "by kind" in said and "of the peak" in said


def test_runs_alternate() -> None:
    order: list[str] = []
    rounds = measure.alternate({name: lambda name=name: order.append(name) for name in "ab"}, 4, 0.0)
    assert len(order) == 2 * measure.WARMUP + 4 * 2 * 2
    assert len(undisturbed(rounds)) == 4
    after = order[2 * measure.WARMUP :]
    assert all(set(after[i : i + 4]) == {"a", "b"} and after[i] == after[i + 1] for i in range(0, 16, 4))


def test_amx_can_be_taken_away() -> None:
    if LEVEL != "amx":
        pytest.skip("no AMX here: taking it away was NOT tested")
    asks = "from benchmarks import machine; machine.without_amx(); from dyadic.runtime.cpu import levels; "
    done = subprocess.run(
        [sys.executable, "-c", asks + "levels.prepare('amx')"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode and "refuses the AMX tile registers" in done.stderr
