"""A session survives what Python and the file system do to it: copies, pickles, and a file that changes under it."""

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import dyadic
from dyadic.runtime.errors import ArtifactError, FileError, UsageError


@pytest.fixture
def x(network) -> np.ndarray:
    shape = (5, network.channels, network.height, network.width)
    return np.random.default_rng(0).normal(0, 5, shape).astype(np.float32)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_shares_the_model_and_no_memory(model, network, x, copied) -> None:
    session = dyadic.load(model, threads=2, max_batch=5)
    other = copied(session)
    expected = network.expected(x)

    def run(which: int) -> bool:
        return np.array_equal((session, other)[which % 2](x), expected)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(400)))
    session.close()
    np.testing.assert_array_equal(other(x), expected)  # the model goes with the last of them
    with pytest.raises(UsageError, match="session is closed"):
        copied(session)
    other.close()
    other.close()


def test_a_pickle_loads_the_file_again(model, network, x, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(model.parent)
    with dyadic.load(model.name, threads=2, max_batch=5, isa="x86-64", code="copy") as session:
        monkeypatch.chdir("/")
        data = pickle.dumps(session)
        assert len(data) < 1000
        with pickle.loads(data) as other:
            assert (other.threads, other.max_batch, other.isa) == (2, 5, "x86-64")
            assert str(model) not in Path("/proc/self/maps").read_text()  # loaded as the first one was
            np.testing.assert_array_equal(other(x), network.expected(x))
    (tmp_path / "data").write_bytes(data)
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).max_batch)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "data"], capture_output=True, text=True, check=True)
    assert done.stdout == "5\n"


def test_a_pickle_of_another_file_is_refused(model, write, identity) -> None:
    with dyadic.load(model) as session:
        data = pickle.dumps(session)
        os.replace(write(identity(3, 4, 4), name="other.dyq"), model)
        with pytest.raises(
            ArtifactError, match="is not the artifact any more that the pickled session was loaded from"
        ):
            pickle.loads(data)
        model.unlink()
        with pytest.raises(FileError, match="No such file"):
            pickle.loads(data)
        with pytest.raises(UsageError, match="is not there any more, so that"):
            pickle.dumps(session)
    with pytest.raises(UsageError, match="session is closed"):
        pickle.dumps(session)


def test_a_private_copy_does_not_see_what_becomes_of_the_file(model, network, x) -> None:
    expected = network.expected(x)
    with dyadic.load(model, threads=2, max_batch=5, code="copy") as session:
        with open(model, "r+b") as file:
            file.write(bytes(os.path.getsize(model)))
        np.testing.assert_array_equal(session(x), expected)
        os.truncate(model, 0)
        np.testing.assert_array_equal(session(x), expected)
        np.testing.assert_array_equal(copy.copy(session)(x), expected)


def test_a_file_that_is_replaced_goes_on_for_those_who_have_it(model, network, x, write, identity) -> None:
    with dyadic.load(model, threads=1, max_batch=5) as session:
        os.replace(write(identity(3, 4, 4), name="other.dyq"), model)
        np.testing.assert_array_equal(session(x), network.expected(x))


def test_a_copy_is_checked_after_it_was_made(model) -> None:
    data = bytearray(model.read_bytes())
    data[-65] ^= 1
    model.write_bytes(data)
    with pytest.raises(ArtifactError, match="cannot be used"):
        dyadic.load(model, code="copy")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(ArtifactError):
            dyadic.load(model, code="copy")
    assert len(os.listdir("/proc/self/fd")) == before
