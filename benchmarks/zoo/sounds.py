"""Networks of sound, text lines and sequences, small, as papers and repositories have them."""

import torch
from torch import nn

from benchmarks.encoders.modules import Architecture


class Recognizer(nn.Module):
    """CRNN: convolutions to one row, two bidirectional recurrent layers, classes of each place."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, (8, 1)), nn.ReLU()),
        )
        self.recurrent = kind(64, 48, bidirectional=True, batch_first=True, num_layers=2)
        self.classes = nn.Linear(96, 37)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        row = self.features(x).squeeze(2).transpose(1, 2)
        return self.classes(self.recurrent(row)[0]).log_softmax(-1)


class Spotter(nn.Module):
    """A GRU over a spectrum's frames, whose last state is a keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gru = nn.Conv1d(40, 64, 5, stride=2), nn.GRU(64, 64, batch_first=True)
        self.words = nn.Linear(64, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.words(self.gru(torch.relu(self.first(x)).transpose(1, 2))[0][:, -1])


class WaveNet(nn.Module):
    """Dilated causal convolutions with gates."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(1, 16, 1), nn.Conv1d(16, 8, 1)
        self.gated = nn.ModuleList(nn.Conv1d(16, 32, 2, dilation=2**i) for i in range(5))
        self.out = nn.ModuleList(nn.Conv1d(16, 16, 1) for _ in range(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for i, (gated, out) in enumerate(zip(self.gated, self.out, strict=True)):
            a, b = gated(nn.functional.pad(x, (2**i, 0))).chunk(2, 1)
            x = x + out(torch.tanh(a) * torch.sigmoid(b))
        return self.last(torch.relu(x))


class TasNet(nn.Module):
    """Two speakers: masks of learned frames."""

    def __init__(self) -> None:
        super().__init__()
        self.frames, self.sound = nn.Conv1d(1, 64, 16, 8), nn.ConvTranspose1d(64, 1, 16, 8)
        self.norm, self.narrow, self.masks = nn.GroupNorm(1, 64), nn.Conv1d(64, 32, 1), nn.Conv1d(32, 128, 1)
        self.block = nn.Sequential(
            *(nn.Conv1d(32, 64, 1), nn.PReLU(), nn.GroupNorm(1, 64)),
            *(nn.Conv1d(64, 64, 3, padding=1, groups=64), nn.PReLU(), nn.Conv1d(64, 32, 1)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames = torch.relu(self.frames(x))
        y = self.narrow(self.norm(frames))
        a, b = torch.sigmoid(self.masks(y + self.block(y))).chunk(2, 1)
        return torch.cat([self.sound(frames * a), self.sound(frames * b)], 1)


class LanguageModel(nn.Module):
    """The next token by a two-layer LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.lstm = nn.Embedding(100, 32), nn.LSTM(32, 64, 2, batch_first=True)
        self.tokens = nn.Linear(64, 100)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.tokens(self.lstm(self.table(ids))[0])


def temporal() -> nn.Module:
    """A TCN: convolutions over time, with dilation."""
    return nn.Sequential(
        *(nn.Conv1d(8, 32, 3, padding=2, dilation=2), nn.BatchNorm1d(32), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Conv1d(32, 32, 3), nn.ELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 5)),
    )


def m5() -> nn.Module:
    """Keywords from the samples themselves (Dai and others, 2016)."""
    layers: list[nn.Module] = []
    for inputs, outputs, size, stride in ((1, 32, 80, 16), (32, 32, 3, 1), (32, 64, 3, 1)):
        layers += [nn.Conv1d(inputs, outputs, size, stride), nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(4)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 35), nn.LogSoftmax(1))


SOUNDS: dict[str, Architecture] = {
    "sp_crnn": lambda: (Recognizer(nn.LSTM), (torch.randn(1, 1, 32, 64),)),
    "sp_crnn_gru": lambda: (Recognizer(nn.GRU), (torch.randn(1, 1, 32, 64),)),
    "sp_kwsgru": lambda: (Spotter(), (torch.randn(1, 40, 49),)),
    "sp_wavenet": lambda: (WaveNet(), (torch.randn(1, 1, 64),)),
    "sp_tcn": lambda: (temporal(), (torch.randn(1, 8, 50),)),
    "sp_m5": lambda: (m5(), (torch.randn(1, 1, 8000),)),
    "sp_tasnet": lambda: (TasNet(), (torch.randn(1, 1, 800),)),
    "sp_lstmlm": lambda: (LanguageModel(), (torch.randint(0, 100, (1, 12)),)),
}
