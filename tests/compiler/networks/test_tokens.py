"""Networks that read whole numbers: the same bits at all levels, and whatever is no row of a table is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.ptx.gpu import Gpu
from support.ptx.session import gpu

import dyadic
from dyadic.compiler.targets.cpu.target import TARGET
from dyadic.dialects import new_context
from dyadic.dialects.reference import IntegerReference
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.errors import UsageError

__all__ = ["gpu"]

ROWS, TYPES, LENGTH, WIDTH = 300, 2, 6, 41  # a width that fills no vector


class Tokens(torch.nn.Module):
    """Words and their types, looked up, added and multiplied; `unread` changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.types = torch.nn.Embedding(ROWS, WIDTH), torch.nn.Embedding(TYPES, WIDTH)
        self.linear = torch.nn.Linear(WIDTH, 7)

    def forward(self, ids: torch.Tensor, types: torch.Tensor, unread: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.linear(self.words(ids) + self.types(types)))


def feeds(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    sizes = {"ids": ROWS, "types": TYPES, "unread": 1000}
    return {name: random.integers(0, most, (count, LENGTH)) for name, most in sizes.items()}


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    torch.manual_seed(0)
    return Tokens().eval()


@pytest.fixture(scope="module")
def artifact(module: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    examples = tuple(torch.from_numpy(each) for each in feeds(1).values())
    path = tmp_path_factory.mktemp("tokens") / "tokens.dyq"
    dyadic.compile(module, feeds(32), example_inputs=examples, isa=TARGET.usable(), progress="off").save(path)
    return path


def test_all_levels_have_the_references_bits(artifact: Path, module: torch.nn.Module) -> None:
    given = feeds(5, 1)
    with open_artifact(artifact) as file, new_context() as context:
        expected = IntegerReference(TARGET.unpack(file, context))(given)["output"]
    real = module(*(torch.from_numpy(each) for each in given.values())).detach().numpy()
    assert np.abs(expected - real).max() < 0.02 * np.abs(real).max()
    for level in TARGET.usable():
        for threads in (1, 3):
            with dyadic.load(artifact, isa=level, threads=threads, max_batch=5) as session:
                np.testing.assert_array_equal(session(*given.values()), expected)


def test_a_gpu_looks_the_same_rows_up(
    module: torch.nn.Module, gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = tuple(torch.from_numpy(each) for each in feeds(1).values())
    path, given = tmp_path / "tokens.dyq", list(feeds(5, 1).values())
    made = dyadic.compile(
        module, feeds(32), example_inputs=examples, target="cpu:x86-64,cuda:sm_90a", measure=False, progress="off"
    )
    made.save(path)
    gpu.start()
    monkeypatch.setenv("DYADIC_LIBCUDA", gpu.library._name)
    with dyadic.load(path, max_batch=5) as here, dyadic.load(path, max_batch=5, device="cuda") as there:
        np.testing.assert_array_equal(there(*given), here(*given))


def test_whole_numbers_of_any_type_are_taken(artifact: Path) -> None:
    with dyadic.load(artifact) as session:
        assert [(each.name, each.dtype, each.limits) for each in session.inputs[:2]] == [
            ("ids", np.dtype(np.int64), (0, ROWS - 1)),
            ("types", np.dtype(np.int64), (0, TYPES - 1)),
        ]
        given = feeds(1)
        expected = session(*given.values())
        given |= {"ids": given["ids"].astype(np.int32), "types": given["types"].astype(bool)}
        np.testing.assert_array_equal(session.run(None, given)[0], expected)


@pytest.mark.parametrize(("value", "dtype"), [(ROWS, np.int64), (-1, np.int32), (1 << 33, np.int64)])
def test_numbers_that_are_no_rows_are_refused(artifact: Path, value: int, dtype: type) -> None:
    given = feeds(1)
    ids = given["ids"].astype(dtype)
    ids[0, 4] = value
    with dyadic.load(artifact) as session, pytest.raises(UsageError) as refused:
        session.run(None, given | {"ids": ids})
    assert str(refused.value) == (
        f"input 'ids' holds {value} at [0, 4]; the network takes whole numbers from 0 to {ROWS - 1}"
    )


def test_fractions_are_refused(artifact: Path) -> None:
    given = feeds(1)
    with dyadic.load(artifact) as session, pytest.raises(UsageError, match="'ids' has dtype float32, expected int64"):
        session.run(None, given | {"ids": given["ids"].astype(np.float32)})


def test_calibration_data_that_are_no_rows_are_refused(module: torch.nn.Module) -> None:
    data = feeds(4)
    data["types"][2, 3] = 2
    examples = tuple(torch.from_numpy(each) for each in feeds(1).values())
    with pytest.raises(UsageError) as refused:
        dyadic.compile(module, data, example_inputs=examples, progress="off")
    assert str(refused.value) == (
        'calibration data: sample 2 of "types" holds 2 at [3]; the model reads whole numbers from 0 to 1'
    )
