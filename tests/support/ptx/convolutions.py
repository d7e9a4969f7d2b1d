"""Random convolutions for the product kernel: laid out in memory as it wants them, and what they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from support.ptx.gpu import Counters, Gpu
from support.ptx.launches import run_launch

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.passes.lower.cuda.kernels.families.product_spec import CHUNK, ProductSpec, pack_params

IN_ZERO_POINT, OUT_ZERO_POINT = 7, 3
UNTOUCHED = 0xEE


@dataclass(frozen=True)
class Convolution:
    """Of images [height, width, channels]; a linear layer is one of 1 x 1 pixels."""

    height: int
    width: int
    in_channels: int
    channels: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    batch: int = 1
    in_align: int = 16  # what a pixel's bytes are a multiple of; also the granule of copies

    @property
    def pad(self) -> int:
        return self.dilation * (self.kernel - 1) // 2

    @property
    def out_height(self) -> int:
        return (self.height + 2 * self.pad - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    @property
    def out_width(self) -> int:
        return (self.width + 2 * self.pad - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    @property
    def in_pixel(self) -> int:
        return -(-self.in_channels // self.in_align) * self.in_align

    @property
    def in_row(self) -> int:
        return (self.width + 2 * self.pad) * self.in_pixel

    @property
    def out_pixel(self) -> int:
        return -(-self.channels // 16) * 16

    def runs(self) -> list[tuple[int, list[tuple[int, int]]]]:
        """Taps that lie one behind the other in memory: distance from the pixel, and their places in the kernel."""
        k = range(self.kernel)
        if self.dilation == 1:
            return [(y * self.in_row, [(y, x) for x in k]) for y in k]
        return [(self.dilation * (y * self.in_row + x * self.in_pixel), [(y, x)]) for y in k for x in k]

    def spec(self, **tile: int) -> ProductSpec:
        chunks = len(self.distances())
        store = next(n for n in (16, 8, 4, 2, 1) if self.channels % n == 0)
        spec = ProductSpec(
            self.out_height, self.out_width, self.channels, self.stride * self.in_pixel, self.stride * self.in_row,
            self.out_pixel, self.out_width * self.out_pixel, chunks, self.in_align, store,
        )  # fmt: skip
        return replace(spec, **tile)

    def distances(self) -> np.ndarray:
        """[chunks] int32, filled up to a multiple of four with chunks whose weights are 0."""
        found = [
            start + CHUNK * n for start, taps in self.runs() for n in range(-(-len(taps) * self.in_pixel // CHUNK))
        ]
        return np.array(found + [0] * (-len(found) % 4), np.int32)

    def packed(self, weights: np.ndarray) -> np.ndarray:
        """[channels, 16 * chunks] of weights [channels, ky, kx, in_channels]."""
        packed = np.zeros((self.channels, len(self.distances()) * CHUNK), np.int8)
        first = 0
        for _, taps in self.runs():
            for n, (y, x) in enumerate(taps):
                place = first + n * self.in_pixel
                packed[:, place : place + self.in_channels] = weights[:, y, x]
            first += -(-len(taps) * self.in_pixel // CHUNK) * CHUNK
        return packed

    def stored(self, weights: np.ndarray, spec: ProductSpec) -> np.ndarray:
        """As the kernel reads them."""
        packed = self.packed(weights)
        if not spec.tiled:
            return packed
        tiles = [row[:, 16 * n : 16 * n + 16] for row in np.split(packed, len(packed) // 8) for n in range(spec.chunks)]
        return np.ascontiguousarray(np.stack(tiles))

    def on(self, gpu: Gpu, ptx: str, symbol: str, spec: ProductSpec, seed: int = 0) -> Counters:
        """Run it on random data. Raises AssertionError where a byte differs, or one was written that is no result."""
        counters, result, expected = self.ran(gpu, ptx, symbol, spec, seed)
        np.testing.assert_array_equal(result[..., : self.channels], expected)
        assert (result[..., self.channels :] == UNTOUCHED).all()
        return counters

    def ran(
        self, gpu: Gpu, ptx: str, symbol: str, spec: ProductSpec, seed: int = 0, copies: Sequence[np.ndarray] = ()
    ) -> tuple[Counters, np.ndarray, np.ndarray]:
        """What it makes of random data, whole pixels, and what it should make. copies: their parameters."""
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 256, (self.batch, self.height, self.width, self.in_channels), dtype=np.uint8)
        weights = rng.integers(-127, 128, (self.channels, self.kernel, self.kernel, self.in_channels), dtype=np.int8)
        correction = IN_ZERO_POINT * weights.reshape(self.channels, -1).sum(1, dtype=np.int32)
        bias = rng.integers(-5000, 5000, self.channels, dtype=np.int32) - correction
        multiplier = rng.integers(1 << 30, (1 << 31) - 1, self.channels, dtype=np.int32)
        shift = rng.integers(39, 43, self.channels, dtype=np.int32)

        pad, shape = self.pad, (self.batch, self.height + 2 * self.pad, self.width + 2 * self.pad, self.in_pixel)
        padded = np.full(shape, IN_ZERO_POINT, np.uint8)
        padded[..., self.in_channels :] = rng.integers(0, 256, (*shape[:3], self.in_pixel - self.in_channels))
        padded[:, pad : pad + self.height, pad : pad + self.width, : self.in_channels] = x
        slack = rng.integers(0, 256, 64, dtype=np.uint8)  # the last chunk of the last pixel may reach into it
        result = np.full((self.batch, self.out_height, self.out_width, spec.out_pixel), UNTOUCHED, np.uint8)
        header = [OUT_ZERO_POINT, 0, 255]
        params = pack_params(spec, self.distances().tolist(), bias, multiplier, shift, header, copies=copies)
        source = np.concatenate([padded.ravel(), slack])
        counters = run_launch(
            gpu, ptx, symbol, spec, result, [source], [padded[0].size], self.stored(weights, spec), params, self.batch
        )
        inside = padded[..., : self.in_channels].astype(np.int64)
        total = np.zeros((*result.shape[:3], self.channels), np.int64) + bias
        for ky in range(self.kernel):
            for kx in range(self.kernel):
                y, x0 = ky * self.dilation, kx * self.dilation
                rows = slice(y, y + (self.out_height - 1) * self.stride + 1, self.stride)
                columns = slice(x0, x0 + (self.out_width - 1) * self.stride + 1, self.stride)
                total += inside[:, rows, columns] @ weights[:, ky, kx].astype(np.int64).T
        scaled = total * multiplier + (np.int64(1) << (shift.astype(np.int64) - 1)) >> shift
        return counters, result, np.clip(scaled + OUT_ZERO_POINT, 0, 255)


Tile = dict[str, int]


class Cases(dict[str, tuple[Convolution, Tile]]):
    """By name, each with what its kernel's tile is."""

    def symbol(self, name: str) -> str:
        return f"k{list(self).index(name)}"

    def ptx(self, architecture: str) -> str:
        """The kernels of all of them, from one child process."""
        specs = {self.symbol(name): convolution.spec(**tile) for name, (convolution, tile) in self.items()}
        return compile_kernels(specs, architecture)

    def on(self, gpu: Gpu, ptx: str, name: str, batch: int = 0) -> Counters:
        """Run one, of another batch where it is said."""
        convolution, tile = self[name]
        given = replace(convolution, batch=batch or convolution.batch)
        return given.on(gpu, ptx, self.symbol(name), convolution.spec(**tile))
