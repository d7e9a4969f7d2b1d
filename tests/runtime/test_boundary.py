"""The law of the boundary, element by element against numpy, over layouts, ranks, batches and instruction sets."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

import dyadic
from dyadic.runtime.cpu import levels
from dyadic.runtime.cpu.program import CpuProgram
from dyadic.runtime.layout import Layout, Margin
from dyadic.runtime.native import native_build
from dyadic.runtime.program import Buffer, Input, Output

FINEST = float(np.float32(1e-45))
LARGEST = float(np.finfo(np.float32).max)


def nasty_floats(count: int, scale: float) -> np.ndarray:
    """Every kind of float32: all bit patterns, ties, the neighbours of ties, infinities, NaNs of both signs."""
    random = np.random.default_rng(7)
    patterns = random.integers(0, 1 << 32, count, np.uint32).view(np.float32)
    with np.errstate(over="ignore"):
        near = (random.normal(0, 100, count) * scale).astype(np.float32)
        ties = ((np.arange(count) - count // 2 + 0.5) * scale).astype(np.float32)
    up, down = np.nextafter(ties, np.float32(np.inf)), np.nextafter(ties, np.float32(-np.inf))
    special = np.array([np.inf, -np.inf, np.nan, -np.nan, 0, -0.0, FINEST, -FINEST, LARGEST, -LARGEST], np.float32)
    values = np.concatenate([special, patterns, near, ties, up, down])
    random.shuffle(values)
    return values


@pytest.mark.parametrize("scale", [1.0, 0.037, 1e-40, 3e38, 2.0**-126, FINEST])
@pytest.mark.parametrize(("zero_point", "lo", "hi"), [(0, 0, 255), (255, 0, 255), (128, 0, 255), (7, 0, 15), (3, 1, 9)])
def test_quantize_is_one_division_rounded_half_to_even(write, identity, law, scale, zero_point, lo, hi) -> None:
    scale = float(np.float32(scale))
    x = nasty_floats(1000, scale)[None]
    program = identity(x.shape[1], 1, 1, rank=2, scale=scale, zero_point=zero_point, lo=lo, hi=hi)
    with dyadic.load(write(program), threads=1) as session:
        np.testing.assert_array_equal(session(x), law.quantize(x, scale, zero_point, lo, hi))


@pytest.mark.parametrize("scale", [1.0, 0.037, 1e-40, 3e38])
@pytest.mark.parametrize("zero_point", [0, 77, 255])
def test_dequantize_is_one_multiplication(write, identity, law, scale, zero_point) -> None:
    scale = float(np.float32(scale))
    q = np.arange(256, dtype=np.uint8)[None]
    program = identity(256, 1, 1, rank=2, dtype="uint8", out_scale=scale, out_zero_point=zero_point)
    with dyadic.load(write(program), threads=1) as session:
        y = session(q)
        np.testing.assert_array_equal(y.view(np.uint32), law.dequantize(q, scale, zero_point).view(np.uint32))
        np.testing.assert_array_equal(session.run(None, {"x": q}, raw=True)[0], q)


SHAPES = [(1, 1, 1), (3, 5, 7), (3, 2, 64), (3, 1, 65), (4, 3, 130), (2, 4, 9), (5, 3, 66), (8, 2, 70), (17, 4, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("pixel", ["tight", "of 4", "of 64"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_images_become_pixels_with_their_halo(write, identity, law, shape, pixel, dtype) -> None:
    c, h, w = shape
    halo = (2, 1, 0, 3)
    pixel_bytes = {"tight": c, "of 4": -(-c // 4) * 4, "of 64": -(-c // 64) * 64}[pixel]
    program = identity(c, h, w, halo=halo, pixel=pixel_bytes, dtype=dtype, scale=0.5, zero_point=9, lo=2, hi=250)
    random = np.random.default_rng(c * h * w)
    with dyadic.load(write(program), threads=2, max_batch=3) as session:
        for n in (3, 1, 2):  # the halo and the pixels of a longer run must not stay
            if dtype == "float32":
                x = random.normal(0, 60, (n, c, h, w)).astype(np.float32)
                q = law.quantize(x, 0.5, 9, 2, 250)
            else:
                x = random.integers(0, 256, (n, c, h, w), np.uint8)
                q = np.clip(x, 2, 250)
            expected = np.full((n, c, h + 2, w + 4), 9, np.uint8)
            expected[:, :, 2:, 1:-3] = q
            np.testing.assert_array_equal(session(x), expected)


@pytest.mark.parametrize("scale", [1.0, 0.037, 1e-40, 3e38, FINEST])
@pytest.mark.parametrize(("lo", "hi"), [(-32768, 32767), (-32767, 32767), (-7, 300)])
def test_16_bits_are_quantized_by_the_same_law(write, identity, law, scale, lo, hi) -> None:
    scale = float(np.float32(scale))
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.concatenate([nasty_floats(1000, scale), nasty_floats(400, scale) * 300])[None]
    program = identity(x.shape[1], 1, 1, rank=2, scale=scale, lo=lo, hi=hi, wide=True)
    with dyadic.load(write(program), threads=1) as session:
        q = law.quantize(x, scale, 0, lo, hi)
        assert (q.min(), q.max()) == (lo, hi)
        np.testing.assert_array_equal(session(x), q)
        (raw,) = session.run(None, {"x": q}, raw=True)
        assert raw.dtype == np.int16
        np.testing.assert_array_equal(raw, q)


@pytest.mark.parametrize("scale", [1.0, 0.037, 1e-40, 3e38])
def test_16_bits_are_dequantized_by_one_multiplication(write, identity, law, scale) -> None:
    scale = float(np.float32(scale))
    q = np.arange(-(1 << 15), 1 << 15, dtype=np.int16)[None]
    program = identity(q.size, 1, 1, rank=2, dtype="int16", lo=-32768, hi=32767, out_scale=scale, wide=True)
    with dyadic.load(write(program), threads=1) as session:
        np.testing.assert_array_equal(session(q).view(np.uint32), law.dequantize(q, scale, 0).view(np.uint32))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("pixel", ["tight", "of 4"])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_images_of_16_bits_become_two_planes_with_their_halo(write, identity, law, shape, pixel, dtype) -> None:
    c, h, w = shape
    pixel_bytes = c if pixel == "tight" else -(-c // 4) * 4
    bounds = {"lo": -32000, "hi": 31000}
    program = identity(c, h, w, halo=(2, 1, 0, 3), pixel=pixel_bytes, dtype=dtype, scale=0.5, wide=True, **bounds)
    random = np.random.default_rng(c * h * w)
    with dyadic.load(write(program), threads=2, max_batch=3) as session:
        for n in (3, 1, 2):
            if dtype == "float32":
                x = random.normal(0, 9000, (n, c, h, w)).astype(np.float32)
                q = law.quantize(x, 0.5, 0, *bounds.values())
            else:
                x = random.integers(-(1 << 15), 1 << 15, (n, c, h, w), np.int16)
                q = np.clip(x, bounds["lo"], bounds["hi"])
            expected = np.zeros((n, c, h + 2, w + 4), np.int16)
            expected[:, :, 2:, 1:-3] = q
            np.testing.assert_array_equal(session(x), expected)


@pytest.mark.parametrize("rank", [2, 3])
def test_other_ranks_are_not_transposed(write, identity, law, rank) -> None:
    w = 1 if rank == 2 else 6
    program = identity(10, 1, w, rank=rank, pixel=16, scale=0.25, zero_point=128)
    x = np.random.default_rng(0).normal(0, 9, (2, *program.inputs[0].shape[1:])).astype(np.float32)
    with dyadic.load(write(program), threads=2, max_batch=2) as session:
        np.testing.assert_array_equal(session(x), law.quantize(x, 0.25, 128, 0, 255))


VARIANTS = """
#include "boundary.cpp"
extern "C" __attribute__((visibility("default")))
void quantize_with(int which, const float *x, uint8_t *q, int64_t c, int64_t w, float scale, int32_t zero_point) {
    dyadic::Boundary t = {};
    t.channels = c, t.height = 1, t.width = w, t.pixel = t.lanes = (c + 3) / 4 * 4, t.row = w * t.pixel;
    t.from_channel = w, t.from_pixel = 1, t.from_row = w;
    t.scale = scale, t.zero_point = zero_point, t.lo = 0, t.hi = 255;
    const dyadic::Table *tables[] = {&dyadic::table_portable, &dyadic::table_avx2, &dyadic::table_avx512};
    tables[which]->quantize(t, x, q, 0);
}
extern "C" __attribute__((visibility("default")))
void copy_with(int which, const uint8_t *x, uint8_t *q, int64_t w, int channels_last, int32_t behind) {
    dyadic::Boundary t = {};
    t.channels = 3, t.height = 1, t.width = w, t.pixel = t.lanes = 4, t.row = w * t.pixel;
    t.from_channel = channels_last ? 1 : w, t.from_pixel = channels_last ? 3 : 1, t.from_row = w * 3;
    t.hi = 255, t.behind = behind;
    const dyadic::Table *tables[] = {&dyadic::table_portable, &dyadic::table_avx2, &dyadic::table_avx512};
    tables[which]->copy_in(t, x, q, 0);
}
"""


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("channels", "lo", "hi"), [(3, 0, 255), (3, 0, 250), (1, 0, 255), (6, 0, 255)])
def test_real_pixels_have_a_mark_behind_their_channels(write, last, channels, lo, hi) -> None:
    random, lanes = np.random.default_rng(channels), -(-(channels + 1) // 4) * 4
    for width in (1, 2, 3, 5, 6, 7, 16, 70):
        row, size = (width + 3) * lanes, -(-4 * (width + 3) * lanes // 64) * 64
        margins = (Margin(1, 1), Margin(2, 1), Margin(0, 0))
        dims = (0, 1, 2) if last else (2, 0, 1)
        where = tuple((row, lanes, 1)[d] for d in dims)
        inside = Layout(0, row + 2 * lanes, where, size, tuple(margins[d] for d in dims))
        sizes = tuple((2, width, channels)[d] for d in dims)
        source = Input("x", ("N", *sizes), "uint8", inside, 1.0, 0, lo, hi, mark=hi)
        target = Output("y", ("N", 4, width + 3, lanes), Layout(0, 0, (row, lanes, 1), size), 1.0, 0)
        program = CpuProgram((Buffer(0, size),), size, 0, (source,), (target,), ())
        x = random.integers(0, 256, (2, *sizes), np.uint8)
        expected = np.zeros((2, 4, width + 3, lanes), np.uint8)
        expected[:, 1:-1, 2:-1] = hi
        expected[:, 1:-1, 2:-1, :channels] = np.clip(x if last else x.transpose(0, 2, 3, 1), lo, hi)
        with dyadic.load(write(program), threads=1, max_batch=2) as session:
            np.testing.assert_array_equal(session(x), expected)


def test_all_instruction_sets_quantize_alike(tmp_path: Path, law) -> None:
    """The library takes the best variant by itself; here each is called."""
    compiler = native_build.find_compiler()
    if compiler is None or "avx2" not in levels.features():
        pytest.skip("NOT TESTED: the boundary's variants need a C++ compiler and AVX2")
    source, library = tmp_path / "variants.cpp", tmp_path / "variants.so"
    source.write_text(VARIANTS)
    here = native_build.HERE
    command = [*compiler, *native_build.FLAGS, "-O3", "-shared", '-DDYADIC_SOURCE_DIGEST=""', f"-I{here}"]
    subprocess.run([*command, "-o", str(library), str(source), str(here / "cpu.cpp")], check=True)
    function = ctypes.CDLL(str(library)).quantize_with
    function.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2, ctypes.c_float, ctypes.c_int32]
    function.restype = None
    count = 3 if "avx512bw" in levels.features() else 2
    for c in (3, 11):
        for scale in (0.037, 1e-40):
            x = nasty_floats(700, scale)
            x = np.ascontiguousarray(x[: x.size // c * c].reshape(c, -1))
            results = []
            for which in range(count):
                q = np.zeros((x.shape[1], -(-c // 4) * 4), np.uint8)
                function(which, x.ctypes.data, q.ctypes.data, c, x.shape[1], scale, 100)
                results.append(q)
                np.testing.assert_array_equal(q[:, :c].T, law.quantize(x, scale, 100, 0, 255))
            assert all((q == results[0]).all() for q in results)
    copy = ctypes.CDLL(str(library)).copy_with
    copy.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 2, ctypes.c_int64, ctypes.c_int, ctypes.c_int32]
    copy.restype = None
    random = np.random.default_rng(0)
    for width in (*range(1, 23), 64, 223):
        pixels = random.integers(0, 256, (width, 3), np.uint8)
        for which in range(count):
            for last in (True, False):
                x = np.ascontiguousarray(pixels if last else pixels.T)
                q = np.zeros((width + 1, 4), np.uint8)  # one more, which stays
                copy(which, x.ctypes.data, q.ctypes.data, width, last, 255)
                np.testing.assert_array_equal(q[:-1, :3], pixels)
                assert (q[:-1, 3] == 255).all() and not q[-1].any()
