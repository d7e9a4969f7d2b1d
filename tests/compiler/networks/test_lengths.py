"""One artifact for several lengths: the same bits whichever program computes them, and whatever is padded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dyadic
from dyadic.compiler.job import Job
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.errors import ModelError, UsageError

ROWS, MOST, WIDTH = 50, 12, 16
LENGTHS = (12, 8, 3)


class Encoder(torch.nn.Module):
    """One block of attention over words and positions: states of tokens, and the mean of the valid ones."""

    def __init__(self, pooled: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.positions = torch.nn.Embedding(ROWS, WIDTH), torch.nn.Parameter(torch.randn(MOST, WIDTH))
        self.q, self.k, self.v = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.norm, self.pooled = torch.nn.LayerNorm(WIDTH), pooled

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.norm(self.words(ids) + self.positions[: ids.shape[1]])
        scores = self.q(x) @ self.k(x).transpose(1, 2) * 0.25 + (1.0 - mask[:, None].float()) * -10000.0
        x = x + torch.softmax(scores, -1) @ self.v(x)
        factor = mask[:, :, None].float()
        return x, (x * factor).sum(1) / factor.sum(1) if self.pooled else x.mean(1)


def exported(path: Path, module: torch.nn.Module) -> Path:
    examples = (torch.zeros(1, MOST, dtype=torch.int64), torch.ones(1, MOST, dtype=torch.int64))
    names, open_sizes = ["ids", "mask"], {0: "n", 1: "tokens"}
    torch.onnx.export(
        module.eval(),
        examples,
        str(path),
        input_names=names,
        output_names=["states", "mean"],
        dynamic_axes={name: open_sizes for name in (*names, "states")},
        dynamo=False,
        opset_version=17,
    )
    return path


def feeds(count: int, tokens: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, tokens + 1, (count, 1))
    return {"ids": random.integers(0, ROWS, (count, tokens)), "mask": (np.arange(tokens) < lengths).astype(np.int64)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("lengths") / "model.onnx", Encoder())


@pytest.fixture(scope="module")
def artifact(model: Path) -> Path:
    path, shapes = model.with_suffix(".dyq"), {"ids": tuple((1, n) for n in reversed(LENGTHS))}
    dyadic.compile(model, feeds(64, MOST), shape=shapes, isa=("x86-64",), measure=False).save(path)
    return path


def test_programs_share_code_and_weights(artifact: Path) -> None:
    with open_artifact(artifact) as file:
        assert [one.variant for one in file.programs] == [f"1x{n}" for n in LENGTHS]
        assert len({one.sections for one in file.programs}) == 1
        programs: list[Any] = list(file.programs)  # the CPU's, whose steps have weights
        places = [[step.weights for step in one.steps if step.op == "qi.linear"] for one in programs]
        assert places[0] and places[0] == places[1] == places[2]


@pytest.mark.parametrize("tokens", range(1, MOST + 1))
def test_no_bit_depends_on_the_length(artifact: Path, tokens: int) -> None:
    """The smallest program that fits, and the largest with padding, agree on all that is valid."""
    given = feeds(3, tokens, seed=tokens)
    valid = given["mask"] != 0
    padded = {name: np.pad(value, [(0, 0), (0, MOST - tokens)]) for name, value in given.items()}
    padded["ids"][:, tokens:] = 7  # any id
    with dyadic.load(artifact, max_batch=3) as session, dyadic.load(artifact, max_batch=3, variant="1x12") as largest:
        states, mean = session.run(None, given)
        assert states.shape == (3, tokens, WIDTH)
        for one in (session, largest):
            others, same = one.run(None, padded)
            np.testing.assert_array_equal(others[:, :tokens][valid], states[valid])
            np.testing.assert_array_equal(same, mean)
        np.testing.assert_array_equal(largest.run(None, given)[1], mean)
        out = np.empty_like(states)
        session.run(["states"], given, out=[out])
        np.testing.assert_array_equal(out, states)


def test_the_answers_are_the_models(artifact: Path) -> None:
    given = feeds(16, 5, seed=1)
    with torch.no_grad():
        expected = Encoder().eval()(*(torch.from_numpy(each) for each in given.values()))[1].numpy()
    with dyadic.load(artifact, max_batch=16) as session:
        mean = session.run(["mean"], given)[0]
    noise = ((mean - expected) ** 2).sum() / (expected**2).sum()
    assert 10 * np.log10(noise) < -28


def test_a_module_has_lengths_too(artifact: Path, tmp_path: Path) -> None:
    """Its examples are cut; the bits are those of the exported file."""
    examples = (torch.zeros(1, MOST, dtype=torch.int64), torch.ones(1, MOST, dtype=torch.int64))
    shapes = {"ids": [(1, 8), (1, 12)]}
    module = dyadic.compile(
        Encoder(), feeds(64, MOST), example_inputs=examples, shape=shapes, isa=("x86-64",), measure=False
    )
    module.save(tmp_path / "module.dyq")
    given = feeds(2, 6)
    with dyadic.load(tmp_path / "module.dyq", max_batch=2) as session, dyadic.load(artifact, max_batch=2) as exported:
        assert [info.name for info in session.inputs] == ["ids", "mask"]
        for mine, its in zip(session(*given.values()), exported(*given.values()), strict=True):
            np.testing.assert_array_equal(mine, its)
    with pytest.raises(UsageError, match='a shape was given for "tokens", but the inputs of the model are ids, mask'):
        dyadic.compile(Encoder(), feeds(4, MOST), example_inputs=examples, shape={"tokens": (1, 8)})


def test_copies_and_threads_have_all_lengths(artifact: Path) -> None:
    import copy
    import pickle

    given = feeds(1, 2)
    with dyadic.load(artifact, threads=2) as session:
        expected = session.run(None, given)[1]
        for other in (copy.copy(session), pickle.loads(pickle.dumps(session))):
            np.testing.assert_array_equal(other.run(None, given)[1], expected)
            other.close()
        assert [one.layer for one in session.profile(given, 1, 0)]


@pytest.mark.parametrize(
    ("tokens", "others", "message"),
    [
        (13, 13, "input 'ids' has 13 tokens; the network takes 1 to 12"),
        (0, 0, "input 'ids' has 0 tokens; the network takes 1 to 12"),
        (4, 5, "input 'mask' has 5 tokens, but 'ids' has 4; they must be the same"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(artifact: Path, tokens: int, others: int, message: str) -> None:
    given = {"ids": np.zeros((1, tokens), np.int64), "mask": np.ones((1, others), np.int64)}
    with dyadic.load(artifact) as session, pytest.raises(UsageError) as refused:
        session.run(None, given)
    assert str(refused.value) == message


def test_a_mean_of_all_tokens_depends_on_the_length(tmp_path: Path) -> None:
    path = exported(tmp_path / "mean.onnx", Encoder(pooled=False))
    with pytest.raises(ModelError, match="its result depends on padded tokens, so that answers would depend on"):
        dyadic.compile(path, feeds(8, MOST), shape={"ids": ((1, 8), (1, 12))}, measure=False)
    dyadic.compile(path, feeds(8, MOST), shape={"ids": (1, 12)}, isa=("x86-64",), measure=False).save(
        tmp_path / "m.dyq"
    )
    with dyadic.load(tmp_path / "m.dyq") as session, pytest.raises(UsageError, match=r"has shape \[1, 8\], expected"):
        session.run(None, feeds(1, 8))


def test_several_sizes_are_read_as_they_are_typed() -> None:
    job = Job("m.onnx", shape=[("x", (1, 8)), ("x", (1, 32)), ("y", (1, 4))])  # pyright: ignore[reportArgumentType]
    assert job.shape == {"x": ((1, 32), (1, 8)), "y": (1, 4)}
    assert job.shapes == [{"x": (1, 32), "y": (1, 4)}, {"x": (1, 8), "y": (1, 4)}]
    assert job.lengths == [32, 8]
    assert Job("m.onnx", shape={"x": (1, 32)}).lengths == []
    with pytest.raises(UsageError, match="must differ in how many tokens there are alone"):
        Job("m.onnx", shape={"x": ((1, 8, 3), (1, 32, 4))})
