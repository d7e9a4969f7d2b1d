"""Layers as launches of the product kernel: every bit is the op's own, with every check of the executor."""

import random
from dataclasses import replace

import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.layers import Layer
from support.ptx.selected import Selected, together

from dyadic.passes.lower.cuda.kernel_selection.product_tiles import tiles_for

ONES = (1, 1, 1, 1)
CASES = {
    "3 x 3": Layer(24, 40, 9, 7, (3, 3), padding=ONES),
    "residual": Layer(24, 40, 9, 7, (3, 3), padding=ONES, rest_bits=8, clamp=True),
    "1 x 1": Layer(48, 33, 5, 6, (1, 1), rest_bits=8, rest_shift=16),
    "first layer": Layer(3, 24, 17, 19, (7, 7), (2, 2), (3, 3, 2, 2)),
    "grey image": Layer(1, 16, 13, 11, (5, 5), padding=(2, 2, 2, 2)),
    "grey image of stride 2": Layer(1, 10, 13, 11, (3, 3), (2, 2), (1, 1, 1, 1)),
    "dilated": Layer(16, 24, 9, 10, (3, 3), padding=(2, 2, 2, 2), dilation=(2, 2)),
    "signal": Layer(20, 24, 1, 31, (1, 4), (1, 3), (0, 1, 0, 2)),
    "grouped": Layer(64, 64, 6, 5, (3, 3), padding=ONES, groups=16),
    "two groups": Layer(96, 80, 6, 5, (3, 3), padding=ONES, groups=2, rest_bits=8),
    "groups of 3": Layer(9, 12, 6, 5, (3, 3), padding=ONES, groups=3),
    "depthwise residual": Layer(40, 40, 6, 5, (3, 3), padding=ONES, groups=40, rest_bits=8),
    "linear": Layer(200, 44, 1, 7),
    "linear residual": Layer(64, 128, 1, 70, rest_bits=8),
    "padded residual": Layer(24, 48, 5, 7, (3, 3), padding=ONES, rest_bits=8, rest_inside=(16, 20)),
    "padded residual of groups": Layer(96, 80, 6, 5, (3, 3), padding=ONES, groups=2, rest_bits=8, rest_inside=(9, 47)),
    "padded 16-bit residual": Layer(64, 48, 1, 9, rest_bits=16, out_bits=16, rest_shift=8, rest_inside=(0, 16)),
    "residual of shift 32": Layer(200, 44, 1, 7, rest_bits=8, rest_shift=32),
    "extreme": Layer(24, 40, 4, 5, (3, 3), padding=ONES, extreme=True),
    "extreme residual": Layer(24, 40, 4, 5, (3, 3), padding=ONES, extreme=True, rest_bits=8),
    "joined": Layer(24, 20, 9, 7, (3, 3), padding=ONES, joined=13),
    "function": Layer(24, 40, 9, 7, (3, 3), padding=ONES, table=True),
    "addition behind": Layer(24, 40, 9, 7, (3, 3), padding=ONES, added=(30000, -20000)),
    "function and addition": Layer(20, 33, 5, 7, (3, 3), padding=ONES, table=True, added=(17000, 23000), joined=12),
    "function and addition of groups": Layer(
        96, 80, 6, 5, (3, 3), padding=ONES, groups=2, table=True, added=(-9, 32767)
    ),
    "linear function and addition": Layer(200, 44, 1, 7, x_bits=16, acc_shift=3, table=True, added=(9000, 20000)),
    "shuffled": Layer(24, 4 * 32, 5, 7, (1, 1), shuffled=(2, 2)),
    "shuffled rows": Layer(24, 3 * 32, 1, 9, (1, 3), padding=(0, 1, 0, 1), shuffled=(1, 3), out_bits=16),
    "shuffled function": Layer(
        40, 4 * 64, 4, 3, (2, 2), padding=(1, 0, 0, 1), shuffled=(2, 2), table=True, rest_bits=8
    ),
    "4 bits out": Layer(24, 40, 4, 5, (3, 3), padding=ONES, out_bits=4, x_bits=4),
    "16 bits out": Layer(24, 40, 4, 5, (3, 3), padding=ONES, out_bits=16),
    "16 bits in": Layer(24, 40, 4, 5, (3, 3), padding=ONES, x_bits=16),
    "16 bits everywhere": Layer(64, 48, 1, 9, x_bits=16, out_bits=16, rest_bits=16, acc_shift=3),
    "16 bits, narrowed by 8": Layer(200, 24, 1, 9, x_bits=16, acc_shift=8, weight_bits=4),
    "16-bit residual": Layer(64, 48, 1, 9, rest_bits=16, out_bits=16, rest_shift=8),
    "4-bit weights": Layer(40, 40, 5, 7, (3, 3), padding=ONES, weight_bits=4),
    "4-bit weights, wide": Layer(130, 140, 1, 70, weight_bits=4, x_bits=16),
    "2-bit weights": Layer(40, 70, 5, 7, (3, 3), padding=ONES, weight_bits=2),
    "groups of 64": Layer(150, 40, 5, 4, (3, 3), padding=ONES, weight_group=64),
    "groups of 32": Layer(150, 70, 1, 5, weight_group=32, runs=3, rest_bits=8),
}  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> dict[str, Selected]:
    return {name: layer.selected(n) for n, (name, layer) in enumerate(CASES.items())}


@pytest.fixture(scope="module")
def ptx(cases: dict[str, Selected]) -> str:
    """All of them, from one child process."""
    return together(list(cases.values()))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_it_is_the_layer(gpu: Gpu, ptx: str, cases: dict[str, Selected], name: str, batch: int) -> None:
    cases[name].run(gpu, ptx, batch, seed=batch)


def random_layer(choose: random.Random) -> Layer:
    """Of everything that there is, not all of it at once."""
    image = choose.random() < 0.7
    groups = choose.choice([1, 1, 1, 2, 3, 8]) if image else 1
    bits = choose.choice([8, 8, 8, 4, 2])
    grouped = choose.choice([32, 64]) if choose.random() < 0.15 else 0
    x_bits, out_bits = choose.choice([8, 8, 8, 4, 16]), choose.choice([8, 8, 4, 16])
    made = Layer(
        groups * choose.choice([1, 2, 3, 4, 8, 16, 20, 40, 70]), groups * choose.randrange(1, 50),
        choose.randrange(3, 12), choose.randrange(3, 12), x_bits=x_bits, out_bits=out_bits, weight_bits=bits,
        weight_group=grouped, rest_bits=choose.choice([0, 0, 8, out_bits]), rest_shift=choose.choice([0, 3, 8, 32]),
        acc_shift=choose.randrange(9) if x_bits == 16 else 0, clamp=choose.random() < 0.3, groups=groups,
        joined=choose.choice([0, 0, 0, 5, 16]), rest_inside=choose.choice([(0, 0), (0, 0), (0, 1)]),
    )  # fmt: skip
    if out_bits == 8 and choose.random() < 0.4:
        added = choose.randrange(-32767, 32768), choose.randrange(-32767, 32768)
        made = replace(made, rest_bits=0, table=choose.random() < 0.7, added=choose.choice([None, added]))
    if not image:
        return made
    kernel = choose.randrange(1, 4), choose.randrange(1, 4)
    padding = tuple(choose.randrange(3) for _ in range(4))
    stride, dilation = choose.choice([(1, 1), (1, 2), (2, 2)]), choose.choice([(1, 1), (1, 1), (1, 2)])
    if dilation[1] * (kernel[1] - 1) >= made.width + padding[1] + padding[3]:
        dilation = (1, 1)
    return replace(made, kernel=kernel, padding=padding, stride=stride, dilation=dilation)


def of_any_tile(case: Selected, choose: random.Random, *, sliced: bool) -> Selected:
    """Layers as small as these would all have the same one."""
    for launch in case.launches:
        spec = launch.spec
        narrow = spec.format.bits == 2
        every = tiles_for(spec.channels, spec.steps, twice=spec.acc_shift > 0, narrow=narrow)
        tile = choose.choice([one for one in every if (one.warps_deep > 1) == sliced] or every)
        launch.spec = replace(spec, **tile._asdict(), stages=choose.randrange(2, tile.stages + 1))
    return case


@pytest.mark.slow
def test_random_layers(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    layers = [random_layer(choose) for _ in range(60)]
    cases = [of_any_tile(layer.selected(n), choose, sliced=n % 2 > 0) for n, layer in enumerate(layers)]
    ptx = together(cases)
    for n, (layer, case) in enumerate(zip(layers, cases, strict=True)):
        print(f"seed {seed}, {n}: {layer}")
        case.run(gpu, ptx, choose.choice([1, 3, 8]), seed=n)
