"""Images that nobody took: shapes that lie on each other like dead leaves, and noise with the spectrum of photographs.

Leaves of all sizes, as many of size r as r^-3, that hide each other are the simplest model with the edges, flat parts
and scaling of natural images (A. B. Lee, D. Mumford, J. Huang, "Occlusion Models for Natural Images", 2001); networks
learn from them nearly as from photographs (M. Baradad et al., "Learning to See by Looking at Noise", 2021,
arXiv:2106.05963). What a layer reads of them is correlated as it is in use, so that rounding learned from them serves.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SMALLEST = 0.03  # of the longer side, the radius of the smallest leaves
LARGEST = 0.5
LEAVES = 60  # on 32 x 32; more on more pixels, as the square root
TINT = 0.25  # how far leaves are from gray
SHADE = 0.3  # how much brightness changes from a leaf's middle to its border
TEXTURE = 0.2  # the most noise on an image
ALIKE = 0.9  # correlation of the noise of different channels


def dead_leaves(count: int, shape: tuple[int, int, int], random: np.random.Generator) -> Floats:
    """Images [count, channels, height, width] of numbers from 0 to 1."""
    channels, height, width = shape
    longer = max(height, width)
    leaves = round(LEAVES * max(1.0, math.sqrt(longer / 32)))
    images = np.empty((count, *shape), np.float32)
    for image in images:
        image[...] = random.uniform(0, 1, (channels, 1, 1))
        radii = longer * np.clip(SMALLEST / np.sqrt(random.uniform(0.001, 1, leaves)), SMALLEST, LARGEST)
        for radius in radii:
            put_leaf(image, float(radius), random)
    images += random.uniform(0, TEXTURE, (count, 1, 1, 1)).astype(np.float32) * pink_noise(count, shape, random)
    return np.clip(images, 0, 1, out=images)


def put_leaf(image: Floats, radius: float, random: np.random.Generator) -> None:
    """An ellipse, a rectangle or a triangle of one colour, a little shaded, anywhere on the image."""
    channels, height, width = image.shape
    x, y, angle = random.uniform(0, width), random.uniform(0, height), random.uniform(0, math.pi)
    aspect, kind, shade = random.uniform(0.5, 1), int(random.integers(3)), random.uniform(-SHADE, SHADE, 2)
    tint = TINT * random.uniform() * random.standard_normal(channels)
    colour = np.clip(random.uniform(0, 1) + tint, 0, 1)
    reach = 1.5 * radius + 1  # whatever is drawn lies inside
    rows = slice(max(0, math.floor(y - reach)), min(height, math.ceil(y + reach)))
    columns = slice(max(0, math.floor(x - reach)), min(width, math.ceil(x + reach)))
    v, u = np.ogrid[rows, columns]
    across = ((u - x) * math.cos(angle) + (v - y) * math.sin(angle)) / radius
    along = ((v - y) * math.cos(angle) - (u - x) * math.sin(angle)) / radius
    if kind == 0:
        inside = across**2 + (along / aspect) ** 2 < 1
    elif kind == 1:
        inside = (np.abs(across) < 1) & (np.abs(along) < aspect)
    else:
        inside = (along > -aspect / 2) & (2 * np.abs(across) < 1 - along)
    drawn = colour[:, None, None] + (shade[0] * across + shade[1] * along)[None]
    np.copyto(image[:, rows, columns], drawn.astype(np.float32), where=inside[None])


def pink_noise(count: int, shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """Noise [count, channels, ...] of variance 1 whose amplitudes fall as 1/f, the channels nearly alike."""
    channels, *sizes = shape
    white = random.standard_normal((count, *shape), np.float32)
    if channels > 1:
        white = math.sqrt(ALIKE) * random.standard_normal((count, 1, *sizes), np.float32) + math.sqrt(1 - ALIKE) * white
    axes = tuple(range(2, 2 + len(sizes)))
    steps = [np.fft.fftfreq(n) for n in sizes[:-1]] + [np.fft.rfftfreq(sizes[-1])]
    squared = sum(np.square(f).reshape([-1 if d == i else 1 for d in range(len(sizes))]) for i, f in enumerate(steps))
    frequency = np.sqrt(np.maximum(squared, 1 / max(sizes) ** 2))
    noise = np.fft.irfftn(np.fft.rfftn(white, axes=axes) / frequency, sizes, axes=axes)
    return (noise / noise.std()).astype(np.float32)
