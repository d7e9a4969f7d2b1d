"""Attention: every bit is the op's own, with every check of the executor."""

import random

import pytest
from support.effort import SEED
from support.ptx.attentions import Attention
from support.ptx.gpu import Gpu
from support.ptx.selected import Selected, together

CASES = {
    "one head": Attention(20, 40, 32, 32),
    "heads between": Attention(70, 130, 64, 64, heads=3, apart=True),
    "ragged": Attention(5, 7, 20, 12, heads=2),
    "ragged between": Attention(17, 65, 9, 13, heads=3, apart=True),
    "masked": Attention(9, 50, 32, 32, heads=2, mask="constant"),
    "masked by an input": Attention(9, 50, 32, 32, heads=2, mask="computed"),
    "biased": Attention(9, 50, 32, 32, heads=2, bias="heads"),
    "causal": Attention(40, 40, 32, 32, heads=2, bias="rows", causal=True),
    "of 16 bits": Attention(9, 70, 32, 40, heads=2, out_bits=16, bias="keys"),
    "of another curve": Attention(9, 70, 96, 32, curve=True, zeros=(0, 0, 0)),
    "wide": Attention(33, 20, 130, 140, heads=2),
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
def test_it_is_the_attention(gpu: Gpu, ptx: str, cases: dict[str, Selected], name: str, batch: int) -> None:
    cases[name].run(gpu, ptx, batch, seed=batch)


@pytest.mark.slow
def test_random_attentions(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    made = [
        Attention(
            choose.randrange(1, 80), choose.randrange(1, 200), choose.randrange(1, 140), choose.randrange(1, 140),
            choose.randrange(1, 4), choose.random() < 0.5, choose.choice(["", "keys", "rows", "heads"]),
            choose.random() < 0.2, choose.choice(["", "", "constant", "computed"]),
            (choose.choice([0, 128]), choose.choice([0, 130]), choose.choice([0, 128, 255])), choose.choice([8, 8, 16]),
        )
        for _ in range(40)
    ]  # fmt: skip
    cases = [each.selected(n) for n, each in enumerate(made)]
    ptx = together(cases)
    for n, (each, case) in enumerate(zip(made, cases, strict=True)):
        print(f"seed {seed}, {n}: {each}")
        case.run(gpu, ptx, choose.choice([1, 3]), seed=n)
