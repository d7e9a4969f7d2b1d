"""Artifacts made by hand, so that the runtime is tested without the compiler: kernels in C, a program, a file.

Kernels read their geometry from params, since one image serves all tests.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dyadic.runtime import artifact
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu.program import CpuProgram, Entry, Step
from dyadic.runtime.last_function import LastFunction
from dyadic.runtime.layout import Layout, Margin
from dyadic.runtime.program import Buffer, Input, Output

KERNELS = """
#include <stdint.h>
#define KERNEL(name) void name(const uint8_t *const *in, uint8_t *out, const uint8_t *weights, const int32_t *params, \\
                               uint8_t *scratch, int64_t first, int64_t last)

// params: height, width, channels, then pixel, row, image strides of the input and of the output. A tile is a row.
// out = (sum of the 3 x 3 neighbourhood, weighted by weights[ky][kx]) + weights[9 + channel], modulo 256
KERNEL(box) {
    const int64_t h = params[0], w = params[1], channels = params[2];
    for (int64_t t = first; t < last; t++) {
        const uint8_t *a = in[0] + t / h * params[5] + t % h * params[4];
        uint8_t *o = out + t / h * params[8] + t % h * params[7];
        for (int64_t x = 0; x < w; x++)
            for (int64_t c = 0; c < channels; c++) {
                int32_t sum = weights[9 + c];
                for (int64_t i = 0; i < 9; i++)
                    sum += weights[i] * a[(i / 3 - 1) * params[4] + (x + i % 3 - 1) * params[3] + c];
                o[x * params[6] + c] = (uint8_t)sum;
            }
    }
}

// params: tiles, bytes of a tile, image stride of in[0], in[1] (0: the same for all images) and of the output.
// out = in[0] + 3 * in[1], by way of the scratch memory, which must be this thread's alone.
KERNEL(mix) {
    const int64_t tiles = params[0], bytes = params[1];
    for (int64_t t = first; t < last; t++) {
        const uint8_t *a = in[0] + t / tiles * params[2] + t % tiles * bytes;
        const uint8_t *b = in[1] + t / tiles * params[3] + t % tiles * bytes;
        uint8_t *o = out + t / tiles * params[4] + t % tiles * bytes;
        for (int64_t i = 0; i < bytes; i++)
            scratch[i] = (uint8_t)(a[i] + 3 * b[i]);
        for (int64_t i = 0; i < bytes; i++)
            o[i] = scratch[i];
    }
}

// params: tiles, bytes of a tile. out, which is state, gets in[0] and the first scalar added
KERNEL(gather) {
    const int64_t bytes = params[1], number = *(const int64_t *)in[1];
    for (int64_t i = first * bytes; i < last * bytes; i++)
        out[i] = (uint8_t)(out[i] + in[0][i] + number);
}

// params: tiles, bytes of a tile, image stride of the output. out = which page of scratch memory: another one a thread
KERNEL(who) {
    const int64_t tiles = params[0], bytes = params[1];
    for (int64_t t = first; t < last; t++)
        for (int64_t i = 0; i < bytes; i++)
            out[t / tiles * params[2] + t % tiles * bytes + i] = (uint8_t)((uintptr_t)scratch >> 12);
}
"""

FLAGS = (
    "-O1 -fPIC -ffreestanding -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-stack-protector "
    "-fcf-protection=none -mno-red-zone"
)


@dataclass(frozen=True)
class Image:
    code: bytes
    entries: dict[str, Entry]


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The kernels as a flat image."""
    if missing := [tool for tool in ("cc", "objcopy", "nm", "objdump") if shutil.which(tool) is None]:
        pytest.skip(f"NOT TESTED: hand-made kernels need {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "k.c").write_text(KERNELS)

    def tool(command: str) -> str:
        return subprocess.run(command.split(), cwd=folder, check=True, capture_output=True, text=True).stdout

    tool(f"cc {FLAGS} -c k.c")
    assert "RELOCATION" not in tool("objdump -r k.o")
    tool("objcopy -O binary -j .text k.o k.bin")
    found = re.findall(r"^(\w+) (\w+) T (\w+)$", tool("nm -S k.o"), re.MULTILINE)
    entries = {name: Entry(int(offset, 16), int(length, 16), (f"/{name}",)) for offset, length, name in found}
    assert set(entries) == {"box", "gather", "mix", "who"}
    return Image((folder / "k.bin").read_bytes(), entries)


@dataclass(frozen=True)
class Network:
    """x -> box -> mix with x and with constants -> y, and what numpy says of it."""

    program: CpuProgram
    weights: bytes
    params: bytes
    channels: int = 3
    height: int = 9
    width: int = 13
    scale: float = float(np.float32(0.037))
    zero_point: int = 101

    def expected_raw(self, q: np.ndarray) -> np.ndarray:
        """q: [N,C,H,W] uint8."""
        n, c, h, w = q.shape
        weights = np.frombuffer(self.weights, np.uint8).astype(np.int64)
        padded = np.full((n, c, h + 2, w + 2), self.zero_point, np.int64)
        padded[:, :, 1:-1, 1:-1] = q
        box = np.zeros((n, c, h, w), np.int64) + weights[9 : 9 + c].reshape(1, c, 1, 1)
        for i in range(9):
            box += weights[i] * padded[:, :, i // 3 : i // 3 + h, i % 3 : i % 3 + w]
        box = box.astype(np.uint8).transpose(0, 2, 3, 1).reshape(n, h * w * c)
        constant = np.frombuffer(self.weights, np.uint8)[64 : 64 + h * w * c]
        first = (box + 3 * constant).astype(np.uint8)
        both = (first + 3 * box).astype(np.uint8)
        return both.reshape(n, h, w, c).transpose(0, 3, 1, 2)

    def quantize(self, x: np.ndarray) -> np.ndarray:
        return quantize(x, self.scale, self.zero_point, 0, 255)

    def expected(self, x: np.ndarray) -> np.ndarray:
        return dequantize(self.expected_raw(self.quantize(x)), self.scale, self.zero_point)


def quantize(x: np.ndarray, scale: float, zero_point: int, lo: int, hi: int) -> np.ndarray:
    """The law of the boundary in numpy: one float32 division, half to even."""
    with np.errstate(all="ignore"):
        ratio = np.rint(x.astype(np.float32) / np.float32(scale))
        ratio = np.where(np.isnan(ratio), np.float32(0), ratio)
        return np.clip(ratio.astype(np.float64) + zero_point, lo, hi).astype(np.int16 if lo < 0 else np.uint8)


def dequantize(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    with np.errstate(all="ignore"):
        return (q.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)


class Law:
    """The boundary's law in numpy, for tests that cannot import this file."""

    quantize = staticmethod(quantize)
    dequantize = staticmethod(dequantize)


@pytest.fixture(scope="session")
def law() -> Law:
    return Law()


def round_up(value: int, to: int = 64) -> int:
    return -(-value // to) * to


@pytest.fixture(scope="session")
def network() -> Network:
    c, h, w = Network.channels, Network.height, Network.width
    pixel, row = 4, (w + 2) * 4
    in_bytes, out_bytes = round_up((h + 2) * row), round_up(h * w * c)
    buffers = (Buffer(0, in_bytes), *(Buffer(in_bytes + i * out_bytes, out_bytes) for i in range(3)))
    params = np.zeros(64, np.int32)
    params[:9] = [h, w, c, pixel, row, in_bytes, c, w * c, out_bytes]
    params[16:21] = [h, w * c, out_bytes, 0, out_bytes]
    params[32:37] = [h, w * c, out_bytes, out_bytes, out_bytes]
    params[48:51] = [h, w * c, out_bytes]
    random = np.random.default_rng(1)
    weights = random.integers(0, 256, 64 + round_up(h * w * c) + 64, np.uint8)
    inside = Layout(0, row + pixel, (1, row, pixel), in_bytes, (Margin(0, 0), Margin(1, 1), Margin(1, 1)))
    shape, scale = ("N", c, h, w), Network.scale
    program = CpuProgram(
        buffers=buffers,
        arena_bytes=in_bytes + 3 * out_bytes,
        scratch_bytes=w * c,
        inputs=(Input("x", shape, "float32", inside, scale, Network.zero_point),),
        outputs=(Output("y", shape, Layout(3, 0, (1, w * c, c), out_bytes), scale, Network.zero_point),),
        steps=(
            Step("/conv", "conv2d", "box", Reference(1, 0), (Reference(0, row + pixel),), h, 0, 0, 9 * h * w * c),
            Step("/a", "add", "mix", Reference(2, 0), (Reference(1, 0), Reference(-1, 64)), h, params=64),
            Step("/b", "add", "mix", Reference(3, 0), (Reference(2, 0), Reference(1, 0)), h, params=128),
        ),
    )
    return Network(program, weights.tobytes(), params.tobytes())


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a program as an artifact; without kernels its code is a single return."""

    def write(program: CpuProgram, weights: bytes = bytes(64), params: bytes = bytes(64), image: Image | None = None,
              name: str = "model.dyq") -> Path:  # fmt: skip
        image = image or Image(b"\xc3", {"nothing": Entry(0, 1, ())})
        contents = {"cpu/weights": weights, "cpu/params": params, "cpu/code/x86-64": image.code}
        sections: dict[str, Any] = {**contents, "report": {"layers": []}}
        path = tmp_path / name
        program = replace(program, entries={"x86-64": image.entries})
        artifact.write(path, programs=[program], sections=sections, made={"by": "hand"})
        return path

    return write


@pytest.fixture
def model(write: Write, network: Network, image: Image) -> Path:
    return write(network.program, network.weights, network.params, image)


def through(source: Input, target: Output, size: int) -> CpuProgram:
    """A program without steps: what goes in comes out."""
    return CpuProgram((Buffer(0, size),), size, 0, (source,), (target,), ())


@pytest.fixture
def identity() -> Callable[..., CpuProgram]:
    """Quantization alone: the input's bytes, halo and all, are the output with scale 1 and zero point 0."""

    def identity(
        c: int, h: int, w: int, *, rank: int = 4, halo: tuple[int, int, int, int] = (0, 0, 0, 0),
        pixel: int | None = None, dtype: str = "float32", scale: float = 1.0, zero_point: int = 0,
        lo: int = 0, hi: int = 255, out_scale: float = 1.0, out_zero_point: int = 0, wide: bool = False,
    ) -> CpuProgram:  # fmt: skip
        pixel = pixel or c
        top, left, bottom, right = halo
        columns, rows = left + w + right, top + h + bottom
        row = columns * pixel
        plane = round_up(rows * row)
        size = 2 * plane if wide else plane
        strides = {2: (1,), 3: (pixel, 1), 4: (1, row, pixel)}[rank]
        margins = (Margin(0, 0), Margin(top, bottom), Margin(left, right)) if any(halo) else ()
        inside = Layout(0, top * row + left * pixel, strides, size, margins, plane if wide else 0)
        shapes = {2: lambda h, w: (c,), 3: lambda h, w: (w, c), 4: lambda h, w: (c, h, w)}
        source = Input("x", ("N", *shapes[rank](h, w)), dtype, inside, scale, zero_point, lo, hi)
        whole = replace(inside, offset=0, halo=())
        target = Output("y", ("N", *shapes[rank](rows, columns)), whole, out_scale, out_zero_point)
        return through(source, target, size)

    return identity


@pytest.fixture
def varied(tmp_path: Path) -> Path:
    """Programs without steps for 8 tokens and for 4, in which much is unlike elsewhere: three inputs, ids, truth
    values, an output of two parts, one that ranks, one of as many tokens as there are."""

    def program(tokens: int) -> CpuProgram:
        buffers = tuple(Buffer(64 * i, 64) for i in range(3))
        image, words = Layout(0, 0, (20, 5, 1), 64), Layout(2, 0, (1,), 64)
        half, places = replace(image, offset=10), LastFunction("largest_places", 1, entries=1, shape=(4, 5))
        inputs = (
            Input("x", ("N", 3, 4, 5), "float32", image, 0.25, 100),
            Input("ids", ("N", tokens), "int32", Layout(1, 0, (4, 1), 64), 1.0, 0, 0, 49, "int64", 1, 0),
            Input("mask", ("N", tokens), "uint8", words, 1.0, 0, 0, 1, "bool", 1),
        )
        outputs = (
            Output("y", ("N", 3, 2, 5), image, 0.25, 100, start=(0, 0, 0), whole=(3, 4, 5)),
            Output("y", ("N", 3, 2, 5), half, 0.5, 90, start=(0, 2, 0), whole=(3, 4, 5)),
            Output("best", ("N", 3, 4, 5), image, 0.25, 100, last=places, given="int64", batch_axis=1),
            Output("share", ("N", tokens), words, 0.5, 0, tokens=1, last=LastFunction("softmax", 1)),
        )  # fmt: skip
        entries = {"x86-64": {"nothing": Entry(0, 1, ())}}
        return CpuProgram(buffers, 192, 0, inputs, outputs, (), variant=f"1x{tokens}", entries=entries)

    path = tmp_path / "varied.dyq"
    contents = {"cpu/weights": bytes(64), "cpu/params": bytes(64), "cpu/code/x86-64": b"\xc3"}
    artifact.write(path, programs=[program(8), program(4)], sections=contents, made={})
    return path
