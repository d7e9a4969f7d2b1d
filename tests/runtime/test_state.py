"""What a run is told besides its inputs, and what it leaves for the next: one hand-made program that adds both up."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.c_host import Host

import dyadic
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu.program import CpuProgram, Step
from dyadic.runtime.errors import UsageError
from dyadic.runtime.layout import Layout
from dyadic.runtime.program import Buffer, Input, Output, Scalar

CHANNELS, PIXELS = 16, 4  # 64 bytes an image
SHAPE = ("N", CHANNELS, 2, 2)


@pytest.fixture
def model(write, image) -> Path:
    """state += x + position, y = state."""
    inside, outside = (Layout(buffer, 0, (1, 2 * CHANNELS, CHANNELS), 64) for buffer in (0, 3))
    program = CpuProgram(
        buffers=(Buffer(0, 64), Buffer(64, 64, "state"), Buffer(0, 64, "scalars"), Buffer(64, 64)),
        arena_bytes=128,
        scratch_bytes=64,
        inputs=(Input("x", SHAPE, "uint8", inside, 1.0, 0),),
        outputs=(Output("y", SHAPE, outside, 1.0, 0),),
        steps=(
            Step("/add", "add", "gather", Reference(1, 0), (Reference(0, 0), Reference(2, 8)), PIXELS, params=0),
            Step("/copy", "copy", "mix", Reference(3, 0), (Reference(1, 0), Reference(-1, 0)), PIXELS, params=64),
        ),
        state_bytes=128,  # the buffer is the second half
        scalars=(Scalar("length", 0, 4), Scalar("position", -10, 100)),
    )
    params = np.zeros(32, np.int32)
    params[:2] = PIXELS, CHANNELS
    params[16:18] = PIXELS, CHANNELS
    return write(program, bytes(128), params.tobytes(), image)


def x(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE[1:]), np.uint8)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_state_lives_from_run_to_run_and_each_image_has_its_own(model, threads) -> None:
    total = np.zeros((3, *SHAPE[1:]), np.int64)
    with dyadic.load(model, threads=threads, max_batch=3) as session:
        for run, count in enumerate((3, 1, 2, 3)):
            total[:count] += x(count, run) + run
            got = session(x(count, run), length=0, position=run)
            np.testing.assert_array_equal(got, total[:count] % 256)
        session.reset()
        np.testing.assert_array_equal(session(x(1), length=0, position=-3), (x(1).astype(int) - 3) % 256)


def test_a_host_in_c_has_state_and_scalars_too(model) -> None:
    total, shapes = np.zeros((2, *SHAPE[1:]), np.int64), [((2, *SHAPE[1:]), np.dtype(np.uint8))]
    with Host(model, threads=2, max_batch=2) as host:
        for run in range(3):
            total += x(2, run) + run
            (got,) = host.run({"x": x(2, run)}, shapes, batch=2, raw=True, scalars=[0, run])
            np.testing.assert_array_equal(got, total % 256)
        host.reset()
        (got,) = host.run({"x": x(2)}, shapes, batch=2, raw=True, scalars=[0, -3])
        np.testing.assert_array_equal(got, (x(2).astype(int) - 3) % 256)
        with pytest.raises(UsageError, match="scalar 'position' is 101, but must be from -10 to 100"):
            host.run({"x": x(2)}, shapes, batch=2, raw=True, scalars=[0, 101])
        with pytest.raises(UsageError, match="there are 1 scalars, but the network takes 2"):
            host.run({"x": x(2)}, shapes, batch=2, raw=True, scalars=[0])


def test_each_session_has_its_own_and_a_copy_goes_on_from_there(model) -> None:
    with dyadic.load(model, max_batch=2) as one, dyadic.load(model, max_batch=2) as other:
        first = one(x(2), length=0, position=0)
        with copy.deepcopy(one) as branch:
            one(x(2), length=0, position=0)
            again = one(x(2), length=0, position=0)
            np.testing.assert_array_equal(branch(x(2), length=0, position=5), 2 * x(2).astype(int) % 256 + 5 & 255)
        np.testing.assert_array_equal(again, 3 * x(2).astype(int) % 256)
        np.testing.assert_array_equal(other(x(2), length=0, position=0), first)
        with pytest.raises(UsageError, match="this session has state, which a pickle"):
            pickle.dumps(one)


def test_runs_at_the_same_time_take_turns(model) -> None:
    ones = np.ones((1, *SHAPE[1:]), np.uint8)
    with dyadic.load(model, threads=2) as session:
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(lambda _: int(session(ones, length=0, position=0)[0, 0, 0, 0]), range(200)))
    assert sorted(seen) == list(range(1, 201))


def test_scalars_are_named_whole_and_within_their_bounds(model) -> None:
    with dyadic.load(model) as session:
        assert session.scalars == (Scalar("length", 0, 4), Scalar("position", -10, 100))
        for given, message in (
            ({}, "scalar 'length' is missing; give a whole number"),
            ({"length": 1}, "scalar 'position' is missing"),
            ({"length": 1, "position": 101}, "scalar 'position' is 101, but must be from -10 to 100"),
            ({"length": -1, "position": 0}, "scalar 'length' is -1"),
            ({"length": 1.0, "position": 0}, "scalar 'length' is a float"),
            ({"length": True, "position": 0}, "scalar 'length' is a bool"),
            ({"length": 1, "position": 0, "width": 2}, "no scalar 'width'; it has length, position"),
        ):
            with pytest.raises(UsageError, match=message):
                session.run(None, {"x": x(1)}, scalars=given)
        feeds, given = {"x": x(1)}, {"length": np.int64(4), "position": 100}
        assert [step.layer for step in session.profile(feeds, 1, 0, scalars=given)] == ["", "/add", "/copy", ""]
        np.testing.assert_array_equal(session.run(None, feeds, scalars=given)[0], (2 * (x(1).astype(int) + 100)) % 256)


def test_a_network_without_any_takes_none(write, identity) -> None:
    with (
        dyadic.load(write(identity(1, 2, 2))) as session,
        pytest.raises(UsageError, match="no scalar 'n'; it has none"),
    ):
        session(np.zeros((1, 1, 2, 2), np.float32), n=1)


def test_programs_of_one_artifact_share_what_they_can(write, model, image, tmp_path) -> None:
    """Two variants, one of them without state, with the same weights, parameters and code."""
    from dyadic.runtime import artifact

    with artifact.open_artifact(model) as file:
        assert isinstance(file.program, CpuProgram)
        first = replace(file.program, variant="with state")
        plain = [buffer._replace(kind="arena", offset=64 * i) for i, buffer in enumerate(first.buffers)]
        plain[2] = first.buffers[2]
        second = replace(first, variant="without", buffers=tuple(plain), arena_bytes=256, state_bytes=0)
        sections = {name: bytes(file.section(name)) for name in file.sections}
        path = tmp_path / "both.dyq"
        size = artifact.write(path, programs=[first, second], sections=sections, made={})
        assert size < file.bytes + 4096
    with dyadic.load(path, variant="without") as session:
        assert session.program.variant == "without" and not session.program.has_state
    with dyadic.load(path) as session:
        np.testing.assert_array_equal(session(x(1), length=0, position=1), x(1).astype(int) + 1 & 255)
    with pytest.raises(UsageError, match="has no variant 'other'; it has 'with state', 'without'"):
        dyadic.load(path, variant="other")
