"""Image classification with DeiT, from a checkpoint to classes, with integers only in between.

python examples/image_classification/classify.py --weights deit_tiny_patch16_224.pth --calibration FOLDER cat.jpg

Without --weights they are random, and without images a few are made up: that shows the way alone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import dyadic
from dyadic.compiler.artifact import Artifact

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import deit  # noqa: E402 - it lies beside this file

ARTIFACT = Path("deit.dyq")
CALIBRATION = 96  # images to learn ranges from
RESIZED = 256 / 224  # the shorter side, of what is cut out of its middle
BEST = 5

Array = npt.NDArray[Any]


def read(path: Path, size: int) -> Array:
    """An image file, or an array [H, W, 3] of bytes in an .npy file, as bytes [size, size, 3]: its middle.

    Pillow reads image files and makes them smaller. An array is only cut.
    """
    if path.suffix == ".npy":
        image = np.load(path)
    else:
        from PIL import Image

        with Image.open(path) as opened:
            whole = opened.convert("RGB")
        factor = round(size * RESIZED) / min(whole.size)
        image = np.asarray(
            whole.resize([max(size, round(side * factor)) for side in whole.size], Image.Resampling.BICUBIC)
        )
    if image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < size:
        raise ValueError(f"{path}: needs [H, W, 3] of at least {size} x {size} pixels, not {list(image.shape)}")
    top, left = ((side - size) // 2 for side in image.shape[:2])
    return image[top : top + size, left : left + size]


def made_up(count: int, size: int, seed: int = 0) -> list[Array]:
    """Waves of random colours and directions, bytes [size, size, 3]."""
    random, places = np.random.default_rng(seed), np.linspace(0, 2 * np.pi, size)
    across, down = places[None, :, None], places[:, None, None]
    return [
        (127.5 + 127.5 * np.sin(random.uniform(1, 9, 3) * across + random.uniform(1, 9, 3) * down)).astype(np.uint8)
        for _ in range(count)
    ]


def prepared(images: Sequence[Array]) -> Array:
    """Bytes [H, W, 3] as the network reads them: float32 [N, 3, H, W]."""
    pixels = (np.stack(images).astype(np.float32) / 255 - np.array(deit.MEAN, np.float32)) / np.array(
        deit.DEVIATION, np.float32
    )
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def compiled(model: deit.Deit, calibration: Array, **options: Any) -> Artifact:
    """The module as an artifact; ranges are learned from `calibration` [N, 3, size, size]."""
    example = torch.zeros(1, 3, model.size, model.size)
    return dyadic.compile(model, calibration, example_inputs=(example,), **options)


def best(logits: Array, count: int = BEST) -> list[tuple[int, float]]:
    """Classes of one image by their probability: (class, probability), the most probable first."""
    odds = np.exp(logits.astype(np.float64) - logits.max())
    return [(int(i), float(odds[i] / odds.sum())) for i in np.argsort(-logits, kind="stable")[:count]]


def shown(integers: Array, real: Array, names: Sequence[str]) -> str:
    """A table: what the artifact says of an image, and float beside it."""
    rows = [f"  {'integers':<42}float"]
    for pair in zip(best(integers), best(real), strict=True):
        texts = [f"{100 * p:5.1f} %  {names[i][:30] if i < len(names) else f'class {i}'}" for i, p in pair]
        rows.append(f"  {texts[0]:<42}{texts[1]}")
    return "\n".join(rows)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", type=Path, help="image files, or .npy files of bytes [H, W, 3]")
    parser.add_argument("--weights", type=Path, help="a checkpoint with timm's or facebook's names")
    parser.add_argument("--calibration", type=Path, help="a folder of images as the network is to see")
    parser.add_argument("--labels", type=Path, help="a file with the name of a class in each line")
    parser.add_argument("--size", type=int, default=224, help="of images, where weights are random")
    parser.add_argument("--depth", type=int, default=12, help="blocks, where weights are random")
    parser.add_argument("--isa", help="levels of the artifact")
    chosen = parser.parse_args(arguments)
    model = deit.trained(chosen.weights) if chosen.weights else deit.random(size=chosen.size, depth=chosen.depth)
    if chosen.weights is None:
        print("The weights are random, so that classes mean nothing; --weights names a checkpoint.")
    images = [read(path, model.size) for path in chosen.images] or made_up(2, model.size, seed=1)
    titles = [str(path) for path in chosen.images] or ["waves", "other waves"]
    if chosen.calibration:
        files = sorted(path for path in chosen.calibration.iterdir() if path.is_file())[:CALIBRATION]
        known = [read(path, model.size) for path in files]
    else:
        print(f"Ranges are learned from {CALIBRATION} made-up images; --calibration names a folder of real ones.")
        known = made_up(CALIBRATION, model.size)
    names = chosen.labels.read_text("utf-8").splitlines() if chosen.labels else []
    levels = chosen.isa.split(",") if chosen.isa else None
    artifact = compiled(model, prepared(known), isa=levels, measure=False, progress="rich")
    print(f"{ARTIFACT}: {artifact.save(ARTIFACT) / 1e6:.1f} MB, {artifact.certificate.summary()}")
    x = prepared(images)
    with dyadic.load(ARTIFACT, max_batch=len(x)) as session, torch.no_grad():
        for title, integers, real in zip(titles, session(x), model(torch.from_numpy(x)).numpy(), strict=True):
            print(f"\n{title}\n{shown(integers, real, names)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
