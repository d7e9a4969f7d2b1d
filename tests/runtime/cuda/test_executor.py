"""A session on a GPU gives numpy's answer for any batch, any number of threads and sessions, and says what is wrong."""

import copy
import ctypes
import gc
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import dyadic
from dyadic.runtime import artifact
from dyadic.runtime.cuda.device import Device
from dyadic.runtime.cuda.executor import CudaExecutor
from dyadic.runtime.cuda.model import Model
from dyadic.runtime.cuda.program import Code, Crossing, CudaProgram
from dyadic.runtime.errors import ArtifactError, MachineError, ResourceError, UsageError
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
        for n in (1, 2, 1, 3, 4, 1, 2):
            np.testing.assert_array_equal(session(x[:n]), network.expected(x[:n]))
        assert [key for key in inside(session).idle[0].graphs] == [(1, "all"), (2, "all")]


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


@pytest.mark.parametrize("room", [1000, 1700, 3300, 1600 + 2 * 1680, 6000])
def test_threads_take_turns_where_memory_is_short(model, network, x, cuda, monkeypatch, room) -> None:
    """There is no room for another arena, or none for the arrays beside it, or for one more and for no third."""
    with dyadic.load(model, device="cuda", max_batch=4) as session:
        session(x[:4])
        left, sizes = inside(session)._open().device, (ctypes.c_size_t(), ctypes.c_size_t())
        with left.current():
            cuda.call("cuMemGetInfo_v2", *map(ctypes.byref, sizes))
        taken = sizes[1].value - sizes[0].value
        monkeypatch.setenv("PTX_EXECUTOR_MEMORY", str(taken + room))
        start = threading.Barrier(6)

        def work(k: int) -> bool:
            start.wait()
            return all((session(x[k : k + 2]) == network.expected(x[k : k + 2])).all() for _ in range(5))

        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(work, range(6)))
        assert len(inside(session).idle) <= 1 + room // 4960


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


# --- what is wrong


def test_there_may_be_no_driver(model, monkeypatch) -> None:
    monkeypatch.setenv("DYADIC_LIBCUDA", "/nowhere/libcuda.so.1")
    with pytest.raises(MachineError) as error:
        dyadic.load(model, device="cuda")
    said = str(error.value)
    assert said.startswith("this machine has no CUDA: the library '/nowhere/libcuda.so.1' (DYADIC_LIBCUDA names it)")
    assert error.value.exit_code == 7 and "device='cpu'" in said


def test_another_library_is_no_driver(model, monkeypatch) -> None:
    monkeypatch.setenv("DYADIC_LIBCUDA", "libc.so.6")
    with pytest.raises(MachineError, match=r"'libc.so.6' has no cuInit: NVIDIA's driver is older than CUDA 11.4"):
        dyadic.load(model, device="cuda")


TAKES_NOT = "does not take the artifact's code for ptx: the code is"


@pytest.mark.parametrize(
    ("setting", "value", "kind", "sentence"),
    [
        ("DEVICES", "0", MachineError, r"there is no GPU that CUDA can use \(.*NO_DEVICE.*VISIBLE_DEVICES is '0'"),
        ("SM", "75", MachineError, r"cuda:0 \(.*sm_75\) cannot run the artifact, which holds code for ptx only"),
        ("DRIVER", "11000", MachineError, f"{TAKES_NOT} newer than NVIDIA's.*PTX 7.1 with a driver of CUDA 11.0"),
        ("MEMORY", "1", ResourceError, r"no memory on cuda:0 .* for the weights: it takes 448 bytes, and .* are free"),
        ("FAIL", "cuMemAlloc_v2:2:2", ResourceError, r"cuda:0 .* for 4 images of the network: it takes 1,600 bytes"),
        ("FAIL", "cuMemHostAlloc:1:2", ResourceError, "no page-locked memory for 'x' of 4 images: 1,680 bytes"),
        ("FAIL", "cuInit:1:803", MachineError, "NVIDIA's library and kernel module differ in version"),
        ("FAIL", "cuInit:1:999", MachineError, r"the CUDA driver refuses cuInit \(CUDA error 999"),
        ("FAIL", "cuModuleLoadDataEx:1:209", MachineError, f"{TAKES_NOT} for another GPU"),
        ("FAIL", "cuStreamCreate:2:2", ResourceError, "the GPU has no memory left"),
        ("FAIL", "cuDevicePrimaryCtxRetain:1:101", MachineError, "the CUDA driver refuses cuDevicePrimaryCtxRetain"),
        ("FAIL", "cuGraphInstantiateWithFlags:1:2", ResourceError, "no memory left"),
        ("FAIL", "cuStreamEndCapture:1:900", MachineError, "refuses cuStreamEndCapture"),
        ("FAIL", "cuLaunchKernel:3:701", MachineError, "refuses cuLaunchKernel"),
    ],
)
def test_what_a_driver_refuses_is_a_sentence(
    model, network, x, cuda, monkeypatch, setting, value, kind, sentence
) -> None:
    """And what was taken until then is given back, as the fixture sees."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with monkeypatch.context() as patch:
        patch.setenv(f"PTX_EXECUTOR_{setting}", value)
        with pytest.raises(kind, match=sentence), dyadic.load(model, device="cuda", max_batch=4) as session:
            session(x[:2])
    with dyadic.load(model, device="cuda") as session:
        np.testing.assert_array_equal(session(x[:1]), network.expected(x[:1]))


def test_a_failed_capture_leaves_a_session_that_works(model, network, x, cuda, monkeypatch) -> None:
    with dyadic.load(model, device="cuda", max_batch=4) as session:
        monkeypatch.setenv("PTX_EXECUTOR_FAIL", "cuLaunchKernel:3:701")
        with pytest.raises(MachineError):
            session(x[:2])
        np.testing.assert_array_equal(session(x[:2]), network.expected(x[:2]))


def test_a_fault_ends_what_the_process_can_do_with_the_device(faulty, model, x, cuda) -> None:
    with dyadic.load(faulty, device="cuda") as session, dyadic.load(model, device="cuda") as other:
        for one in (session, session, other):
            with pytest.raises(MachineError, match=r"a kernel failed on the GPU, which .* cannot use"):
                one(x[:1])
        with pytest.raises(MachineError, match="a kernel failed on the GPU"):
            dyadic.load(model, device="cuda")


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("cuda:1", r"there is no device cuda:1: the only GPU that CUDA sees is cuda:0"),
        ("cpu", r"has no program for 'cpu', it has one for 'cuda'; compile the model with --target cpu"),
        ("gpu", r"there is no device 'gpu'; there are 'cpu', 'cuda'"),
        ("cuda:", r"there is no device 'cuda:'"),
        ("cuda:x", r"there is no device 'cuda:x'"),
        ("", None),
    ],
)
def test_devices_have_names(model, cuda, device, sentence) -> None:
    if sentence is None:
        dyadic.load(model, device=device).close()
        return
    with pytest.raises((UsageError, MachineError), match=sentence):
        dyadic.load(model, device=device)


def test_each_device_has_its_own_context(model, network, x, cuda, monkeypatch) -> None:
    monkeypatch.setenv("PTX_EXECUTOR_DEVICES", "2")
    with dyadic.load(model, device="cuda:1") as session, dyadic.load(model, device="cuda") as first:
        assert (session.device, first.device) == ("cuda:1", "cuda")
        assert device_of(session) is not device_of(first)
        np.testing.assert_array_equal(session(x[:1]), network.expected(x[:1]))
    with pytest.raises(MachineError, match="there is no device cuda:2: CUDA sees 2 GPUs"):
        dyadic.load(model, device="cuda:2")


def test_a_kind_of_code_is_chosen(write, network, x, cuda, monkeypatch) -> None:
    """A cubin that a device does not take is no loss where there is PTX; one that is asked for is not replaced."""
    ptx = network.program.code["ptx"]
    program = replace(network.program, code={"ptx": ptx, "sm_90a": replace(ptx, kind="cubin")})
    elf = b"\x7fELF" + bytes(60)
    path = write(program, network.constants, sm_90a=elf)
    with dyadic.load(path, device="cuda") as session:
        assert session.isa == "ptx"
        np.testing.assert_array_equal(session(x[:1]), network.expected(x[:1]))
    with pytest.raises(MachineError, match="does not take the artifact's code for sm_90a: the code is for another GPU"):
        dyadic.load(path, device="cuda", isa="sm_90a")
    with pytest.raises(UsageError, match="isa asks for 'sm_80', but the artifact holds code for sm_90a, ptx only"):
        dyadic.load(path, device="cuda", isa="sm_80")
    for broken in (b"\x7fELF", bytes(64), elf[:32] + (1 << 40).to_bytes(8, "little") + bytes(24)):
        path = write(program, network.constants, "broken.dyq", sm_90a=broken)
        with pytest.raises(ArtifactError, match="its section 'cuda/code/sm_90a' is no whole cubin"):
            dyadic.load(path, device="cuda")
    monkeypatch.setenv("PTX_EXECUTOR_SM", "80")
    dyadic.load(path, device="cuda").close()  # nobody looks at the broken one


def test_shared_memory_is_the_devices(write, network, x, cuda, monkeypatch) -> None:
    (step,) = network.program.steps
    path = write(replace(network.program, steps=(replace(step, shared_bytes=150 << 10),)), network.constants)
    with dyadic.load(path, device="cuda") as session:
        np.testing.assert_array_equal(session(x[:1]), network.expected(x[:1]))
    monkeypatch.setenv("PTX_EXECUTOR_SM", "89")
    with pytest.raises(MachineError, match=r"'/both' needs 153,600 bytes .* has 101,376 at most; .*cuda:sm_89"):
        dyadic.load(path, device="cuda")


def test_a_batch_may_be_too_large_for_a_grid(write, network, cuda) -> None:
    (step,) = network.program.steps
    path = write(replace(network.program, steps=(replace(step, items=1 << 28),)), network.constants)
    with pytest.raises(ResourceError, match=r"max_batch=8 is too large for .*: this network takes 7 at most"):
        dyadic.load(path, device="cuda", max_batch=8)


def test_a_missing_kernel_is_found_at_once(write, network, cuda) -> None:
    from support.ptx import by_hand

    path = write(network.program, network.constants, ptx=by_hand.text(["both"]).encode())
    with pytest.raises(MachineError, match="cuModuleGetFunction"):
        dyadic.load(path, device="cuda")


def test_a_forked_process_is_told(model, x, cuda) -> None:
    with dyadic.load(model, device="cuda") as session:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            said = b"nothing"
            try:
                session(x[:1])
            except UsageError as error:
                said = str(error).encode()
            finally:
                session.close()  # takes nothing from the parent
                os.write(write, said)
                os._exit(0)
        os.waitpid(child, 0)
        assert b"CUDA to that one alone" in os.read(read, 1000)
        session(x[:1])
        os.close(read)
        os.close(write)


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
