"""What a session on a GPU refuses is a sentence, and nothing of the device is kept."""

import ctypes
import os
from dataclasses import replace

import numpy as np
import pytest
from support.ptx import by_hand

import dyadic
from dyadic.runtime import artifact
from dyadic.runtime.cuda.code_sections import stored
from dyadic.runtime.cuda.driver import driver
from dyadic.runtime.errors import ArtifactError, MachineError, ResourceError, UsageError


def test_there_may_be_no_driver(model, monkeypatch) -> None:
    monkeypatch.setenv("DYADIC_LIBCUDA", "/nowhere/libcuda.so.1")
    with pytest.raises(MachineError) as error:
        dyadic.load(model, device="cuda")
    said = str(error.value)
    assert said.startswith("this machine has no CUDA: the library '/nowhere/libcuda.so.1' (DYADIC_LIBCUDA names it)")
    assert error.value.exit_code == 7 and "device 'cpu'" in said


def test_another_library_is_no_driver(model, monkeypatch) -> None:
    monkeypatch.setenv("DYADIC_LIBCUDA", "libc.so.6")
    with pytest.raises(MachineError, match=r"'libc.so.6' \(DYADIC_LIBCUDA names it\) is not CUDA's: it has no"):
        dyadic.load(model, device="cuda")


TAKES_NOT = "does not take the artifact's code for ptx: the code is"


@pytest.mark.parametrize(
    ("setting", "value", "kind", "sentence"),
    [
        ("DEVICES", "0", MachineError, r"there is no GPU that CUDA can use \(.*NO_DEVICE.*VISIBLE_DEVICES is '0'"),
        (
            "SM",
            "75",
            MachineError,
            r"cuda:0 \(.*sm_75\) cannot run the artifact, which holds code for ptx only; .*sm_80 and later",
        ),
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
    """But not what others have in this thread."""
    cuda.call("cuInit", 0)
    mine = cuda.made("cuDevicePrimaryCtxRetain", 0)
    cuda.call("cuCtxPushCurrent_v2", mine)
    with dyadic.load(faulty, device="cuda") as session, dyadic.load(model, device="cuda") as other:
        for one in (session, session, other):
            with pytest.raises(MachineError, match=r"a kernel failed on the GPU, which .* cannot use"):
                one(x[:1])
        with pytest.raises(MachineError, match="a kernel failed on the GPU"):
            dyadic.load(model, device="cuda")
    found = ctypes.c_void_p()
    cuda.call("cuCtxPopCurrent_v2", ctypes.byref(found))
    assert found.value == mine.value


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
        assert session.device_name != first.device_name
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
    with pytest.raises(
        UsageError, match="the level 'sm_80' was asked for, but the artifact holds code for sm_90a, ptx only"
    ):
        dyadic.load(path, device="cuda", isa="sm_80")
    for broken in (b"\x7fELF", bytes(64), elf[:32] + (1 << 40).to_bytes(8, "little") + bytes(24)):
        path = write(program, network.constants, "broken.dyq", sm_90a=broken)
        with pytest.raises(ArtifactError, match="its section 'cuda/code/sm_90a' is no whole cubin"):
            dyadic.load(path, device="cuda")
    monkeypatch.setenv("PTX_EXECUTOR_SM", "80")
    dyadic.load(path, device="cuda").close()  # nobody looks at the broken one


def test_code_is_deflated(write, network, x, cuda, monkeypatch) -> None:
    text = by_hand.text(list(network.program.code["ptx"].kernels))
    content = stored(text.encode())
    assert 4 * len(content) < len(text)
    path = write(network.program, network.constants, ptx=content)
    with dyadic.load(path, device="cuda") as session:
        np.testing.assert_array_equal(session(x[:1]), network.expected(x[:1]))
    for damaged in (content[:-1], content + b"x", content[:40] + b"\0" * 40):
        path = write(network.program, network.constants, "damaged.dyq", ptx=damaged)
        with pytest.raises(ArtifactError, match="cannot be used: its section 'cuda/code/ptx' is"):
            dyadic.load(path, device="cuda")
    monkeypatch.setattr(artifact, "MOST_INFLATED", len(text) - 1)
    path = write(network.program, network.constants, "bomb.dyq", ptx=content)
    with pytest.raises(ArtifactError, match="is not one deflated stream of at most"):
        dyadic.load(path, device="cuda")


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
    with pytest.raises(ResourceError, match=r"a batch of 8 is too large for .* on a GPU, which takes 7 of its images"):
        dyadic.load(path, device="cuda", max_batch=8)


def test_a_missing_kernel_is_found_at_once(write, network, cuda) -> None:
    path = write(network.program, network.constants, ptx=by_hand.text(["both"]).encode())
    with pytest.raises(MachineError, match="cuModuleGetFunction"):
        dyadic.load(path, device="cuda")


def test_a_forked_process_is_told(model, x, cuda) -> None:
    """And calls the driver for nothing, not to give back what is its parent's either."""
    with dyadic.load(model, device="cuda") as session:
        functions = driver().functions
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            said = b"nothing"
            functions.clear()
            try:
                session(x[:1])
            except UsageError as error:
                said = str(error).encode()
                session.close()
                said += b"; closed"
            finally:
                os.write(write, said)
                os._exit(0)
        os.waitpid(child, 0)
        said = os.read(read, 1000)
        assert b"CUDA to that one alone" in said and said.endswith(b"; closed")
        session(x[:1])
        os.close(read)
        os.close(write)
