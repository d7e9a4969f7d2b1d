"""How digits.onnx was made: a small residual network, trained in a minute on `train.npz`.

    python examples/digits/train.py            writes digits.onnx beside this file

The network has what real ones have: batch norms, a residual connection, a depthwise convolution, Relu and Relu6.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).resolve().parent
EPOCHS = 40


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution with its batch norm, as networks are trained."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels)
        self.conv2 = convolution(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.conv2(torch.relu(self.conv1(x))))


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = convolution(1, 16)
        self.block1 = Residual(16)
        self.depthwise = convolution(16, 16, stride=2, groups=16)
        self.pointwise = convolution(16, 32, kernel=1)
        self.block2 = Residual(32)
        self.classifier = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block1(torch.relu(self.stem(x)))
        x = nn.functional.relu6(self.depthwise(x))
        x = nn.functional.relu6(self.pointwise(x))
        x = self.block2(x).mean((2, 3))
        return self.classifier(x)


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each batch moved by up to one pixel: 1,200 images are few."""
    dy, dx = torch.randint(-1, 2, (2,), generator=generator).tolist()
    return torch.roll(nn.functional.pad(images, (1, 1, 1, 1)), (dy, dx), (2, 3))[:, :, 1:-1, 1:-1]


def train() -> Digits:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    data = np.load(HERE / "train.npz")
    images, labels = torch.from_numpy(data["image"]), torch.from_numpy(data["labels"])
    model = Digits()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    batches = EPOCHS * (len(images) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=batches)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), generator=generator)
        for rows in order[: len(order) // 64 * 64].split(64):
            loss = nn.functional.cross_entropy(model(shifted(images[rows], generator)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def accuracy(model: Digits) -> float:
    data = np.load(HERE / "test.npz")
    with torch.no_grad():
        logits = model(torch.from_numpy(data["image"]))
    return float((logits.argmax(1).numpy() == data["labels"]).mean())


def main() -> None:
    model = train()
    print(f"float accuracy on test.npz: {100 * accuracy(model):.2f} %")
    torch.onnx.export(
        model,
        (torch.zeros(1, 1, 8, 8),),
        HERE / "digits.onnx",
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,  # keeps the batch norms, for dyadic to fold
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        opset_version=17,
    )


if __name__ == "__main__":
    main()
