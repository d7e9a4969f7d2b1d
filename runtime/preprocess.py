"""What is done to an image before a network reads it: `torchvision`, `tf`, `caffe`, `unit`, or a text that says it all.

    resize=256,interpolation=bilinear,crop=224,channels=rgb,scale=1/255,mean=0.485/0.456/0.406,std=0.229/0.224/0.225

A number of the network is `(pixel * scale - mean) / std`, in float32, channel by channel in the order of `channels`.
`resize` is the shorter side, or HEIGHTxWIDTH; `crop` is cut from the middle. What the text leaves out is a preset's,
and its sizes follow the network's input. Nothing here reads a file or needs more than numpy (`pictures.py` does).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.wording import did_you_mean

Pixels = npt.NDArray[np.uint8]  # [N, height, width, channels]
Size = tuple[int, int]  # height, width

RGB, BGR, GRAY = "rgb", "bgr", "gray"
NCHW, NHWC = "nchw", "nhwc"
ORDERS, LAYOUTS = (RGB, BGR, GRAY), (NCHW, NHWC)
INTERPOLATIONS = ("nearest", "box", "bilinear", "bicubic", "lanczos")
KEYS = ("resize", "interpolation", "crop", "channels", "scale", "mean", "std", "layout")
FORM = "torchvision, tf, caffe or unit, or a text such as torchvision,resize=232,crop=224,mean=0.485/0.456/0.406"
LARGEST = 1 << 14  # pixels of a side
# images are made 256 for 224, and as much larger than what is cut out for other networks, small ones apart
MARGIN, SMALL = Fraction(256, 224), 128

PRESETS: dict[str, dict[str, str]] = {
    "torchvision": {"scale": "1/255", "mean": "0.485/0.456/0.406", "std": "0.229/0.224/0.225"},
    "tf": {"scale": "1/127.5", "mean": "1"},
    "caffe": {"scale": "1", "mean": "103.939/116.779/123.68", "channels": BGR},
    "unit": {"scale": "1/255"},
}


@dataclass(frozen=True)
class Target:
    """An input that takes images."""

    name: str
    channels: int
    height: int
    width: int
    layout: str

    def __str__(self) -> str:
        return f'"{self.name}" [N, {", ".join(map(str, self.sample))}]'

    @property
    def size(self) -> Size:
        return self.height, self.width

    @property
    def sample(self) -> tuple[int, ...]:
        """The shape of one image."""
        return (self.channels, *self.size) if self.layout == NCHW else (*self.size, self.channels)


@dataclass(frozen=True)
class Preprocess:
    """Sizes are of height and width; a `resize` of one number is of the shorter side, None is none."""

    resize: int | Size | None
    interpolation: str
    crop: Size | None
    channels: str
    scale: Fraction
    mean: tuple[float, ...]  # one a channel
    std: tuple[float, ...]
    layout: str

    def __str__(self) -> str:
        """As `parse` takes it, with nothing left out."""
        said = {
            "resize": size_text(self.resize),
            "interpolation": self.interpolation,
            "crop": size_text(self.crop),
            "channels": self.channels,
            "scale": str(self.scale),
            "mean": "/".join(f"{x:.9g}" for x in self.mean),
            "std": "/".join(f"{x:.9g}" for x in self.std),
            "layout": self.layout,
        }
        return ",".join(f"{key}={value}" for key, value in said.items())

    def normalized(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """[N, height, width, channels] of pixels as the network reads them, in its layout."""
        values = pixels.astype(np.float32)
        if self.scale.numerator != 1:
            values *= np.float32(self.scale.numerator)
        values /= np.float32(self.scale.denominator)
        values -= np.array(self.mean, np.float32)
        values /= np.array(self.std, np.float32)
        return laid_out(values, self.layout)

    def pixels_of(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """What numbers of the network, in its layout, are in pixels: [N, height, width, channels], not rounded."""
        last = values.transpose(0, 2, 3, 1) if self.layout == NCHW else values
        return (last.astype(np.float64) * np.array(self.std) + np.array(self.mean)) / float(self.scale)

    @property
    def line(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(a, b) by channel: a number of the network is a * pixel + b."""
        std = np.array(self.std)
        return float(self.scale) / std, -np.array(self.mean) / std

    @property
    def limits(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What the pixels 0 and 255 become, by channel."""
        a, b = self.line
        return tuple(b.tolist()), tuple((255 * a + b).tolist())


def image_target(name: str, sample: Sequence[int]) -> Target | None:
    """An input as one of images, where its shape says so: three dimensions, one of them 1 or 3 channels.

    >>> str(image_target("x", (3, 32, 48))), image_target("x", (32, 48, 3)).layout, image_target("x", (128, 768))
    ('"x" [N, 3, 32, 48]', 'nhwc', None)
    """
    if len(sample) != 3:
        return None
    if sample[0] in (1, 3):
        return Target(name, sample[0], sample[1], sample[2], NCHW)
    return Target(name, sample[2], sample[0], sample[1], NHWC) if sample[2] in (1, 3) else None


def parse(text: str, target: Target | None = None) -> Preprocess:
    """A preset, `key=value` with commas between, or a preset and what is different of it.

    target: what sizes, channels and layout follow; without one, only the text is checked.

    Raises:
        UsageError: it is none, or it makes something else than the target reads.
    """
    given = settings_of(text)
    reads = target or Target("input", 3, 224, 224, given.get("layout", NCHW))
    height, width = reads.size
    made = Preprocess(
        resize=usual_resize(reads.size),
        interpolation=one_of("interpolation", given.get("interpolation", "bilinear"), INTERPOLATIONS),
        crop=reads.size,
        channels=GRAY if reads.channels == 1 and "channels" not in given else given.get("channels", RGB),
        scale=fraction(given.get("scale", "1/255")),
        mean=each_channel("mean", given.get("mean", "0"), target, text),
        std=each_channel("std", given.get("std", "1"), target, text),
        layout=one_of("layout", given.get("layout", reads.layout), LAYOUTS),
    )
    one_of("channels", made.channels, ORDERS)
    if not all(made.std):
        raise UsageError(f"--preprocess {text}: std=0 would divide by zero")
    if "resize" in given:
        made = replace(made, resize=a_size("resize", given["resize"], square=False))
    if "crop" in given:
        crop = a_size("crop", given["crop"], square=True)
        made = replace(made, crop=crop if isinstance(crop, tuple) else None)
    if target is None:
        return made
    if (made.channels == GRAY) != (target.channels == 1):
        raise UsageError(f"--preprocess channels={made.channels}, but {target} reads {target.channels} channels")
    if made.layout != target.layout:
        raise UsageError(f"--preprocess layout={made.layout}, but {target} is {target.layout}: leave layout out")
    makes = made.crop or made.resize
    if isinstance(makes, int):
        raise UsageError(f"--preprocess {text}: without a crop, images that are not square do not fit {target}")
    if makes is not None and makes != target.size:
        sizes = "crop" if made.crop else "resize"
        raise UsageError(
            f"--preprocess {sizes}={size_text(makes)} makes {makes[0]}x{makes[1]} pixels, but {target} reads "
            f"{height}x{width}: leave {sizes} out, it follows the model"
        )
    if isinstance(made.resize, int) and made.resize < max(height, width):
        raise UsageError(f"--preprocess resize={made.resize} makes images smaller than {target} reads")
    if isinstance(made.resize, tuple) and (made.resize[0] < height or made.resize[1] < width):
        raise UsageError(f"--preprocess resize={size_text(made.resize)} makes images smaller than {target} reads")
    return made


def recorded(said: object, target: Target) -> Preprocess:
    """What an artifact's record says was applied.

    Raises:
        ArtifactError: it says something else than a preprocessing of that input.
    """
    text = said.get("text") if isinstance(said, Mapping) else None
    try:
        if not isinstance(text, str):
            raise UsageError("it has no text")
        return parse(text, target)
    except UsageError as error:
        raise ArtifactError(f"the artifact's record of its preprocessing is damaged: {error}") from None


def laid_out(values: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    """[N, height, width, channels] in a layout."""
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if layout == NCHW else values)


def settings_of(text: str) -> dict[str, str]:
    """
    >>> settings_of("caffe, scale=1/2")
    {'scale': '1/2', 'mean': '103.939/116.779/123.68', 'channels': 'bgr'}
    """
    settings: dict[str, str] = {}
    parts = [part.strip() for part in text.split(",")]
    for place, part in enumerate(parts):
        key, found, value = (word.strip().lower() for word in part.partition("="))
        if not found and key in PRESETS and not place:
            settings |= PRESETS[key]
        elif not found or key not in KEYS or not value:
            what = f"'{part}'" if part else "an empty part"
            likely = did_you_mean(key, [*(PRESETS if not found and not place else ()), *KEYS])
            hint = "; a preset comes first" if key in PRESETS else likely or f"; what can be said is {', '.join(KEYS)}"
            raise UsageError(f"--preprocess '{text}' has {what}: give {FORM}{hint if part else ''}")
        else:
            settings[key] = value
    return settings


def usual_resize(size: Size) -> int | Size:
    """
    >>> usual_resize((224, 224)), usual_resize((299, 299)), usual_resize((32, 32)), usual_resize((128, 256))
    (256, 342, 32, (128, 256))
    """
    if size[0] != size[1]:
        return size
    return size[0] if size[0] < SMALL else round(size[0] * MARGIN)


def one_of(key: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise UsageError(f"--preprocess {key}={value} is none of {', '.join(choices)}")
    return value


def a_size(key: str, text: str, *, square: bool) -> int | Size | None:
    """A number, HEIGHTxWIDTH or none; one number is a side of a square where `square`."""
    if text == "none":
        return None
    sizes = [int(part) for part in text.split("x")] if re.fullmatch(r"[0-9]{1,6}(x[0-9]{1,6})?", text) else []
    if not sizes or not all(1 <= size <= LARGEST for size in sizes):
        raise UsageError(f"--preprocess {key}={text} is no size: give pixels as in {key}=224, HEIGHTxWIDTH or none")
    if len(sizes) == 2:
        return sizes[0], sizes[1]
    return (sizes[0], sizes[0]) if square else sizes[0]


def fraction(text: str) -> Fraction:
    """
    >>> fraction("1/127.5"), fraction("0.5")
    (Fraction(2, 255), Fraction(1, 2))
    """
    above, _, below = text.partition("/")
    if len(text) <= 40 and re.fullmatch(r"[0-9.]+(e-?[0-9]{1,2})?(/[0-9.]+)?", text):
        try:
            value = Fraction(above) / Fraction(below or "1")
            if 1e-30 < value < 1e30:
                return value
        except (ValueError, ZeroDivisionError):
            pass
    raise UsageError(f"--preprocess scale={text} is no number above 0: give one as in scale=1/255")


def each_channel(key: str, text: str, target: Target | None, whole: str) -> tuple[float, ...]:
    """One number, or one a channel with / between."""
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    if not numbers or not np.isfinite(np.array(numbers, np.float32)).all():
        raise UsageError(f"--preprocess {key}={text} is no number: give one, or one a channel as in {key}=0.5/0.5/0.5")
    channels = 3 if target is None else target.channels
    if target is None and len(numbers) not in (1, 3):
        raise UsageError(
            f"--preprocess {whole}: {key} has {len(numbers)} numbers: give one, or one for each of 3 channels"
        )
    if target is not None and len(numbers) not in (1, channels):
        raise UsageError(
            f"--preprocess {whole}: {key} has {len(numbers)} numbers, but {target} reads {target.channels} "
            f"{'channel' if target.channels == 1 else 'channels'}: give {key}=..."
        )
    return tuple(numbers) * (channels if len(numbers) == 1 else 1)


def size_text(size: int | Size | None) -> str:
    """
    >>> size_text(256), size_text((224, 224)), size_text((224, 160)), size_text(None)
    ('256', '224x224', '224x160', 'none')
    """
    if size is None:
        return "none"
    return str(size) if isinstance(size, int) else f"{size[0]}x{size[1]}"
