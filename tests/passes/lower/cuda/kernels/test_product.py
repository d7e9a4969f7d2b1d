"""Convolutions and linear layers on tensor cores: every bit, with every check of the executor, on ragged shapes."""

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.effort import SEED
from support.ptx import faults
from support.ptx.convolutions import Cases, Convolution
from support.ptx.gpu import Counters, DriverError, Gpu

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec

SLICED = "more slices than shares"

CASES = Cases({
    "linear": (Convolution(1, 1, 200, 44, batch=70), {}),
    "few rows": (Convolution(1, 1, 64, 10), {"block_rows": 32, "block_columns": 64, "stages": 4}),
    "1 x 1": (Convolution(9, 7, 48, 96, batch=2), {"block_columns": 128, "warps_across": 4, "warps_down": 1}),
    "3 x 3": (Convolution(9, 7, 48, 40, kernel=3, batch=2), {"block_columns": 32, "warps_across": 1}),
    "of stride 2": (Convolution(11, 9, 32, 33, kernel=3, stride=2, batch=3), {"stages": 2}),
    "dilated": (Convolution(9, 10, 24, 24, kernel=3, dilation=2, batch=2), {"block_rows": 128, "warps_down": 4}),
    "first layer": (Convolution(17, 19, 3, 24, kernel=7, stride=2, batch=2, in_align=4), {}),
    "8 channels": (Convolution(7, 7, 8, 16, kernel=5, batch=5, in_align=8), {"block_rows": 32, "block_columns": 32,
                                                                            "warps_down": 1, "warps_across": 2}),
    "one step": (Convolution(5, 5, 16, 18, batch=1), {}),
    "a slice a step": (Convolution(9, 7, 48, 40, kernel=3, batch=3), {"block_rows": 32, "block_columns": 32,
                                                                      "stages": 2, "warps_down": 1,
                                                              "warps_across": 1, "warps_deep": 7}),
    "more slices than shares": (Convolution(1, 1, 500, 44, batch=19), {"block_rows": 16, "block_columns": 16,
                                                       "warps_down": 1, "warps_across": 1, "warps_deep": 8}),
    "shares of rows, too": (Convolution(1, 1, 500, 44, batch=39), {
        "block_rows": 32, "block_columns": 32, "warps_down": 1, "warps_across": 1, "warps_deep": 8}),
    "slices of packed pixels": (Convolution(9, 8, 5, 24, kernel=5, batch=3, in_align=1), {
        "block_rows": 32, "block_columns": 32, "warps_down": 1, "warps_across": 1, "warps_deep": 3}),
    "three slices of several warps": (Convolution(5, 7, 64, 70, kernel=3, batch=1), {"warps_deep": 3}),
})  # fmt: skip


@pytest.fixture(scope="module")
def ptx() -> str:
    return CASES.ptx("sm_80")


Run = Callable[[str], Counters]


@pytest.fixture
def run(gpu: Gpu, ptx: str) -> Run:
    return lambda name: CASES.on(gpu, ptx, name)


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_convolution(run: Run, name: str) -> None:
    run(name)


def test_a_batch_is_no_part_of_the_kernel(gpu: Gpu, ptx: str) -> None:
    """One kernel answers every number of images."""
    for batch in (1, 3, 8):
        CASES.on(gpu, ptx, "3 x 3", batch)


def test_rows_of_a_stage_keep_out_of_each_others_banks(run: Run) -> None:
    """All but the requantized bytes, which two lanes of a row put side by side: 16-byte copies and ldmatrix."""
    counters = run("linear")
    assert counters.shared_wavefronts == counters.shared_ideal


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"chunks": 6}, "chunks come in fours"),
        ({"granule": 2}, "copies have 1, 4, 8 or 16 bytes"),
        ({"store_bytes": 16}, "stores divide the channels"),
        ({"block_rows": 24}, "a warp has tiles of 16 x 16"),
        ({"stages": 1}, "there is something to overlap"),
        ({"stages": 20}, "shared memory suffices"),
        ({"block_rows": 32, "warps_across": 4}, "threads copy whole rows"),
        ({"weights": "w2", "block_columns": 32}, "2-bit weights come in tiles of 32"),
        ({"weights": "w4g16"}, "a scale is for half a step or all of it"),
        ({"acc_shift": 3}, "sums are narrowed by 8 bits at most"),
        ({"window_rows": 1, "window_columns": 2}, "windows are whole, and whole ones in a block"),
        ({"window_rows": 1, "window_columns": 3, "columns": 9}, "windows are whole, and whole ones in a block"),
        ({"pool_width": 8}, "stores of windows have 1, 2, 4, 8 or 16 bytes, and divide the channels"),
        ({"stored": False}, "something is stored"),
        ({"cells": (0, 64), "in_plane": 4096}, "windows of the input have bytes"),
    ],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(Convolution(1, 1, 64, 12).spec(), **change)


def test_every_barrier_between_slices_is_missed(gpu: Gpu, ptx: str) -> None:
    """Of the walk along k, before sums are given, before they are taken, and before results are stored."""
    convolution, tile = CASES[SLICED]
    spec, symbol = convolution.spec(**tile), CASES.symbol(SLICED)
    (body,) = [part for part in ptx.split(".visible .entry ") if part.startswith(f"{symbol}(")]
    head = ptx.split(".visible .entry ", 1)[0]
    barriers = list(re.finditer(r"\tbar(rier)?\.(cta\.)?sync[^\n]*\n", body))
    assert len(barriers) >= 4
    for one in barriers:
        without = f"{head}.visible .entry {body[: one.start()]}{body[one.end() :]}"
        with pytest.raises(DriverError, match="race"):
            convolution.on(gpu, without, symbol, spec)


@pytest.mark.slow
def test_planted_faults_in_slices_are_noticed(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted instructions and slips of the pen, wherever they are in the kernel."""
    monkeypatch.setenv("PTX_EXECUTOR_INSTRUCTIONS", "400000")
    seed = int(SEED or 0)
    choose = random.Random(seed)
    found: Counter[str] = Counter()
    total, missed = 0, list[str]()
    for n, name in enumerate((SLICED, "a slice a step")):
        convolution, tile = CASES[name]
        spec = convolution.spec(**tile)
        ptx = compile_kernels({"k": spec}, "sm_80")

        def right(text: str, convolution: Convolution = convolution, spec: ProductSpec = spec) -> bool:
            try:
                for batch in (convolution.batch, 1):
                    replace(convolution, batch=batch).on(gpu, text, "k", spec, seed=batch)
            except AssertionError:
                return False
            return True

        assert right(ptx)
        for kind in (faults.deleted(ptx), faults.slipped(ptx, choose)):
            planted = choose.sample(kind, min(80 if n == 0 else 40, len(kind)))
            total += len(planted)
            missed += faults.silent(right, planted, found)
    print(faults.told(total, seed, found, missed))
    assert total - len(missed) >= 0.95 * total


def random_case(choose: random.Random) -> tuple[Convolution, dict[str, int]]:
    kernel = choose.choice([1, 1, 3, 3, 5])
    channels, align = choose.choice([(3, 4), (8, 8), (16, 16), (40, 16), (70, 16)])
    convolution = Convolution(
        choose.randrange(3, 14), choose.randrange(3, 14), channels, choose.randrange(1, 80), kernel,
        choose.choice([1, 1, 2]), choose.choice([1, 1, 1, 2]) if kernel > 1 and align == 16 else 1,
        choose.randrange(1, 5), align,
    )  # fmt: skip
    tiles = [(32, 32, 1, 2), (64, 32, 2, 1), (64, 64, 2, 2), (128, 64, 4, 2), (64, 128, 2, 4), (128, 128, 2, 4)]
    rows, columns, down, across = choose.choice(tiles)
    tile = {"block_rows": rows, "block_columns": columns, "warps_down": down, "warps_across": across}
    return convolution, tile | {"stages": choose.choice([2, 3, 4]) if rows + columns < 256 else 3}


@pytest.mark.slow
def test_random_convolutions(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose) for _ in range(60)]
    ptx = compile_kernels({f"k{n}": one.spec(**tile) for n, (one, tile) in enumerate(cases)}, "sm_80")
    for n, (convolution, tile) in enumerate(cases):
        print(f"seed {seed}, {n}: {convolution}, {tile}")
        convolution.on(gpu, ptx, f"k{n}", convolution.spec(**tile), seed=n)
