"""A session gives numpy's answer for any batch, number of threads and way of calling, and says what is wrong."""

import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import dyadic
from dyadic.runtime.buffers import Reference
from dyadic.runtime.cpu import levels
from dyadic.runtime.cpu.program import CpuProgram, Step
from dyadic.runtime.errors import MachineError, UsageError
from dyadic.runtime.session import default_threads


@pytest.fixture
def x(network) -> np.ndarray:
    shape = (5, network.channels, network.height, network.width)
    return np.random.default_rng(0).normal(0, 5, shape).astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 16])
def test_threads_and_batches_change_nothing(model, network, x, threads) -> None:
    with dyadic.load(model, threads=threads, max_batch=5) as session:
        for n in (5, 1, 3, 5):
            np.testing.assert_array_equal(session(x[:n]), network.expected(x[:n]))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("together", "weight_tiles"), [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (0, 3), (1, 3), (3, 3), (0, 9)]
)
def test_images_take_steps_alone_or_together(write, network, image, x, threads, together, weight_tiles) -> None:
    """Batches of 1 and 5 are shared by rows of an image, 2 (of two threads) and 3 (of three) by whole images."""
    steps = tuple(replace(step, weight_tiles=weight_tiles) for step in network.program.steps)
    program = replace(network.program, steps=steps, together=together)
    path = write(program, network.weights, network.params, image)
    with dyadic.load(path, threads=threads, max_batch=5) as session:
        for n in (5, 1, 2, 3, 5):
            np.testing.assert_array_equal(session(x[:n]), network.expected(x[:n]))
        times = session.profile({"x": x}, iterations=2, warmup=1)
    assert [t.layer for t in times if t.kernel] == [step.layer for step in steps]
    assert all(t.median_ns > 0 for t in times)


def test_images_do_not_meet_where_buffers_share_memory(write, network, image, x) -> None:
    """The result lies where the input was: of the same image, whichever has run before."""
    first, second, third, last = network.program.buffers
    program = replace(network.program, buffers=(first, second, third, last._replace(offset=first.offset)), together=3)
    path = write(program, network.weights, network.params, image)
    for threads in (1, 2, 5):
        with dyadic.load(path, threads=threads, max_batch=5) as session:
            np.testing.assert_array_equal(session(x), network.expected(x))


@pytest.mark.parametrize("spin", ["0", "1", "300"])
def test_many_short_runs_with_every_kind_of_waiting(model, network, x, spin, monkeypatch) -> None:
    monkeypatch.setenv("DYADIC_SPIN_US", spin)
    expected = network.expected(x[:1])
    with dyadic.load(model, threads=3) as session:
        for _ in range(300):
            assert (session(x[:1]) == expected).all()


def test_overlapping_steps_need_no_barrier(write, network, image, x) -> None:
    """Two steps that only read what is ready, then one that reads both."""
    box, a, b = network.program.steps
    again = replace(a, layer="/a2", out=b.out)  # the same from the same, into the output's buffer
    program = replace(network.program, steps=(box, a, replace(again, overlap=True)))
    box_and_constants = write(program, network.weights, network.params, image)
    with dyadic.load(box_and_constants, threads=1, max_batch=5) as session:
        expected = session(x)
    assert len(np.unique(expected)) > 100
    for threads in (2, 3, 4):
        with dyadic.load(box_and_constants, threads=threads, max_batch=5) as session:
            for _ in range(50):
                np.testing.assert_array_equal(session(x), expected)


def test_a_thread_has_the_same_tiles_of_overlapping_steps(write, network, image, x) -> None:
    """What lies around its own rows is its own, too: a ring is written beside what it surrounds."""
    (y,) = network.program.outputs
    out = [replace(y, name=f"y{i}", layout=replace(y.layout, buffer=i)) for i in (1, 2, 3)]
    steps = [
        Step(f"/{o.name}", "who", "who", Reference(o.layout.buffer, 0), (), network.height, params=192) for o in out
    ]
    steps = [steps[0], *(replace(step, overlap=True) for step in steps[1:])]
    path = write(
        replace(network.program, outputs=tuple(out), steps=tuple(steps)), network.weights, network.params, image
    )
    for threads in (1, 2, 3, 4):
        with dyadic.load(path, threads=threads, max_batch=5) as session:
            for batch in (1, 5):
                first, *others = session.run(None, {"x": network.quantize(x[:batch])}, raw=True)
                assert len(np.unique(first)) == threads
                rows = first.transpose(0, 2, 3, 1).reshape(batch * network.height, -1)
                assert (rows == rows[:, :1]).all() and np.count_nonzero(np.diff(rows[:, 0])) == threads - 1
                for other in others:
                    np.testing.assert_array_equal(first, other)


def test_what_inputs_and_outputs_say(model, network) -> None:
    with dyadic.load(model, max_batch=2) as session:
        (source,), (target,) = session.inputs, session.outputs
        assert (source.name, source.shape, source.dtype) == ("x", ("N", 3, 9, 13), np.float32)
        assert (target.name, target.shape, target.dtype) == ("y", ("N", 3, 9, 13), np.float32)
        assert source.scale == network.scale and source.zero_point == network.zero_point
        assert session.isa == "x86-64"


def test_raw_gives_and_takes_integers(model, network, x) -> None:
    q = network.quantize(x)
    with dyadic.load(model, threads=2, max_batch=5) as session:
        (y,) = session.run(["y"], {"x": q}, raw=True)
        assert y.dtype == np.uint8
        np.testing.assert_array_equal(y, network.expected_raw(q))
        with pytest.raises(UsageError, match="'x' has dtype float32, expected uint8"):
            session.run(None, {"x": x}, raw=True)


def test_results_are_written_where_asked(model, network, x) -> None:
    with dyadic.load(model, threads=1, max_batch=5) as session:
        out = np.zeros((2, 3, 9, 13), np.float32)
        for given in ([out], {"y": out}):
            out[:] = 0
            (y,) = session.run(None, {"x": x[:2]}, out=given)
            assert y is out
            np.testing.assert_array_equal(out, network.expected(x[:2]))
        frozen = out.copy()
        frozen.flags.writeable = False
        for bad, message in [
            ([out, out], "a list of 1 array"),
            ([out[:1]], r"float32 \[1, 3, 9, 13\], expected float32 \[2, 3, 9, 13\]"),
            ([out.astype(np.float64)], "is float64"),
            ([frozen], "writeable"),
            ([np.zeros((2, 3, 9, 26), np.float32)[..., ::2]], "C-contiguous"),
            ({"z": out}, "out names 'z'"),
            ([[1.0]], "out for 'y' is a list"),
        ]:
            with pytest.raises(UsageError, match=message):
                session.run(None, {"x": x[:2]}, out=bad)


def test_any_strides_and_dlpack(model, network, x) -> None:
    class Foreign:
        """Something that speaks DLPack and is no numpy array."""

        def __dlpack__(self, **options: object) -> object:
            return x.__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return 1, 0

    with dyadic.load(model, threads=1, max_batch=5) as session:
        np.testing.assert_array_equal(session(Foreign()), network.expected(x))
        for other in (x[::2], x[::-1], np.asfortranarray(x), np.broadcast_to(x[:1], x.shape)):
            np.testing.assert_array_equal(session(other), network.expected(np.ascontiguousarray(other)))


def test_wrong_feeds_are_named(model, x) -> None:
    with dyadic.load(model, threads=1, max_batch=2) as session:
        for feeds, message in [
            ({}, "input 'x' is missing; the network takes 'x'"),
            ({"x": x[:1], "z": x[:1]}, "the network has no input 'z'; it takes 'x'"),
            ({"x": x[0]}, r"input 'x' has shape \[3, 9, 13\], expected \[N, 3, 9, 13\]"),
            ({"x": x[:1, :2]}, r"has shape \[1, 2, 9, 13\], expected \[N, 3, 9, 13\]"),
            ({"x": x[:1].astype(np.float64)}, "has dtype float64, expected float32; convert it with .astype"),
            ({"x": x[:1].astype(">f4")}, "has dtype >f4, expected float32"),
            ({"x": x[:0]}, "a batch of 0, this session takes 1 to 2"),
            ({"x": x[:3]}, "a batch of 3, this session takes 1 to 2; load it with a larger max_batch"),
            ({"x": "picture.png"}, "'x' is a str, which is no array of numbers; pass a numpy array"),
            ({"x": None}, "'x' is None, which is no array of numbers"),
            ({"x": np.array([None])}, "has dtype object, expected float32$"),
            ({"x": x.transpose(0, 2, 3, 1)}, "channels last .NHWC.; transpose it with .transpose"),
            ({"x": [[1.0], [2.0, 3.0]]}, "a list, which is no array"),
            ([x], "feeds must map input names to arrays"),
        ]:
            with pytest.raises(UsageError, match=message) as error:
                session.run(None, feeds)
            assert error.value.exit_code == 2
        with pytest.raises(UsageError, match="no output 'logits'; it has 'y'"):
            session.run(["logits"], {"x": x[:1]})
        with pytest.raises(UsageError, match="must be a list of names"):
            session.run("y", {"x": x[:1]})
        with pytest.raises(UsageError, match=r"takes 1 input \('x'\), saw 2"):
            session(x[:1], x[:1])
        with pytest.raises(UsageError, match=r"inputs are given in their order, or by name to run\(None, {'x': x}\)"):
            session(x=x[:1])


def test_two_inputs_must_have_one_batch(write, identity) -> None:
    one = identity(4, 1, 1, rank=2)
    second = replace(one.inputs[0], name="second", layout=replace(one.inputs[0].layout, buffer=1))
    program = CpuProgram((one.buffers[0], one.buffers[0]._replace(offset=64)), 128, 0, (one.inputs[0], second),
                      one.outputs, ())  # fmt: skip
    with dyadic.load(write(program), max_batch=3) as session:
        with pytest.raises(UsageError, match="input 'second' has a batch of 2, but 'x' has 3"):
            session(np.zeros((3, 4), np.float32), np.zeros((2, 4), np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "threads must be a whole number from 1 to 1024, not 0"),
        ({"threads": 2.0}, "threads must be"),
        ({"threads": True}, "threads must be"),
        ({"max_batch": -1}, "max_batch must be"),
        ({"verify": "none"}, "verify must be 'all' or 'code'"),
        ({"code": "rebuild"}, "code must be 'map' or 'copy'"),
        ({"device": 3}, "device is a text as 'cpu' or 'cuda:1', not an int"),
        ({"isa": "sse9"}, "the level 'sse9' was asked for, but there is none of that name; there are amx, .*, x86-64"),
        ({"isa": "x86_64"}, "none of that name; did you mean x86-64?"),
        ({"isa": "avx2"}, "the level 'avx2' was asked for, but the artifact holds code for x86-64 only"),
    ],
)
def test_wrong_options_are_named(model, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        dyadic.load(model, **options)


def test_environment_variables(model, monkeypatch) -> None:
    monkeypatch.setenv("DYADIC_SPIN_US", "soon")
    with pytest.raises(UsageError, match="DYADIC_SPIN_US must be 0 to 1000000 microseconds, not 'soon'"):
        dyadic.load(model)
    monkeypatch.delenv("DYADIC_SPIN_US")
    monkeypatch.setenv("DYADIC_ISA", "avx2")
    with pytest.raises(UsageError, match="the environment variable DYADIC_ISA asks for 'avx2'"):
        dyadic.load(model)
    dyadic.load(model, isa="x86-64").close()


TOO_MUCH = """
import os, resource, sys, numpy, dyadic
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
x = numpy.zeros((1, 3, 9, 13), numpy.float32)
before = os.listdir("/proc/self/task")
try:
    session = dyadic.load(sys.argv[1], threads=int(sys.argv[2]), max_batch=int(sys.argv[3]))
    session(x)
except dyadic.DyadicError as error:
    while len(os.listdir("/proc/self/task")) > len(before):
        pass
    sys.exit(f"{error.exit_code} {error}")
"""


@pytest.mark.parametrize(
    ("threads", "batch", "message"),
    [
        (1, 1 << 20, "8 no memory for a batch of 1048576 on 1 threads, which takes "),
        (1024, 1, "8 cannot start 1023 threads: Resource temporarily unavailable; ask for fewer with threads=N"),
    ],
)
def test_too_much_is_a_sentence(model, threads, batch, message) -> None:
    command = [sys.executable, "-c", TOO_MUCH, str(model), str(threads), str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and done.stderr.startswith(message), done


def test_profile_names_every_step(model, network, x) -> None:
    with dyadic.load(model, threads=2, max_batch=2) as session:
        times = session.profile({"x": x[:2]}, iterations=7)
        assert [t.layer for t in times] == ["", "/conv", "/a", "/b", ""]
        assert [t.op for t in times] == ["quantize", "conv2d", "add", "add", "dequantize"]
        assert all(t.median_ns > 0 for t in times)
        assert times[1].macs == 2 * network.program.steps[0].macs


def test_a_closed_session_says_so(model, x) -> None:
    session = dyadic.load(model)
    session.close()
    session.close()
    with pytest.raises(UsageError, match="the session is closed"):
        session(x[:1])


def test_python_threads_share_a_session(model, network, x) -> None:
    expected = [network.expected(x[i : i + 1]) for i in range(5)]
    with dyadic.load(model, threads=2, max_batch=1) as session, ThreadPoolExecutor(6) as pool:
        results = pool.map(lambda i: (i % 5, session(x[i % 5 : i % 5 + 1])), range(300))
        for i, y in results:
            np.testing.assert_array_equal(y, expected[i])


def native_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def ended_to(count: int) -> bool:
    """Whether that many threads are left; the kernel lists a joined thread for a moment."""
    until = time.monotonic() + 2
    while native_threads() != count and time.monotonic() < until:
        time.sleep(0.001)
    return native_threads() == count


def test_close_waits_for_nobody_and_breaks_nothing(model, network, x) -> None:
    """Threads that run while the session is closed either finish or are told that it is closed."""
    before = native_threads()
    expected = network.expected(x[:1])
    wrong: list[np.ndarray] = []

    def work(session: dyadic.Session) -> None:
        try:
            while True:
                y = session(x[:1])
                if not (y == expected).all():
                    wrong.append(y)
        except UsageError:
            pass

    for _ in range(20):
        session = dyadic.load(model, threads=2)
        workers = [threading.Thread(target=work, args=(session,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        time.sleep(0.005)
        session.close()
        for worker in workers:
            worker.join(10)
            assert not worker.is_alive()
        assert not wrong
        assert ended_to(before)


def test_threads_start_late_and_end_with_the_session(model, x) -> None:
    before = native_threads()
    session = dyadic.load(model, threads=4)
    assert native_threads() == before
    session(x[:1])
    assert native_threads() == before + 3
    session.close()
    assert ended_to(before)
    session = dyadic.load(model, threads=4)
    session(x[:1])
    del session
    gc.collect()
    assert ended_to(before)


@pytest.mark.alone
def test_an_idle_session_uses_no_processor(model, x, monkeypatch) -> None:
    monkeypatch.setenv("DYADIC_SPIN_US", "2000")
    with dyadic.load(model, threads=4) as session:
        session(x[:1])
        time.sleep(0.05)
        before = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - before < 0.03


def test_workers_leave_signals_to_the_host(model, x) -> None:
    with dyadic.load(model, threads=2) as session:
        before = set(os.listdir("/proc/self/task"))
        session(x[:1])
        (worker,) = set(os.listdir("/proc/self/task")) - before
        with open(f"/proc/self/task/{worker}/status") as status:
            (blocked,) = [line.split()[1] for line in status if line.startswith("SigBlk")]
        assert int(blocked, 16) & 0x7FFF == 0x7FFF & ~(1 << 8 | 1 << 18)  # all but SIGKILL (and SIGSTOP)


def test_a_forked_child_runs_too(model, network, x) -> None:
    expected = network.expected(x[:2])
    with dyadic.load(model, threads=3, max_batch=2) as session:
        session(x[:1])
        for _ in range(5):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    good = all((session(x[:2]) == expected).all() for _ in range(20))
                    session.close()
                    code = 0 if good else 2
                finally:
                    os._exit(code)
            np.testing.assert_array_equal(session(x[:2]), expected)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def mappings(path: object) -> str:
    with open("/proc/self/maps") as maps:
        return "".join(line for line in maps if str(path) in line)


def writable_code() -> set[str]:
    """Mappings of this process that may be written and run; other libraries' own compilers make such."""
    with open("/proc/self/maps") as maps:
        return {line for line in maps if "rwx" in line.split()[1]}


def test_code_is_never_writable(model, network, x) -> None:
    others = writable_code()
    with dyadic.load(model, threads=1, max_batch=5) as session:
        mapped = mappings(model)
        assert "r-xp" in mapped and "r--s" in mapped and "w" not in mapped.replace(str(model), "")
        np.testing.assert_array_equal(session(x), network.expected(x))
    assert mappings(model) == ""
    with dyadic.load(model, threads=1, max_batch=5, code="copy") as session:
        assert "x" not in "".join(line.split()[1] for line in mappings(model).splitlines())
        assert not writable_code() - others
        np.testing.assert_array_equal(session(x), network.expected(x))


def test_a_noexec_file_system_is_worked_around(model, network, x, tmp_path) -> None:
    place = tmp_path / "noexec"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "noexec", "none", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("NOT TESTED: this user cannot mount a noexec file system")
    try:
        (place / "m.dyq").write_bytes(model.read_bytes())
        with dyadic.load(place / "m.dyq", threads=1, max_batch=5) as session:
            assert "r-xp" not in mappings(place)
            np.testing.assert_array_equal(session(x), network.expected(x))
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_machine_without_the_features_says_which(model, monkeypatch) -> None:
    monkeypatch.setattr(levels, "features", lambda: frozenset())
    with pytest.raises(MachineError, match=r"this machine cannot run the artifact.*x86-64 needs sse2") as error:
        dyadic.load(model)
    assert error.value.exit_code == 7


@pytest.mark.alone
def test_loading_is_fast(write, identity) -> None:
    path = write(identity(3, 4, 4), weights=bytes(25 << 20))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        with dyadic.load(path):
            times.append(time.perf_counter() - start)
    assert min(times) < 0.1


@pytest.mark.parametrize(
    ("macs", "processors", "threads"), [(0, 8, 1), (90_000_000, 8, 1), (220_000_000, 8, 4), (10**10, 3, 3)]
)
def test_threads_follow_the_work(macs, processors, threads, monkeypatch) -> None:
    step = Step("layer", "qi.conv2d", "k", Reference(0, 0), (), 1, macs=macs)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    assert default_threads(CpuProgram((), 0, 0, (), (), (step,))) == threads
