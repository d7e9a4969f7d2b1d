"""Artifacts for a GPU made by hand, so that the runtime is tested without the compiler, and the GPU that runs them."""

import ctypes
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from support.ptx import by_hand
from support.ptx.gpu import Gpu
from support.ptx.session import gpu

from dyadic.runtime import artifact
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu.program import CpuProgram, Entry
from dyadic.runtime.cuda.program import Code, Crossing, CudaProgram, Step
from dyadic.runtime.layout import Layout, Margin
from dyadic.runtime.program import Buffer, Input, Output

__all__ = ["gpu"]

CHANNELS, HEIGHT, WIDTH, PIXEL = 3, 5, 7, 4
SCALE, ZERO_POINT = float(np.float32(0.037)), 101
NUMBERS = CHANNELS * HEIGHT * WIDTH


def round_up(value: int, to: int = 64) -> int:
    return -(-value // to) * to


def numbers(*, sizes: tuple[int, int, int], pixel: int, rows: tuple[int, int], items: int) -> np.ndarray:
    """What a kernel made by hand reads: the law of the boundary, and where numbers are."""
    scale = int(np.float32(SCALE).view(np.int32))
    return np.array([scale, ZERO_POINT, 0, 255, *sizes, pixel, *rows, items, *[0] * 5], np.int32)


@pytest.fixture(name="numbers")
def numbers_fixture() -> Callable[..., np.ndarray]:
    return numbers


def code(names: list[str], layers: dict[str, tuple[str, ...]]) -> Code:
    return Code("ptx", {name: layers.get(name, ()) for name in names})


@dataclass(frozen=True)
class Network:
    """x -> what it is beside its left neighbour, plus a number a channel -> y, and what numpy says of it."""

    program: CudaProgram
    constants: bytes
    weights: np.ndarray

    def expected_raw(self, q: np.ndarray) -> np.ndarray:
        """q: [N,C,H,W] uint8."""
        left = np.concatenate([np.full_like(q[..., :1], ZERO_POINT), q[..., :-1]], axis=3)
        return (q + left + self.weights[:CHANNELS, None, None]).astype(np.uint8)

    def quantize(self, x: np.ndarray) -> np.ndarray:
        ratio = np.rint(x / np.float32(SCALE)).astype(np.float64)
        return np.clip(np.clip(ratio, -65536, 65536) + ZERO_POINT, 0, 255).astype(np.uint8)

    def expected(self, x: np.ndarray) -> np.ndarray:
        q = self.expected_raw(self.quantize(x))
        return (q.astype(np.int32) - ZERO_POINT).astype(np.float32) * np.float32(SCALE)


@pytest.fixture(scope="session")
def network() -> Network:
    wide, dense = (WIDTH + 1) * PIXEL, WIDTH * PIXEL
    padded, last = round_up(HEIGHT * wide), round_up(HEIGHT * dense)
    inside = Layout(0, PIXEL, (1, wide, PIXEL), padded, (Margin(0, 0), Margin(0, 0), Margin(1, 0)))
    shape, sizes = ("N", CHANNELS, HEIGHT, WIDTH), (CHANNELS, HEIGHT, WIDTH)
    params = [
        numbers(sizes=sizes, pixel=PIXEL, rows=(0, wide), items=NUMBERS),
        numbers(sizes=sizes, pixel=PIXEL, rows=(dense, 0), items=NUMBERS),
        numbers(sizes=sizes, pixel=PIXEL, rows=(wide, dense), items=NUMBERS),
        numbers(sizes=(1, 1, 1), pixel=1, rows=(0, 0), items=padded),
    ]
    weights = np.zeros(64, np.uint8)
    weights[:CHANNELS] = [5, 250, 77]
    names = ["quantize", "raw_in", "both", "dequantize", "raw_out", "fill"]
    both = Step("/both", "add", "both", Reference(1, 0), (Reference(0, PIXEL),), NUMBERS, 64, 64, 256, 128, macs=9)
    program = CudaProgram(
        buffers=(Buffer(0, padded), Buffer(padded, last)),
        arena_bytes=padded + last,
        inputs=(Input("x", shape, "float32", inside, SCALE, ZERO_POINT),),
        outputs=(Output("y", shape, Layout(1, 0, (1, dense, PIXEL), last), SCALE, ZERO_POINT),),
        boundary=(
            Crossing("quantize", "raw_in", NUMBERS, 64, 64, 0),
            Crossing("dequantize", "raw_out", NUMBERS, 128, 64, 64),
        ),
        setup=(Step("", "fill", "fill", Reference(0, 0), (), padded, 256, 128, params=192),),
        steps=(both,),
        code={"ptx": code(names, {"both": ("/both",)})},
    )
    constants = b"".join(one.tobytes() for one in params) + weights.tobytes() + bytes(64)
    return Network(program, constants, weights)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a program and its kernels as an artifact."""

    def write(program: CudaProgram, constants: bytes, name: str = "model.dyq", **texts: bytes) -> Path:
        sections = {program.constants: constants}
        for level, one in program.code.items():
            sections[program.section(level)] = texts.get(level) or by_hand.text(list(one.kernels)).encode()
        path = tmp_path / name
        artifact.write(path, programs=[program], sections=sections, made={"by": "hand"})
        return path

    return write


@pytest.fixture
def model(write: Write, network: Network) -> Path:
    return write(network.program, network.constants)


@pytest.fixture
def identity_on_cpu(network: Network) -> tuple[CpuProgram, dict[str, bytes]]:
    """A program of the processor for the same arrays, without a step, and its sections."""
    (x,), (y,) = network.program.inputs, network.program.outputs
    size = round_up(NUMBERS)
    dense = Layout(0, 0, (HEIGHT * WIDTH, WIDTH, 1), size)
    source, target = replace(x, layout=dense), replace(y, layout=dense)
    program = CpuProgram(
        (Buffer(0, size),), size, 0, (source,), (target,), (), entries={"x86-64": {"nothing": Entry(0, 1, ())}}
    )
    return program, {"cpu/weights": bytes(64), "cpu/params": bytes(64), "cpu/code/x86-64": b"\xc3"}


@pytest.fixture
def faulty(write: Write, network: Network) -> Path:
    """Its only step writes to nobody's memory."""
    step = replace(network.program.steps[0], kernel="wild", inputs=())
    kernels = network.program.code["ptx"].kernels | {"wild": ("/both",)}
    program = replace(network.program, steps=(step,), code={"ptx": Code("ptx", kernels)})
    return write(program, network.constants, "faulty.dyq")


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, (8, CHANNELS, HEIGHT, WIDTH)).astype(np.float32)


def used(cuda: Gpu) -> tuple[int, int]:
    """Bytes of the device, and whatever else somebody has to give back."""
    cuda.start()
    sizes = ctypes.c_size_t(), ctypes.c_size_t()
    cuda.call("cuMemGetInfo_v2", *map(ctypes.byref, sizes))
    cuda.call("cuCtxSetCurrent", None)
    cuda.library.executor_reset()  # as in a process in which no one else has used it
    return sizes[1].value - sizes[0].value, cuda.live()


@pytest.fixture
def cuda(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    """The machine has a GPU; whoever uses it gives everything back."""
    gc.collect()
    before = used(gpu)
    with monkeypatch.context() as patch:
        patch.setenv("DYADIC_LIBCUDA", gpu.library._name)
        yield gpu
    gc.collect()
    assert used(gpu) == before
