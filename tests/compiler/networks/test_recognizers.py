"""A recognizer of text lines and a keyword spotter, from the module to what is read off their answers.

The recognizer's answer is [T, N, classes], as those of torch's recurrent layers are: the session keeps that order.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import dyadic
from dyadic.runtime.errors import UsageError

WIDTH, CLASSES = 24, 11
BLANK = 0


class Recognizer(nn.Module):
    """Convolutions down to one row of features, a bidirectional LSTM along it, a class for each place (CRNN)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 12, (4, 3), (1, 1), (0, 1)), nn.ReLU()
        )
        self.lstm = nn.LSTM(12, 10, bidirectional=True)
        self.classes = nn.Linear(20, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        row = self.features(x).squeeze(2).permute(2, 0, 1)
        return self.classes(self.lstm(row)[0])


class Spotter(nn.Module):
    """A GRU over frames of sound, whose last state is one of a few words."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(10, 16, num_layers=2, batch_first=True)
        self.words = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.words(self.gru(x)[1][-1])


def compiled(network: nn.Module, samples: torch.Tensor, path: Path) -> Path:
    artifact = dyadic.compile(
        network, calibration=samples.numpy(), example_inputs=(samples[:1],), progress="off", measure=False
    )
    artifact.save(path)
    return path


def sqnr_db(made: np.ndarray, real: np.ndarray) -> float:
    return float(10 * np.log10((real**2).sum() / ((made - real) ** 2).sum()))


def greedy(scores: np.ndarray) -> list[list[int]]:
    """What connectionist temporal classification reads: the best class of each place, less repetitions and blanks."""
    best = scores.argmax(-1).T
    return [
        [int(c) for c, before in zip(row, [BLANK, *row[:-1]], strict=True) if c not in (BLANK, before)] for row in best
    ]


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recognizer, Path]:
    torch.manual_seed(0)
    network = Recognizer().eval()
    return network, compiled(network, torch.randn(48, 1, 8, WIDTH), tmp_path_factory.mktemp("crnn") / "crnn.dyq")


def test_a_recognizer_of_text_lines(recognizer: tuple[Recognizer, Path]) -> None:
    network, path = recognizer
    x = torch.randn(5, 1, 8, WIDTH)
    with torch.no_grad():
        real = network(x).numpy()
    with dyadic.load(path, max_batch=5) as session:
        (info,) = session.outputs
        made = session(x.numpy())
        one = session(x[:1].numpy())
    assert info.shape == (WIDTH // 2, "N", CLASSES) and info.batch_axis == 1
    assert made.shape == real.shape and sqnr_db(made, real) > 25
    np.testing.assert_array_equal(one, made[:, :1])
    same = [a == b for a, b in zip(greedy(made), greedy(real), strict=True)]
    assert sum(same) >= 4


def test_arrays_to_write_into_have_the_models_order(recognizer: tuple[Recognizer, Path]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 1, 8, WIDTH)).astype(np.float32)
    with dyadic.load(recognizer[1], max_batch=2) as session:
        name, expected = session.outputs[0].name, session(x)
        out = np.empty_like(expected)
        session.run([name], {session.inputs[0].name: x}, out={name: out})
        np.testing.assert_array_equal(out, expected)
        with pytest.raises(UsageError, match=r"expected float32 \[12, 2, 11\]"):
            session.run([name], {session.inputs[0].name: x}, out={name: np.empty((2, 12, 11), np.float32)})
        session.batch_first = True
        np.testing.assert_array_equal(session(x), expected.transpose(1, 0, 2))


class Step(nn.Module):
    """One frame at a time, the states in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 12, batch_first=True)

    def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, (h, c) = self.lstm(x, (h, c))
        return y, h, c


def test_states_may_go_out_and_come_in_again(tmp_path: Path) -> None:
    """Twenty frames later the states are still those of the float module."""
    torch.manual_seed(2)
    network, samples = Step().eval(), {"x": torch.randn(64, 1, 6)}
    samples |= {name: 0.7 * torch.tanh(torch.randn(64, 1, 12)) for name in ("h", "c")}
    feeds = {name: value.numpy() for name, value in samples.items()}
    examples = tuple(value[:1] for value in samples.values())
    artifact = dyadic.compile(network, calibration=feeds, example_inputs=examples, progress="off", measure=False)
    artifact.save(tmp_path / "step.dyq")
    real, made = (torch.zeros(1, 1, 12),) * 2, [np.zeros((1, 1, 12), np.float32)] * 2
    with dyadic.load(tmp_path / "step.dyq") as session, torch.no_grad():
        for x in torch.randn(20, 1, 1, 6):
            _, *real = network(x, *real)
            _, *made = session(x.numpy(), *made)
    assert all(sqnr_db(a, b.numpy()) > 25 for a, b in zip(made, real, strict=True))


def test_a_keyword_spotter(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = Spotter().eval()
    path = compiled(network, torch.randn(48, 30, 10), tmp_path / "kws.dyq")
    x = torch.randn(8, 30, 10)
    with torch.no_grad():
        real = network(x).numpy()
    with dyadic.load(path, max_batch=8) as session:
        made = session(x.numpy())
        assert "qi.recurrence" in {step.op for step in session.program.timed_steps}
    assert sqnr_db(made, real) > 25 and (made.argmax(1) == real.argmax(1)).all()
