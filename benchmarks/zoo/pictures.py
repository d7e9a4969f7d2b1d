"""Networks that make or mark pictures, small: detection heads, U-Nets, generators, and volumes of video."""

from importlib import import_module
from typing import Any

import torch
from torch import nn

from benchmarks.encoders.modules import Architecture, Inputs, image


class Tensors(nn.Module):
    """The tensors of a torchvision model's dictionary: of segmentation its main answer."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> Any:
        made = self.model(x)
        return made["out"] if "out" in made else tuple(made.values())


class Heads(nn.Module):
    """Backbone and heads of a torchvision detector; which boxes remain is decided outside."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.model.head(list(self.model.backbone(x).values())).values())


def cbs(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Module:
    norm = nn.BatchNorm2d(outputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), norm, nn.SiLU())


class Yolo(nn.Module):
    """Two grids with three anchors each, decoded inside."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(cbs(3, 16, 3, 2), cbs(16, 32, 3, 2), cbs(32, 64, 3, 2))
        self.deeper, self.narrow, self.merged = cbs(64, 128, 3, 2), cbs(128, 64, 1), cbs(128, 64)
        self.head1, self.head2 = nn.Conv2d(64, 18, 1), nn.Conv2d(128, 18, 1)

    def decoded(self, y: torch.Tensor, stride: int) -> torch.Tensor:
        batch, _, h, w = y.shape
        y = y.view(batch, 3, 6, h, w).permute(0, 1, 3, 4, 2)
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        cells = torch.stack((columns, rows), 2).view(1, 1, h, w, 2).float()
        middles = (y[..., :2].sigmoid() * 2 - 0.5 + cells) * stride
        sizes = (y[..., 2:4].sigmoid() * 2) ** 2 * stride * 4
        return torch.cat((middles, sizes, y[..., 4:].sigmoid()), -1).view(batch, -1, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.body(x)
        deep = self.deeper(fine)
        up = nn.functional.interpolate(self.narrow(deep), scale_factor=2)
        both = self.head1(self.merged(torch.cat([up, fine], 1))), self.head2(deep)
        return torch.cat([self.decoded(both[0], 8), self.decoded(both[1], 16)], 1)


def block(inputs: int, outputs: int) -> nn.Module:
    first = (nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())
    return nn.Sequential(*first, nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU())


class UNet(nn.Module):
    """Up by "nearest" or "bilinear" interpolation, or by transposed convolutions."""

    def __init__(self, up: str):
        super().__init__()
        self.down1, self.down2, self.down3 = block(3, 16), block(16, 32), block(32, 64)
        self.ups = nn.ModuleList(self.upwards(up, 2 * n, n, aligned) for n, aligned in ((32, True), (16, False)))
        self.up2, self.up1, self.mask = block(64, 32), block(32, 16), nn.Conv2d(16, 2, 1)

    def upwards(self, up: str, inputs: int, outputs: int, aligned: bool) -> nn.Module:
        if up == "transposed":
            return nn.ConvTranspose2d(inputs, outputs, 2, 2)
        larger = nn.Upsample(scale_factor=2, mode=up, align_corners=None if up == "nearest" else aligned)
        return nn.Sequential(larger, nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.down1(x)
        b = self.down2(nn.functional.max_pool2d(a, 2))
        c = self.down3(nn.functional.max_pool2d(b, 2))
        y = self.up2(torch.cat([self.ups[0](c), b], 1))
        return torch.sigmoid(self.mask(self.up1(torch.cat([self.ups[1](y), a], 1))))


class SuperResolution(nn.Module):
    """SRResNet of one block."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 32, 9, padding=4), nn.PReLU(32))
        inner = (nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.PReLU())
        self.block = nn.Sequential(*inner, nn.Conv2d(32, 32, 3, padding=1))
        larger = (nn.Conv2d(32, 128, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
        self.last = nn.Sequential(*larger, nn.Conv2d(32, 3, 9, padding=4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return torch.tanh(self.last(x + self.block(x)))


def espcn() -> nn.Module:
    inner = (nn.Conv2d(1, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh())
    return nn.Sequential(*inner, nn.Conv2d(32, 9, 3, padding=1), nn.PixelShuffle(3))


def dcgan() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs, stride, pad in ((100, 128, 1, 0), (128, 64, 2, 1), (64, 32, 2, 1)):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride, pad, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())


def vae() -> nn.Module:
    """A decoder."""
    return nn.Sequential(
        *(nn.Linear(16, 128 * 4 * 4), nn.ReLU(), nn.Unflatten(1, (128, 4, 4)), nn.Upsample(scale_factor=2)),
        *(nn.Conv2d(128, 64, 3, padding=1), nn.GroupNorm(8, 64), nn.SiLU()),
        *(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(64, 3, 3, padding=1), nn.Sigmoid()),
    )


def style() -> nn.Module:
    """Style transfer with instance norms and reflected borders."""
    return nn.Sequential(
        *(nn.ReflectionPad2d(4), nn.Conv2d(3, 16, 9), nn.InstanceNorm2d(16, affine=True), nn.ReLU()),
        *(nn.ReflectionPad2d(1), nn.Conv2d(16, 32, 3, 2), nn.InstanceNorm2d(32, affine=True), nn.ReLU()),
        *(nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(32, 16, 3), nn.ReLU()),
        nn.Conv2d(16, 3, 9, padding=4),
    )


def c3d() -> nn.Module:
    first = (nn.Conv3d(3, 16, 3, padding=1), nn.BatchNorm3d(16), nn.ReLU(), nn.MaxPool3d((1, 2, 2)))
    second = (nn.Conv3d(16, 32, 3, padding=1, stride=2), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    return nn.Sequential(*first, *second, nn.Linear(32, 7))


def of_torchvision(module: str, name: str, wrap: Any = None, size: int = 64, **options: Any) -> Architecture:
    def make() -> tuple[nn.Module, Inputs]:
        model = getattr(import_module(f"torchvision.models{module}"), name)(weights=None, **options)
        return model if wrap is None else wrap(model), image(size)

    return make


def pyramid() -> tuple[nn.Module, Inputs]:
    utils = import_module("torchvision.models.detection.backbone_utils")
    return Tensors(utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None)), image(128)


def of_video(name: str) -> Architecture:
    def make() -> tuple[nn.Module, Inputs]:
        return getattr(import_module("torchvision.models.video"), name)(weights=None), (torch.randn(1, 3, 8, 32, 32),)

    return make


DETECTION: dict[str, Architecture] = {
    f"det_{name}": of_torchvision(".detection", full, Heads, size, weights_backbone=None)
    for name, full, size in (
        ("ssdlite", "ssdlite320_mobilenet_v3_large", 160),
        ("ssd300", "ssd300_vgg16", 300),
        ("retinanet", "retinanet_resnet50_fpn", 128),
        ("fcos", "fcos_resnet50_fpn", 128),
    )
} | {"det_fpn": pyramid, "det_yoloish": lambda: (Yolo(), image(128))}
SEGMENTATION: dict[str, Architecture] = {
    f"seg_{name}": of_torchvision(".segmentation", name, Tensors, 96, weights_backbone=None, num_classes=21)
    for name in ("fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")
} | {
    "seg_unet_t": lambda: (UNet("transposed"), image(64)),
    "seg_unet_nearest": lambda: (UNet("nearest"), image(64)),
    "seg_unet_bilinear": lambda: (UNet("bilinear"), image(64)),
}
GENERATIVE: dict[str, Architecture] = {
    "gen_espcn": lambda: (espcn(), (torch.randn(1, 1, 24, 24),)),
    "gen_dcgan": lambda: (dcgan(), (torch.randn(1, 100, 1, 1),)),
    "gen_vae": lambda: (vae(), (torch.randn(1, 16),)),
    "gen_style": lambda: (style(), image(32)),
    "gen_srresnet": lambda: (SuperResolution(), image(24)),
}
VIDEO: dict[str, Architecture] = {"vid_c3d": lambda: (c3d(), (torch.randn(1, 3, 8, 24, 24),))} | {
    f"vid_{name}": of_video(full)
    for name, full in (("r3d18", "r3d_18"), ("mc3", "mc3_18"), ("r2plus1d", "r2plus1d_18"))
}
