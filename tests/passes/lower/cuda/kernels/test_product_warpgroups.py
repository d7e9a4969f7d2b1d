"""Products by groups of four warps, as code for sm_90a has them: every bit, with every check of the executor."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.effort import SEED
from support.ptx.convolutions import Cases, Convolution, Tile
from support.ptx.gpu import Counters, Gpu

from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.passes.lower.cuda.kernel_selection.warpgroups import CLUSTERS, SHAPES


def tile(rows: int, columns: int, wgmma: int, stages: int, cluster: int = 1) -> Tile:
    return {
        "block_rows": rows, "block_columns": columns, "warps_down": rows // 16, "warps_across": 1, "wgmma": wgmma,
        "stages": stages, "cluster": cluster, "tiled": cluster > 1,
    }  # fmt: skip


CASES = Cases({
    "linear": (Convolution(1, 1, 250, 44, batch=70), tile(64, 32, 1, 3)),
    "two steps at once": (Convolution(1, 1, 500, 44, batch=70), tile(64, 48, 2, 6)),
    "more stages than steps": (Convolution(1, 1, 64, 17, batch=3), tile(64, 32, 1, 8)),
    "3 x 3, two groups": (Convolution(9, 7, 48, 40, kernel=3, batch=3), tile(128, 64, 1, 4)),
    "three groups, whole blocks": (Convolution(1, 1, 500, 128, batch=200), tile(192, 64, 2, 6)),
    "tiled weights": (Convolution(1, 1, 250, 96, batch=70), tile(64, 64, 2, 6) | {"tiled": True}),
    "two blocks": (Convolution(1, 1, 700, 64, batch=200), tile(64, 32, 1, 5, 2)),
    "two blocks, each alone": (Convolution(1, 1, 700, 64, batch=200), tile(64, 32, 1, 5)),
    "two blocks, one without rows": (Convolution(1, 1, 1500, 96, batch=150), tile(64, 48, 2, 8, 2)),
    "two blocks, few steps": (Convolution(5, 3, 32, 64, kernel=3, batch=3), tile(128, 64, 1, 8, 2)),
    "first layer": (Convolution(17, 19, 3, 24, kernel=7, stride=2, batch=2, in_align=4), tile(64, 32, 1, 4)),
})  # fmt: skip


@pytest.fixture(scope="module")
def ptx() -> str:
    return CASES.ptx("sm_90a")


Run = Callable[[str], Counters]


@pytest.fixture
def run(gpu: Gpu, ptx: str) -> Run:
    return lambda name: CASES.on(gpu, ptx, name)


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_convolution(run: Run, name: str) -> None:
    run(name)


def test_bytes_of_both_kinds_need_newer_ptx(ptx: str) -> None:
    """ptxas: "Feature 'WGMMA with mixed integer types' requires PTX ISA .version 8.4 or later"."""
    version = next(line for line in ptx.splitlines() if line.startswith(".version")).split()[1]
    assert tuple(map(int, version.split("."))) >= (8, 4) and ".target sm_90a" in ptx


def test_a_batch_is_no_part_of_the_kernel(gpu: Gpu, ptx: str) -> None:
    for batch in (1, 8):
        CASES.on(gpu, ptx, "3 x 3, two groups", batch)


def test_as_many_products_as_there_are(run: Run) -> None:
    """2 x 2 blocks of 64 x 32, four steps of 64 of k; in products of 16 x 8 x 32."""
    counters = run("linear")
    assert counters.mma == 2 * 2 * 4 * (64 // 16 * 32 // 8 * 64 // 32)


def test_two_blocks_read_their_weights_once(run: Run) -> None:
    """Two clusters of 128 rows for each of two blocks of columns."""
    shared, alone = run("two blocks"), run("two blocks, each alone")
    assert shared.blocks == alone.blocks == 2 * 2 * 2
    assert alone.bytes_read - shared.bytes_read == 2 * 2 * 32 * 704
    assert (shared.mma, shared.bytes_written) == (alone.mma, alone.bytes_written)
    assert shared.shared_wavefronts - shared.shared_ideal <= alone.shared_wavefronts - alone.shared_ideal


def test_rows_of_a_stage_keep_out_of_each_others_banks(run: Run) -> None:
    counters = run("3 x 3, two groups")
    assert counters.shared_wavefronts == counters.shared_ideal


@pytest.mark.parametrize(
    "change",
    [{"tiled": False}, {"channels": 80}, {"cluster": 4}, {"wgmma": 0}, {"block_columns": 24}, {"in_plane": 4096}],
)
def test_blocks_share_whole_tiles(change: dict[str, int]) -> None:
    spec = CASES["two blocks"][0].spec(**tile(64, 32, 1, 5, 2))
    with pytest.raises(ValueError, match=r"two blocks share whole tiles|four warps multiply|a warp has tiles"):
        replace(spec, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"wgmma": 3, "stages": 9},  # steps in a row
        {"stages": 2},  # nothing could be copied ahead
        {"block_rows": 128},  # of four warps
        {"warps_down": 2, "warps_across": 2},
        {"granule": 1},
        {"weights": "w4"},
        {"in_plane": 4096, "acc_shift": 3},
        {"block_columns": 272},
    ],
)
def test_there_is_no_kernel_of_another_kind(change: dict[str, int]) -> None:
    spec = CASES["linear"][0].spec(**tile(64, 32, 1, 8))
    with pytest.raises(ValueError, match="four warps multiply 64 rows of bytes"):
        replace(spec, **change)


def random_case(choose: random.Random) -> tuple[Convolution, Tile]:
    kernel = choose.choice([1, 1, 3, 5])
    channels, align = choose.choice([(3, 4), (8, 8), (16, 16), (40, 16), (130, 16)])
    convolution = Convolution(
        choose.randrange(3, 14), choose.randrange(3, 14), channels, choose.randrange(1, 300), kernel,
        choose.choice([1, 1, 2]), choose.choice([1, 1, 1, 2]) if kernel > 1 and align == 16 else 1,
        choose.randrange(1, 9), align,
    )  # fmt: skip
    at_once = choose.choice([n for n in (1, 2) if convolution.spec().steps % n == 0])
    rows, columns = choose.choice([64, 128, 192]), 16 * choose.randrange(1, 17)
    fit = (200 << 10) // (64 * (rows + columns))
    at_once, fit = (at_once, fit // at_once) if fit >= 3 * at_once else (1, fit)
    cluster = choose.choice(CLUSTERS)
    if cluster > 1:
        convolution = replace(convolution, channels=columns * choose.randrange(1, 4))
    return convolution, tile(rows, columns, at_once, at_once * choose.randrange(3, min(fit, 8) + 1), cluster)


@pytest.mark.slow  # a second to compile each
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_widest(gpu: Gpu, cluster: int) -> None:
    cases = [Convolution(1, 1, 750, 2 * columns if cluster > 1 else 300, batch=270) for _, columns in SHAPES]
    specs = {f"k{n}": cases[n].spec(**tile(*shape, 2, 8, cluster)) for n, shape in enumerate(SHAPES)}
    ptx = compile_kernels(specs, "sm_90a")
    for convolution, (symbol, spec) in zip(cases, specs.items(), strict=True):
        convolution.on(gpu, ptx, symbol, spec)


@pytest.mark.slow
def test_random_convolutions(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose) for _ in range(40)]
    ptx = compile_kernels({f"k{n}": one.spec(**tile) for n, (one, tile) in enumerate(cases)}, "sm_90a")
    for n, (convolution, shape) in enumerate(cases):
        print(f"seed {seed}, {n}: {convolution}, {shape}")
        convolution.on(gpu, ptx, f"k{n}", convolution.spec(**shape), seed=n)
