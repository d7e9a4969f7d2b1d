"""Products of computed matrices: every bit is the op's own, with every check of the executor."""

import random

import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.matmuls import Matmul
from support.ptx.selected import Selected, together

CASES = {
    "matrices": Matmul(7, 40, 24),
    "heads": Matmul(70, 64, 70, heads=3),
    "heads between": Matmul(33, 32, 48, heads=4, apart=True),
    "odd sizes": Matmul(17, 19, 23, heads=2),
    "odd sizes between": Matmul(9, 21, 5, heads=3, apart=True),
    "no zero points": Matmul(20, 130, 66, zeros=(0, 0)),
    "of 16 bits": Matmul(20, 65, 33, heads=2, out_bits=16),
    "saturating": Matmul(20, 64, 33, shift=-30),
    "one row": Matmul(1, 200, 64, heads=2),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Selected]:
    return {name: case.selected() for name, case in CASES.items()}


@pytest.fixture(scope="module")
def ptx(cases: dict[str, Selected]) -> str:
    """All of them, from one child process."""
    return together(list(cases.values()))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_it_is_the_product(gpu: Gpu, ptx: str, cases: dict[str, Selected], name: str, batch: int) -> None:
    cases[name].run(gpu, ptx, batch, seed=batch)


@pytest.mark.slow
def test_random_products(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    made = [
        Matmul(
            choose.randrange(1, 100), choose.randrange(1, 150), choose.randrange(1, 100), choose.randrange(1, 4),
            choose.random() < 0.5, (choose.choice([0, 9, 128]), choose.choice([0, 128, 255])),
            choose.choice([8, 8, 16]),
            choose.choice([0, 0, -20]),
        )
        for _ in range(40)
    ]  # fmt: skip
    cases = [each.selected() for each in made]
    ptx = together(cases)
    for n, (each, case) in enumerate(zip(made, cases, strict=True)):
        print(f"seed {seed}, {n}: {each}")
        case.run(gpu, ptx, choose.choice([1, 3, 8]), seed=n)
