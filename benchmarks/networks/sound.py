"""One dimension, time: M5 reads a second of raw sound, Wav2Letter the frames of a longer one."""

import torch
from torch import nn

from benchmarks.networks.seeded import settled_on, sounds


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    layer = nn.Conv1d(inputs, outputs, kernel, stride, padding, bias=False)
    return [layer, nn.BatchNorm1d(outputs), nn.ReLU()]


class M5(nn.Module):
    """Of "Very deep convolutional neural networks for raw waveforms"; 35 words at 16 kHz."""

    def __init__(self, width: int = 128, classes: int = 35):
        super().__init__()
        layers = [*conv(1, width, 80, 4, 38), nn.MaxPool1d(4), *conv(width, width, 3, padding=1), nn.MaxPool1d(4)]
        layers += [*conv(width, 2 * width, 3, padding=1), nn.MaxPool1d(4)]
        layers += [*conv(2 * width, 4 * width, 3, padding=1), nn.MaxPool1d(4)]
        self.features, self.fc = nn.Sequential(*layers), nn.Linear(4 * width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(x).mean(2))


class Wav2Letter(nn.Module):
    """A letter for every second frame of 39 coefficients, as the model of that name for small devices has it."""

    def __init__(self, width: int = 250, letters: int = 29):
        super().__init__()
        layers = conv(39, width, 48, 2, 23)
        for _ in range(7):
            layers += conv(width, width, 7, padding=3)
        layers += [*conv(width, 8 * width, 31, padding=15), *conv(8 * width, 8 * width, 1)]
        self.layers = nn.Sequential(*layers, nn.Conv1d(8 * width, letters, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def m5() -> nn.Module:
    return settled_on(M5(), sounds(8, 1, 16000, 0))


def wav2letter() -> nn.Module:
    return settled_on(Wav2Letter(), sounds(8, 39, 296, 0))
