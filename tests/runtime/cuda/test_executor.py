"""A session on a GPU gives numpy's answer for any batch, any number of threads and sessions, and says what is wrong."""

import copy
import ctypes
import gc
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.ptx.gpu import Gpu

import dyadic
from dyadic.runtime import artifact
from dyadic.runtime.cuda.device import Device
from dyadic.runtime.cuda.executor import CudaExecutor
from dyadic.runtime.cuda.model import Model
from dyadic.runtime.cuda.program import Code, Crossing, CudaProgram
from dyadic.runtime.errors import UsageError
from dyadic.runtime.layout import Layout
from dyadic.runtime.program import Buffer, Input, Output
from dyadic.runtime.session import Session

SCALE, ZERO_POINT = float(np.float32(0.037)), 101


def inside(session: Session) -> CudaExecutor:
    (executor,) = session._executors
    assert isinstance(executor, CudaExecutor)
    return executor


class Claims:
    """Says that it is on the device."""

    def __init__(self, array: np.ndarray) -> None:
        self.__cuda_array_interface__ = {"shape": (0,), "typestr": array.dtype.str, "data": (0, False), "version": 3}


def device_of(session: Session) -> Device:
    return inside(session)._open().device


@pytest.mark.usefixtures("cuda")
def test_batches_of_a_session_are_numpys_bits(model, network, x) -> None:
    with dyadic.load(model, device="cuda", max_batch=8) as session:
        assert (session.isa, session.device) == ("ptx", "cuda")
        assert session.device_name == "cuda:0 (PTX executor as sm_90, sm_90)"
        for n in (1, 3, 8, 3, 1):
            np.testing.assert_array_equal(session(x[8 - n :]), network.expected(x[8 - n :]))
        q = network.quantize(x)
        (raw,) = session.run(None, {"x": q[:3]}, raw=True)
        np.testing.assert_array_equal(raw, network.expected_raw(q[:3]))
        np.testing.assert_array_equal(session(x[:3]), network.expected(x[:3]))
        np.testing.assert_array_equal(session(x[:2]), network.expected(x[:2]))  # made after a raw one


def test_an_artifact_without_another_program_needs_no_device_named(model, network, x, cuda) -> None:
    with dyadic.load(model) as session:
        np.testing.assert_array_equal(session(x[:1]), network.expected(x[:1]))


def test_a_batch_is_one_graph(model, x, cuda) -> None:
    """A graph is made at the first use of a size, and replayed with what the user's arrays then hold."""
    with dyadic.load(model, device="cuda", max_batch=3) as session:
        assert [one.kernel for one in cuda.log()] == ["fill"]
        session(x[:2])
        assert [one.kernel for one in cuda.log()] == ["quantize", "both", "dequantize"]
        context = inside(session).idle[0]
        graphs = dict(context.graphs)
        session(x[1:3])
        assert dict(context.graphs) == graphs and len(graphs) == 1
        session(x[:3])
        session.run(None, {"x": np.zeros((2, *x.shape[1:]), np.uint8)}, raw=True)
        assert [key for key in context.graphs] == [(2, "all"), (3, "all"), (2, "raw")]


def test_few_graphs_are_kept(write, network, x, cuda, monkeypatch) -> None:
    monkeypatch.setattr("dyadic.runtime.cuda.context.MOST_GRAPHS", 2)
    with dyadic.load(write(network.program, network.constants), device="cuda", max_batch=8) as session:
        for n in (1, 2, 4, 1, 2, 1, 3):
            np.testing.assert_array_equal(session(x[:n]), network.expected(x[:n]))
        assert list(inside(session).idle[0].graphs) == [(1, "all"), (3, "all")]  # 2 was used less lately


def test_threads_run_at_the_same_time(model, network, x, cuda) -> None:
    expected = network.expected(x)
    start = threading.Barrier(4)

    def work(k: int) -> bool:
        start.wait()
        return all((session(x[k : k + 1 + i % 4]) == expected[k : k + 1 + i % 4]).all() for i in range(12))

    with dyadic.load(model, device="cuda", max_batch=4) as session:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(work, range(4)))
        assert 1 <= len(inside(session).idle) <= 4
        session(x[:1])


def set_room(session: Session, cuda: Gpu, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many bytes of the device are left."""
    sizes = ctypes.c_size_t(), ctypes.c_size_t()
    with device_of(session).current():
        cuda.call("cuMemGetInfo_v2", *map(ctypes.byref, sizes))
    monkeypatch.setenv("PTX_EXECUTOR_MEMORY", str(sizes[1].value - sizes[0].value + room))


@pytest.mark.parametrize("room", [1000, 1700, 3300])
def test_a_run_waits_where_memory_is_short(model, network, x, cuda, monkeypatch, room) -> None:
    """There is no room for another arena (1600 bytes), or none for the arrays beside it (1680 each)."""
    with dyadic.load(model, device="cuda", max_batch=4) as session, ThreadPoolExecutor(1) as pool:
        session(x[:4])
        executor = inside(session)
        with device_of(session).current():
            held = executor._take(executor._open())
        set_room(session, cuda, room, monkeypatch)
        waiting = pool.submit(session, x[:2])
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        executor._give_back(held)
        np.testing.assert_array_equal(waiting.result(), network.expected(x[:2]))
        assert executor.idle == [held]


def test_threads_take_turns_where_memory_is_short(model, network, x, cuda, monkeypatch) -> None:
    """There is room for one more arena with its arrays."""
    with dyadic.load(model, device="cuda", max_batch=4) as session:
        session(x[:4])
        set_room(session, cuda, 6000, monkeypatch)
        start = threading.Barrier(6)

        def work(k: int) -> bool:
            start.wait()
            return all((session(x[k : k + 2]) == network.expected(x[k : k + 2])).all() for _ in range(5))

        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(work, range(6)))
        assert len(inside(session).idle) <= 2


def test_sessions_share_a_device(model, network, x, cuda) -> None:
    with dyadic.load(model, device="cuda") as one, dyadic.load(model, device="cuda:0", max_batch=2) as other:
        assert device_of(one) is device_of(other)
        np.testing.assert_array_equal(one(x[:1]), network.expected(x[:1]))
        one.close()
        np.testing.assert_array_equal(other(x[:2]), network.expected(x[:2]))
    with pytest.raises(UsageError, match="the session is closed"):
        other(x[:1])


def test_threads_load_at_the_same_time(model, network, x, cuda, monkeypatch) -> None:
    """Two that make the same device or weights end with one of them."""
    start, both = threading.Barrier(3), threading.Barrier(3)
    initialize, upload = Device.__init__, Model._upload

    def slow(self: Device, *arguments: Any) -> None:
        initialize(self, *arguments)
        both.wait()

    def slow_upload(self: Model, file: Any) -> int:
        made = upload(self, file)
        both.wait()
        return made

    monkeypatch.setattr(Device, "__init__", slow)
    monkeypatch.setattr(Model, "_upload", slow_upload)

    def work(k: int) -> bool:
        start.wait()
        with dyadic.load(model, device="cuda") as session:
            same = (session(x[k : k + 1]) == network.expected(x[k : k + 1])).all()
            sharing.append((inside(session)._open().constants, device_of(session)))
            start.wait()  # nobody has closed before all have loaded
        return bool(same)

    sharing: list[tuple[int, Device]] = []
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(work, range(3)))
    assert len(set(sharing)) == 1


def test_weights_and_code_are_there_once(model, write, network, x, cuda) -> None:
    """Of all sessions, and of all programs of a session, that have the same; the last one gives them back."""
    other_weights = write(network.program, network.constants[:-1] + b"x", "other.dyq")
    with dyadic.load(model, device="cuda") as one, dyadic.load(model, device="cuda") as same:
        a, b = inside(one)._open(), inside(same)._open()
        assert (a.module, a.constants) == (b.module, b.constants)
        with dyadic.load(other_weights, device="cuda") as other:
            c = inside(other)._open()
            assert c.module == a.module and c.constants != a.constants
        one.close()
        np.testing.assert_array_equal(same(x[:1]), network.expected(x[:1]))


def test_numbers_that_are_looked_up_are_whole(write, numbers, cuda) -> None:
    """The user's int64 are checked on the host and are int32 on the device; here their lowest bytes are the result."""
    ids = Input("ids", ("N", 6), "int32", Layout(0, 0, (4, 1), 64), 1.0, 0, 0, 200, given="int64")
    target = Output("y", ("N", 6), Layout(0, 0, (4,), 64), SCALE, ZERO_POINT)
    enter = Crossing("words_in", "words_in", 6, 64, 64, 0)
    leave = Crossing("dequantize", "raw_out", 6, 128, 64, 0)
    program = CudaProgram(
        buffers=(Buffer(0, 64),), arena_bytes=64, inputs=(ids,), outputs=(target,),
        boundary=(enter, leave), steps=(),
        code={"ptx": Code("ptx", {name: () for name in ("words_in", "dequantize", "raw_out")})},
    )  # fmt: skip
    params = numbers(sizes=(1, 1, 6), pixel=4, rows=(0, 0), items=6)
    given = np.random.default_rng(1).integers(0, 201, (3, 6))
    with dyadic.load(write(program, params.tobytes() + bytes(64)), device="cuda", max_batch=3) as session:
        expected = (given - ZERO_POINT).astype(np.float32) * np.float32(SCALE)
        np.testing.assert_array_equal(session(given), expected)
        (raw,) = session.run(None, {"ids": given}, raw=True)
        np.testing.assert_array_equal(raw, given)
        with pytest.raises(UsageError, match="the network takes whole numbers from 0 to 200"):
            session(given + 100)
        onboard = Claims(given.astype(np.int32))
        with pytest.raises(UsageError, match="input 'ids' is on the device, where whole numbers cannot be checked"):
            session(onboard)


def test_copies_and_pickles_are_on_the_device_too(model, network, x, cuda) -> None:
    with dyadic.load(model, device="cuda:0") as session:
        for other in (copy.copy(session), pickle.loads(pickle.dumps(session))):
            with other:
                assert other.device == "cuda"
                np.testing.assert_array_equal(other(x[:1]), network.expected(x[:1]))
        session.reset()
        twin = copy.copy(session)
    np.testing.assert_array_equal(twin(x[:1]), network.expected(x[:1]))  # the model is closed by its last user
    twin.close()


def test_a_forgotten_session_gives_everything_back(model, x, cuda) -> None:
    session = dyadic.load(model, device="cuda")
    session(x[:1])
    del session
    gc.collect()  # and the fixture looks


def test_rings_are_written_once(model, network, x, cuda) -> None:
    """Each context has its own, for all images of the largest batch."""
    with dyadic.load(model, device="cuda", max_batch=5) as session:
        for _ in range(3):
            session(x[:5])
        assert [one.kernel for one in cuda.log()].count("fill") == 1


def test_a_grid_has_a_second_dimension(write, network, x, cuda) -> None:
    (fill,) = network.program.setup
    kernels = network.program.code["ptx"].kernels | {"halves": ()}
    program = replace(
        network.program, setup=(replace(fill, kernel="halves", grid_y=2),), code={"ptx": Code("ptx", kernels)}
    )
    with dyadic.load(write(program, network.constants), device="cuda") as session:
        np.testing.assert_array_equal(session(x[:1]), network.expected(x[:1]))


def test_a_profile_has_times_of_the_device(model, x, cuda) -> None:
    with dyadic.load(model, device="cuda", max_batch=2) as session:
        times = session.profile({"x": x[:2]}, iterations=3, warmup=1)
    assert [(t.layer, t.op, t.macs) for t in times] == [
        ("", "quantize", 0),
        ("/both", "add", 18),
        ("", "dequantize", 0),
    ]
    assert all(t.median_ns > 0 for t in times)


def test_users_arrays_are_written(model, network, x, cuda) -> None:
    with dyadic.load(model, device="cuda", max_batch=2) as session:
        out = np.empty_like(x[:2])
        (given,) = session.run(None, {"x": np.asfortranarray(x[:2])}, out=[out])
        assert given is out
        np.testing.assert_array_equal(out, network.expected(x[:2]))


def test_parts_of_an_output_come_together(write, network, x, cuda) -> None:
    """Two images of one channel make one array of two, each with its own crossing."""
    program, (y,) = network.program, network.program.outputs
    at, (_, channels, *area) = y.layout, y.shape
    parts = [
        replace(y, shape=("N", 1, *area), layout=replace(at, offset=c), start=(c, 0, 0), whole=(2, *area))
        for c in (0, 2 - 1)
    ]
    params = np.frombuffer(network.constants[64:128], np.int32).copy()
    params[4], params[10] = 1, params[10] // channels
    items = int(params[10])
    leave = replace(program.boundary[1], items=items, params=len(network.constants))
    two = replace(program, outputs=tuple(parts), boundary=(program.boundary[0], leave, leave))
    path = write(two, network.constants + params.tobytes() + bytes(64))
    with dyadic.load(path, device="cuda", max_batch=3) as session:
        np.testing.assert_array_equal(session(x[:3]), network.expected(x[:3])[:, :2])
        (raw,) = session.run(None, {"x": network.quantize(x[:2])}, raw=True)
        np.testing.assert_array_equal(raw, network.expected_raw(network.quantize(x[:2]))[:, :2])


def test_others_pay_nothing(identity_on_cpu, tmp_path) -> None:
    """Nothing of this is imported where an artifact has no program for a GPU."""
    program, sections = identity_on_cpu
    path = tmp_path / "cpu.dyq"
    artifact.write(path, programs=[program], sections=sections, made={})
    script = f"""
import sys, dyadic
dyadic.load({str(path)!r}).close()
assert not [name for name in sys.modules if name.startswith("dyadic.runtime.cuda")]
"""
    subprocess.run([sys.executable, "-c", script], check=True)
