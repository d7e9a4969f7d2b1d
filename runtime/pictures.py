"""Images and arrays of pixels as a network reads them. Files of images need Pillow; nothing else here does.

A file is anyone's: only the usual formats are opened, sizes are looked at before anything is decoded, and whatever can
go wrong in a decoder is a sentence. Photographs are turned as their EXIF says; grey, palettes, CMYK and transparency
become the channels that the network reads, as Pillow converts them (transparency is dropped, as torchvision does).
"""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dyadic.runtime.errors import FileError, UsageError
from dyadic.runtime.preprocess import BGR, GRAY, NCHW, Pixels, Preprocess, Size, Target, laid_out

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "MPO", "AVIF")
MOST_PIXELS = 1 << 27  # of one image: half a gigabyte while it is decoded
# what decoders make of damaged bytes
DAMAGE = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, RuntimeError)
DAMAGE += (AttributeError, AssertionError, struct.error, zlib.error)


class Pictures:
    """Makes arrays for the input `target` by `preprocess`: numbers as the network reads them; or pixels, in the layout
    `raw` and the order `channels` ("": that of `preprocess`), for an artifact that reads those."""

    def __init__(self, target: Target, preprocess: Preprocess, raw: str = "", channels: str = "") -> None:
        self.target, self.preprocess, self.raw = target, preprocess, raw
        self.channels = channels or preprocess.channels

    def _turned(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """[..., channels] from the order of what the artifact takes to that of the network, or back."""
        return pixels if self.channels == self.preprocess.channels else pixels[..., ::-1]

    def finished(self, pixels: Pixels) -> npt.NDArray[Any]:
        """[N, height, width, channels] of RGB or grey of the right size, as the input takes it."""
        if self.channels == BGR:
            pixels = pixels[..., ::-1]
        return laid_out(pixels, self.raw) if self.raw else self.preprocess.normalized(pixels)

    def of_pixels(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """What the network itself reads of [N, ...] pixels in the layout `raw` and the order `channels`."""
        last = pixels.transpose(0, 2, 3, 1) if self.raw == NCHW else pixels
        return self.preprocess.normalized(self._turned(last))

    def of_file(self, path: Path, name: str) -> Pixels:
        """[height, width, channels] of an image file, which messages call `name`."""
        return self.of_image(opened(path, name), name)

    def of_image(self, image: Image, name: str) -> Pixels:
        """[height, width, channels] of a Pillow image."""
        wanted = self.preprocess
        try:
            image = converted(upright(image), "L" if wanted.channels == GRAY else "RGB", name)
            image = resized(image, wanted)
        except UsageError:
            raise
        except DAMAGE as error:
            raise UsageError(f"{name} is damaged: {said(error)}; replace the file, or take it away") from error
        pixels = np.asarray(image)
        return self._cut(pixels[:, :, None] if pixels.ndim == 2 else pixels, name)

    def _cut(self, pixels: Pixels, name: str) -> Pixels:
        """The middle, as torchvision's CenterCrop finds it."""
        height, width = self.target.size
        has = pixels.shape[:2]
        if has[0] < height or has[1] < width:
            raise UsageError(
                f"{name} has {has[0]}x{has[1]} pixels (height x width), fewer than {self.target} reads, and "
                "--preprocess does not resize: say resize=..."
            )
        if self.preprocess.crop is None and has != (height, width):
            raise UsageError(
                f"{name} has {has[0]}x{has[1]} pixels (height x width), {self.target} reads {height}x{width}, and "
                "--preprocess says crop=none: leave it out"
            )
        top, left = (round((size - wanted) / 2.0) for size, wanted in zip(has, (height, width), strict=True))
        return pixels[top : top + height, left : left + width]

    def of_array(self, array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
        """One image or a batch, channels first or last, as a batch that the input takes.

        Bytes are pixels, RGB; of the network's height and width they are taken as they are, else resized and cut as
        images are. Other numbers are preprocessed already: only their layout changes.
        """
        array = batch_of_images(array, self.target, name)
        if array.dtype != np.uint8:
            return self._of_numbers(array, name)
        if array.shape[1:3] == self.target.size:
            pixels = with_channels(array, self.target.channels)
        else:
            module = pillow("to resize arrays of pixels")
            images = (module.fromarray(one[:, :, 0] if one.shape[2] == 1 else one) for one in array)
            pixels = np.stack([self.of_image(image, f"{name}[{i}]") for i, image in enumerate(images)])
        return self.finished(pixels)

    def _of_numbers(self, array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
        if array.shape[1:3] != self.target.size:
            raise UsageError(
                f"{name} has {array.dtype} of shape {list(array.shape)}, which is preprocessed already (bytes are "
                f"pixels), but {self.target} reads other sizes"
            )
        if array.shape[3] != self.target.channels:
            raise UsageError(
                f"{name} has {array.shape[3]} channels of {array.dtype}, but {self.target} reads {self.target.channels}"
            )
        values = laid_out(array, self.preprocess.layout)
        if not self.raw:
            return values
        pixels = self.preprocess.pixels_of(np.asarray(values, np.float32))
        rounded = np.rint(pixels)
        if pixels.size and not (rounded.min() >= 0 and rounded.max() <= 255):
            low, high = float(values.min()), float(values.max())
            raise UsageError(
                f"{name} has numbers from {low:.4g} to {high:.4g}, which are no pixels 0 to 255 by --preprocess "
                f"{self.preprocess}: give uint8 pixels"
            )
        return laid_out(self._turned(rounded.astype(np.uint8)), self.raw)


def is_image(value: object) -> bool:
    """Whether it is Pillow's; Pillow itself is not asked for."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)


def batch_of_images(array: npt.NDArray[Any], target: Target, name: str) -> npt.NDArray[Any]:
    """[N, height, width, channels] of one image or several, whichever way their channels lie."""
    if array.ndim == 2 or (array.ndim == 3 and target.channels == 1 and not {array.shape[0], array.shape[2]} & {1, 3}):
        array = array[..., None]  # grey, without a dimension of channels
    if array.ndim == 3:
        array = array[None]
    if array.ndim == 4:
        if array.shape[1:] == (*target.size, target.channels):
            return array
        if array.shape[1:] == (target.channels, *target.size):
            return array.transpose(0, 2, 3, 1)
        if array.shape[3] in (1, 3, 4):
            return array
        if array.shape[1] in (1, 3, 4):
            return array.transpose(0, 2, 3, 1)
    raise UsageError(f"{name} has the shape {list(array.shape)}, which is no image: {target} reads images")


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """Bytes with as many channels: grey is spread, colour weighed as Pillow does, transparency dropped."""
    if channels == 3:
        return np.repeat(pixels, 3, 3) if pixels.shape[3] == 1 else pixels[..., :3]
    if pixels.shape[3] == 1:
        return pixels
    red, green, blue = (pixels[..., i].astype(np.uint32) for i in range(3))
    grey = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    return grey.astype(np.uint8)[..., None]


# --- Pillow


def pillow(why: str) -> Any:
    """`PIL.Image`.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import PIL.Image
        import PIL.ImageOps
    except ModuleNotFoundError:
        raise UsageError(f"Pillow is needed {why}: pip install 'dyadic[images]', or give a .npz file") from None
    return PIL.Image


def opened(path: Path, name: str) -> Image:
    """An image whose size was looked at; nothing is decoded yet but its header.

    Raises:
        FileError: it cannot be read.
        UsageError: it is no image, or a very large one.
    """
    module = pillow("to read images")
    module.init()
    try:
        file: IO[bytes] = open(path, "rb")
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror or error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large sizes, which are looked at here
        try:
            image: Image = module.open(file, formats=[one for one in FORMATS if one in module.OPEN])
        except module.DecompressionBombError as error:
            file.close()
            raise UsageError(f"{name} is too large: {said(error)}") from None
        except DAMAGE as error:
            file.close()
            what = "empty" if not path.stat().st_size else "no image that can be read"
            raise UsageError(f"{name} is {what}: replace the file, or take it away") from error
    if image.width * image.height > MOST_PIXELS:
        file.close()
        raise UsageError(
            f"{name} says that it has {image.width}x{image.height} pixels; images of up to {MOST_PIXELS:,} are read: "
            "take it away, or make it smaller"
        )
    return image


def upright(image: Image) -> Image:
    """Turned as its EXIF says, where that can be read."""
    from PIL import ImageOps

    image.load()  # damage is said here, and not taken for broken EXIF
    try:
        return ImageOps.exif_transpose(image)
    except DAMAGE:
        return image


def converted(image: Image, mode: str, name: str) -> Image:
    """To grey or RGB, of 8 bits."""
    if image.mode.startswith("I"):  # grey of 16 bits
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise UsageError(f"{name} has whole numbers of more than 16 bits: save it with 8 bits a channel")
        image = pillow("to read images").fromarray((values >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise UsageError(f"{name} has floating point pixels: save it with 8 bits a channel")
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


def resized(image: Image, wanted: Preprocess) -> Image:
    """As torchvision's Resize does with images: antialiased; one number is the shorter side."""
    if wanted.resize is None:
        return image
    size = resized_to((image.height, image.width), wanted.resize)
    if size == (image.height, image.width):
        return image
    if size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"{image.width}x{image.height} pixels cannot be made {size[1]}x{size[0]}")
    from PIL.Image import Resampling

    return image.resize((size[1], size[0]), Resampling[wanted.interpolation.upper()])


def resized_to(has: Size, resize: int | Size) -> Size:
    """Height and width.

    >>> resized_to((375, 500), 256), resized_to((500, 375), 256), resized_to((10, 10), (4, 6))
    ((256, 341), (341, 256), (4, 6))
    """
    if not isinstance(resize, int):
        return resize
    height, width = has
    if height <= width:
        return resize, max(resize, int(resize * width / height))
    return max(resize, int(resize * height / width)), resize


def said(error: BaseException) -> str:
    """What a decoder says, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
