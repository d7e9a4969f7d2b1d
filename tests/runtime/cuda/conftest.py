"""Artifacts for a GPU made by hand, so that the runtime is tested without the compiler."""

from dataclasses import dataclass

import numpy as np
import pytest

from dyadic.runtime.buffers import Reference
from dyadic.runtime.cuda.program import Code, Crossing, CudaProgram, Step
from dyadic.runtime.layout import Layout, Margin
from dyadic.runtime.program import Buffer, Input, Output

CHANNELS, HEIGHT, WIDTH, PIXEL = 3, 5, 7, 4
SCALE, ZERO_POINT = float(np.float32(0.037)), 101


def round_up(value: int, to: int = 64) -> int:
    return -(-value // to) * to


def bits(scale: float) -> int:
    return int(np.float32(scale).view(np.int32))


@dataclass(frozen=True)
class Network:
    """x -> what it is beside its left neighbour, plus a number a channel -> y."""

    program: CudaProgram
    constants: bytes


@pytest.fixture(scope="session")
def network() -> Network:
    row = (WIDTH + 1) * PIXEL
    padded, dense = round_up(HEIGHT * row), round_up(HEIGHT * WIDTH * PIXEL)
    numbers = HEIGHT * WIDTH * CHANNELS
    inside = Layout(0, PIXEL, (1, row, PIXEL), padded, (Margin(0, 0), Margin(0, 0), Margin(1, 0)))
    outside = Layout(1, 0, (1, WIDTH * PIXEL, PIXEL), dense)
    shape = ("N", CHANNELS, HEIGHT, WIDTH)
    params = np.zeros((4, 16), np.int32)
    law = [bits(SCALE), ZERO_POINT, 0, 255, CHANNELS, HEIGHT, WIDTH, PIXEL]
    params[0, :9] = [*law, row]
    params[1, :9] = [*law, WIDTH * PIXEL]
    params[2, :7] = [CHANNELS, HEIGHT, WIDTH, PIXEL, row, WIDTH * PIXEL, numbers]
    params[3, :2] = [ZERO_POINT, padded]
    weights = np.zeros(64, np.uint8)
    weights[:CHANNELS] = [5, 250, 77]
    program = CudaProgram(
        buffers=(Buffer(0, padded), Buffer(padded, dense)),
        arena_bytes=padded + dense,
        inputs=(Input("x", shape, "float32", inside, SCALE, ZERO_POINT),),
        outputs=(Output("y", shape, outside, SCALE, ZERO_POINT),),
        boundary=(
            Crossing("quantize", "raw_in", numbers, 64, 64, 0),
            Crossing("dequantize", "raw_out", numbers, 128, 64, 64),
        ),
        setup=(Step("", "fill", "fill", Reference(0, 0), (), padded, 256, 128, params=192),),
        steps=(
            Step("/both", "add", "both", Reference(1, 0), (Reference(0, PIXEL),), numbers, 64, 64, 256, 128,
                 macs=numbers),
        ),
        code={"ptx": Code("ptx", {name: () for name in ("quantize", "raw_in", "dequantize", "raw_out", "fill")}
                          | {"both": ("/both",)})},
    )  # fmt: skip
    return Network(program, params.tobytes() + weights.tobytes() + bytes(64))
