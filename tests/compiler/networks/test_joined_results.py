"""Results that are concats: each part has a scale of its own, in the reference, in the artifact, and in raw runs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import dyadic
from dyadic.compiler.driver import compile as compile_network
from dyadic.compiler.options import Precision
from dyadic.runtime import fixedpoint

X = np.random.default_rng(0).standard_normal((48, 4, 6, 6)).astype(np.float32)


class Detector(nn.Module):
    """Scores within 0..1 and boxes of hundreds from the same features, joined and moved in one way or the other."""

    def __init__(self, tail: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tail = tail
        self.features = nn.Conv2d(4, 8, 3, padding=1)
        self.scores, self.boxes, self.more = nn.Conv2d(8, 3, 1), nn.Conv2d(8, 3, 1), nn.Conv2d(8, 2, 1)
        self.one = nn.Conv2d(8, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        f = self.features(x).relu()
        scores, boxes = self.scores(f).sigmoid(), 640 * self.boxes(f)
        joined = torch.cat([scores, boxes], 1)
        match self.tail:
            case "as it is":
                return joined
            case "transposed and flattened":
                return joined.permute(0, 2, 3, 1).reshape(len(x), 36, 6)
            case "one class":  # a part with one channel, as those of YOLOX
                return torch.cat([boxes, self.one(f).sigmoid()], 1).flatten(2).transpose(1, 2)
            case "one class in rows":
                return torch.cat([boxes, self.one(f).sigmoid()], 1).permute(0, 2, 3, 1)
            case "flattened":
                return joined.flatten(1)
            case "sliced":
                return joined[:, 1:5, ::2]
            case "nested":
                return torch.cat([joined, 30 * self.more(f)], 1)
            case "two axes":
                return torch.cat([joined.flatten(2), 5 * joined.flatten(2)[:, :, :7]], 2)
            case "stacked":
                return torch.cat([scores.unsqueeze(1), boxes.unsqueeze(1)], 1)
            case "read elsewhere":
                return joined, self.more(torch.cat([boxes, scores, boxes[:, :2]], 1) / 640)
        return scores


def float_answers(network: nn.Module) -> np.ndarray:
    with torch.no_grad():
        answers = network(torch.from_numpy(X))
    return (answers[0] if isinstance(answers, tuple) else answers).numpy()


def sqnr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    return 10 * float(np.log10(np.square(wanted).sum() / np.square(wanted - got).sum()))


TAILS = [
    "as it is",
    "transposed and flattened",
    "one class",
    "one class in rows",
    "flattened",
    "sliced",
    "nested",
    "two axes",
    "stacked",
    "read elsewhere",
]


@pytest.mark.parametrize(("tail", "precision"), [*((tail, "int8") for tail in TAILS), ("nested", "w8a16")])
def test_every_part_keeps_a_scale_of_its_own(tail: str, precision: Precision, tmp_path: Path) -> None:
    network = Detector(tail).eval()
    example = (torch.from_numpy(X[:1]),)
    artifact = compile_network(network, X, example_inputs=example, precision=precision, isa=("x86-64",), measure=False)
    artifact.save(tmp_path / "m.dyq")
    wanted = float_answers(network)
    with dyadic.load(tmp_path / "m.dyq", max_batch=len(X), threads=2) as session:
        got = session.run(None, {session.inputs[0].name: X})[0]
        info = session.outputs[0]
        assert info.shape == ("N", *wanted.shape[1:]) and len(info.parts) >= 2
        covered = np.zeros(wanted.shape[1:], int)
        for part in info.parts:
            place = (slice(None), *part.place)
            covered[part.place] += 1
            assert sqnr_db(wanted[place], got[place]) > 28, part
        assert (covered == 1).all()

        integers = np.round(X / session.inputs[0].scale) + session.inputs[0].zero_point
        low, high = (-32768, 32767) if precision == "w8a16" else (0, 255)
        given = np.clip(integers, low, high).astype(session.inputs[0].raw_dtype)
        raw = session.run(None, {session.inputs[0].name: given}, raw=True)[0]
        assert raw.dtype == info.raw_dtype
        for part in info.parts:
            place = (slice(None), *part.place)
            assert np.array_equal(fixedpoint.dequantize(raw[place], part.scale, part.zero_point), got[place])
        one = session.run(None, {session.inputs[0].name: X[5:6]})[0]
        assert np.array_equal(one[0], got[5])


class Shared(Detector):
    """What is joined is read by another layer, too: one tensor, one scale."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        f = self.features(x).relu()
        joined = torch.cat([self.scores(f).sigmoid(), 640 * self.boxes(f), f[:, :2]], 1)
        return joined, self.more(joined)


@pytest.mark.parametrize(("network", "lost"), [(Shared("as it is"), "scores"), (Detector("as it is"), None)])
def test_a_part_that_loses_its_steps_is_named(network: nn.Module, lost: str | None) -> None:
    artifact = compile_network(network.eval(), X, example_inputs=(torch.from_numpy(X[:1]),), isa=("x86-64",))
    notes = [note for note in artifact.report.notes if "is joined with values" in note]
    assert bool(notes) == (lost is not None)
    assert lost is None or any(
        "steps: make it an output of its own" in note and note.startswith('"sigmoid"') for note in notes
    )
