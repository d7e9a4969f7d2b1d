"""The user's arrays to integers and back: the bits of `fixedpoint`, in every order that programs have."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from support.code_cache import code_cache
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.launches import run_launch

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.passes.lower.cuda.kernel_selection.boundary import Crossed, crossings
from dyadic.passes.lower.cuda.kernels.families.boundary import BoundarySpec
from dyadic.runtime import fixedpoint
from dyadic.runtime.layout import Layout, Margin
from dyadic.runtime.program import ID_BYTES, Buffer, Input, Output, check_tensor, integers_of

UNTOUCHED = 0xEE


@dataclass(frozen=True)
class Case:
    """A tensor whose dimensions lie in some order in memory, the innermost padded, with a ring around the others."""

    shape: tuple[int, ...]
    order: tuple[int, ...]  # of dimensions in memory, the outermost first
    pixel: int = 0  # bytes of the innermost dimension, 0: as many as it has
    ring: int = 0  # around the two before it
    scale: float = 0.0235
    zero_point: int = 128
    low: int = 0
    high: int = 255
    wide: bool = False
    dtype: str = "float32"
    whole: tuple[int, ...] = ()  # of the array that an output is a part of
    start: tuple[int, ...] = ()
    first: int = 0  # channels of its pixel that are another's
    mark: int = -1  # behind the channels of an input's pixel

    @property
    def layout(self) -> Layout:
        strides, step = [0] * len(self.shape), 1
        margins = [Margin(0, 0)] * len(self.shape)
        for n, d in enumerate(reversed(self.order)):
            strides[d] = step
            margins[d] = Margin(self.ring, self.ring) if n in (1, 2) else Margin(0, 0)
            step *= (self.shape[d] + 2 * margins[d].before) if n else (self.pixel or self.shape[d])
        size = -(-step // 64) * 64
        offset = sum(m.before * stride for m, stride in zip(margins, strides, strict=True)) + self.first
        if self.dtype == "int32":
            strides, margins = [s * ID_BYTES for s in strides] + [1], [*margins, Margin(0, 0)]
            size = -(-step * ID_BYTES // 64) * 64
        plane = size if self.wide else 0
        return Layout(0, offset, tuple(strides), size + plane, tuple(margins) if self.ring else (), plane)

    def tensor(self, kind: type[Input] | type[Output]) -> Input | Output:
        shape = ("N", *self.shape)
        numbers = (self.layout, float(np.float32(self.scale)), self.zero_point, self.low, self.high)
        made = (
            Input("x", shape, self.dtype, *numbers, mark=self.mark)
            if kind is Input
            else Output("y", shape, *numbers, start=self.start, whole=self.whole)
        )
        check_tensor([Buffer(0, self.layout.image)], made, "case")
        return made

    def crossed(self, kind: type[Input] | type[Output]) -> Crossed:
        return crossings(self.tensor(kind))

    def numbers(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Of a user, what is hard to round and what is no number among them."""
        size = batch * math.prod(self.shape)
        if self.dtype != "float32":
            kind = integers_of(self.tensor(Input))
            least, most = np.iinfo(kind).min, np.iinfo(kind).max
            return rng.integers(least, most + 1, (batch, *self.shape), dtype=kind)
        scale = np.float32(self.scale)
        steps = rng.integers(self.low - 300, self.high + 300, size).astype(np.float32)
        x = (steps + np.float32(0.5)) * scale
        some = rng.random(size)
        x = np.where(some < 0.5, (steps + rng.standard_normal(size).astype(np.float32)) * scale, x)
        odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, 3e38, -3e38], np.float32)
        x = np.where(some > 0.9, rng.choice(odd, size), x)
        return x.astype(np.float32).reshape(batch, *self.shape)

    def integers(self, values: np.ndarray) -> np.ndarray:
        """What quantization makes of a user's array."""
        if values.dtype == np.float32:
            return fixedpoint.quantize(values, float(np.float32(self.scale)), self.zero_point, self.low, self.high)
        if self.dtype == "int32":
            return values
        return np.clip(values, self.low, self.high).astype(values.dtype)

    def arena(self, integers: np.ndarray, image: np.ndarray) -> None:
        """Write integers where the layout has them; image: [batch, bytes]."""
        at = self.layout
        if self.dtype == "int32":
            planes = [np.ascontiguousarray(integers).view(np.uint8).reshape(*integers.shape, ID_BYTES)]
        else:
            planes = fixedpoint.planes(integers)
        for n, values in enumerate(planes):
            every = np.indices(values.shape[1:]).reshape(values.ndim - 1, -1)
            places = at.offset + n * at.plane + np.array(at.strides) @ every
            image[:, places] = values.reshape(len(values), -1)


def own_lanes(case: Case, spec: BoundarySpec) -> np.ndarray:
    """Which bytes of an image are in pad lanes that the kernel may write: what is behind the channels of its groups."""
    at = case.layout
    free = np.zeros(at.image, bool)
    rest = -spec.channels % spec.group
    y, x, c = np.meshgrid(np.arange(spec.height), np.arange(spec.width), np.arange(rest), indexing="ij")
    for plane in range(1 + case.wide):
        free[at.offset + plane * at.plane + y * spec.row + x * spec.pixel + spec.channels + c] = True
    return free


def check_input(gpu: Gpu, ptx: str, symbols: Sequence[str], case: Case, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spec, raw_spec, params = case.crossed(Input)
    values = case.numbers(rng, batch)
    integers = case.integers(values)
    every = [(spec, values, integers)]
    if case.dtype == "float32":
        raw = rng.integers(np.iinfo(integers.dtype).min, np.iinfo(integers.dtype).max + 1, integers.shape).astype(
            integers.dtype
        )
        every.append((raw_spec, raw, case.integers(raw)))
    for symbol, (one, given, wanted) in zip(symbols, every, strict=False):
        found = np.full((batch, case.layout.image), UNTOUCHED, np.uint8)
        expected = found.copy()
        case.arena(wanted, expected)
        image = given[0].nbytes
        run_launch(gpu, ptx, symbol, one, found, [given], [image], params=params, batch=batch, start=case.layout.offset)
        free = own_lanes(case, one)
        if case.mark >= 0:
            expected[:, free], free[:] = case.mark, False
        np.testing.assert_array_equal(found[:, ~free], expected[:, ~free])


def check_output(gpu: Gpu, ptx: str, symbols: Sequence[str], case: Case, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spec, raw_spec, params = case.crossed(Output)
    tensor = case.tensor(Output)
    assert isinstance(tensor, Output)
    integers = rng.integers(case.low, case.high + 1, (batch, *case.shape)).astype(integers_of(tensor))
    arena = rng.integers(0, 256, (batch, case.layout.image), dtype=np.uint8)
    case.arena(integers, arena)
    floats = fixedpoint.dequantize(integers, float(np.float32(case.scale)), case.zero_point)
    for symbol, one, wanted in zip(symbols, (spec, raw_spec), (floats, integers), strict=True):
        whole = tuple(int(size) for size in tensor.array[1:])
        found = np.zeros((batch, *whole), wanted.dtype)
        expected = found.copy()
        expected[tensor.place] = wanted
        first = np.ravel_multi_index(case.start, whole) * wanted.itemsize if case.start else 0
        run_launch(
            gpu, ptx, symbol, one, found, [arena], [case.layout.image], params=params, batch=batch,
            start=int(first), in_starts=[case.layout.offset],
        )  # fmt: skip
        np.testing.assert_array_equal(found.view(np.uint8), expected.view(np.uint8))


IMAGE, FEATURES = (2, 0, 1), (0,)  # orders: channels last; a row
WIDE = {"wide": True, "zero_point": 0, "low": -32768, "high": 32767}

INPUTS = {
    "image": Case((3, 5, 7), (1, 2, 0), 4, ring=1),
    "image of 16 bits": Case((3, 4, 5), (1, 2, 0), 4, ring=2, **WIDE),
    "channels last": Case((5, 6, 10), (0, 1, 2), 16, zero_point=0, high=127),
    "many channels": Case((19, 3, 5), (1, 2, 0), 32),
    "features": Case((70,), (0,), 80, scale=3.1e-7, zero_point=7),
    "huge scale": Case((33,), (0,), 33, scale=1e30, zero_point=255),
    "a number": Case((1,), (0,), 16),
    "grey rows": Case((1, 9, 13), (0, 1, 2), zero_point=3),
    "pixels": Case((3, 5, 7), (1, 2, 0), 4, dtype="uint8", low=3, high=200),
    "marked pixels": Case((3, 5, 7), (1, 2, 0), 4, 1, dtype="uint8", zero_point=0, mark=255),
    "marked grey": Case((1, 4, 5), (1, 2, 0), 4, 2, dtype="uint8", zero_point=0, mark=200),
    "words": Case((4, 6), (0, 1), 8, dtype="int16", wide=True, zero_point=0, low=-3000, high=20000),
    "ids": Case((9,), (0,), dtype="int32", zero_point=0, scale=1.0, high=1000),
    "ids in the other order": Case((3, 4), (1, 0), dtype="int32", zero_point=0, scale=1.0, high=1 << 30),
    "dense pixels": Case((5, 6, 3), (0, 1, 2), ring=1),
    "five dimensions": Case((2, 3, 4, 5, 3), (0, 1, 2, 3, 4), 4),
}
OUTPUTS = {
    "logits": Case((10,), (0,), 16),
    "map": Case((21, 5, 6), (1, 2, 0), 32, ring=1),
    "of 16 bits": Case((5, 4, 3), (1, 2, 0), 8, **WIDE),
    "words": Case((7, 5), (0, 1), 5, **WIDE),
    "part": Case((4, 3, 2), (1, 2, 0), 4, whole=(10, 3, 2), start=(5, 0, 0)),
    "part of rows": Case((3, 4), (0, 1), 4, whole=(9, 4), start=(2, 0)),
    "a channel among six": Case((5, 1), (0, 1), 1, whole=(5, 6), start=(0, 4)),
    "a padded channel among six": Case((2, 5, 1), (0, 1, 2), 16, whole=(2, 5, 6), start=(0, 0, 5)),
    "slice": Case((6, 2, 3), (1, 2, 0), 16, first=7),
}


def symbols_of(name: str, kind: str) -> list[str]:
    n = list(INPUTS if kind == "in" else OUTPUTS).index(name)
    return [f"{kind}{n}", f"{kind}{n}_raw"]


@pytest.fixture(scope="module")
def ptx() -> str:
    specs: dict[str, BoundarySpec] = {}
    for kind, cases, tensors in (("in", INPUTS, Input), ("out", OUTPUTS, Output)):
        for name, case in cases.items():
            specs |= dict(zip(symbols_of(name, kind), case.crossed(tensors)[:2], strict=True))
    return compile_kernels(specs, "sm_80", code_cache())


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(gpu: Gpu, ptx: str, name: str) -> None:
    for batch in (1, 3):
        check_input(gpu, ptx, symbols_of(name, "in"), INPUTS[name], batch, seed=batch)


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs(gpu: Gpu, ptx: str, name: str) -> None:
    for batch in (1, 3):
        check_output(gpu, ptx, symbols_of(name, "out"), OUTPUTS[name], batch, seed=batch)


def test_both_kernels_are_launched_in_one_way() -> None:
    for kind, cases in ((Input, INPUTS), (Output, OUTPUTS)):
        for case in cases.values():
            spec, raw, _ = case.crossed(kind)
            assert (spec.items, spec.block_items, spec.threads) == (raw.items, raw.block_items, raw.threads)


def random_case(choose: random.Random) -> Case:
    rank = choose.choice([1, 2, 3, 3])
    shape = tuple(choose.randrange(1, 12) for _ in range(rank))
    order = choose.choice([(1, 2, 0), (0, 1, 2)]) if rank == 3 else tuple(range(rank))
    inner = shape[order[-1]]
    pixel = choose.choice([inner, -(-inner // 4) * 4, -(-inner // 16) * 16])
    ring = choose.choice([0, 1, 2]) if rank == 3 else 0
    wide = {"wide": True, "zero_point": 0, "low": -32768, "high": 32767} if choose.random() < 0.3 else {}
    zero_point = choose.randrange(256)
    scale = choose.choice([1e-30, 3e-4, 0.1, 17.0, 1e20])
    return Case(shape, order, pixel, ring, **{"scale": scale, "zero_point": zero_point, **wide})


@pytest.mark.slow
def test_random_tensors(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose) for _ in range(40)]
    specs: dict[str, BoundarySpec] = {}
    for n, case in enumerate(cases):
        for kind in (Input, Output):
            spec, raw, _ = case.crossed(kind)
            specs |= {f"{kind.__name__}{n}": spec, f"{kind.__name__}{n}_raw": raw}
    ptx = compile_kernels(specs, "sm_80", code_cache())
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case}")
        batch = choose.choice([1, 3, 8])
        check_input(gpu, ptx, [f"Input{n}", f"Input{n}_raw"], case, batch, n)
        check_output(gpu, ptx, [f"Output{n}", f"Output{n}_raw"], case, batch, n)
