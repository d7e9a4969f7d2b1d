"""What all runs of a program share on a device: its code, loaded, and its constants, uploaded once."""

import ctypes
import struct
from collections.abc import Callable, Sequence
from functools import partial

from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cuda import levels
from dyadic.runtime.cuda.code_sections import code_of
from dyadic.runtime.cuda.constants import constants_of, identity
from dyadic.runtime.cuda.device import Device, acquire, release
from dyadic.runtime.cuda.driver import (
    CODE_REFUSED,
    ERROR_LOG,
    ERROR_LOG_BYTES,
    MOST_DYNAMIC_SHARED_BYTES,
    CudaError,
)
from dyadic.runtime.cuda.program import CudaProgram, Step
from dyadic.runtime.errors import ArtifactError, MachineError, UsageError
from dyadic.runtime.program import SLACK

UNASKED_SHARED_BYTES = 48 << 10  # more has to be asked for
LOG_BYTES = 8 << 10
ELF, ELF_HEADER = b"\x7fELF", 64


class Model:
    """A loaded program, `users` executors of which are open. `level` is the kind of its code.

    Code and constants are on a device once for all programs of all sessions that have the same, by their hashes."""

    def __init__(self, file: ArtifactFile, program: CudaProgram, ordinal: int, level: str | None) -> None:
        self.program, self.users = program, 0
        self.keys: list[str] = []
        self.device = acquire(ordinal)
        try:
            with self.device.current():
                self.level, self.module = self._load(file, level)
                self.steps, self.setup = (program.launched(one, self.level) for one in (program.steps, program.setup))
                self.functions = self._functions()
                self.constants = self._share(identity(file, program), partial(self._upload, file), "cuMemFree_v2")
        except BaseException:
            self.close()
            raise

    def _share(self, content: str, make: Callable[[], int], dropping: str) -> int:
        key = f"{dropping} {content}"
        handle = self.device.share(key, make, dropping)
        self.keys.append(key)
        return handle

    def _load(self, file: ArtifactFile, asked: str | None) -> tuple[str, int]:
        """The best level that the device runs, or the one asked for, and its module."""
        device, program = self.device, self.program
        refusal: CudaError | None = None
        for level in _candidates(device, program, asked):

            def make(level: str = level) -> int:
                return _module(device, _image(file, program, level))

            try:
                return level, self._share(file.sections[program.section(level)].sha256, make, "cuModuleUnload")
            except CudaError as error:
                if error.result not in CODE_REFUSED:
                    raise
                refusal = CudaError(f"{device} does not take the artifact's code for {level}: {error}", error.result)
        assert refusal is not None
        raise refusal

    def _functions(self) -> dict[str, int]:
        """The handle of every kernel that the program launches, with the shared memory that it needs."""
        driver, program = self.device.driver, self.program
        needed: dict[str, int] = {}
        for step in (*self.setup, *self.steps):
            needed[step.kernel] = max(step.shared_bytes, needed.get(step.kernel, 0))
            if step.shared_bytes > self.device.most_shared_bytes:
                raise MachineError(_too_much_shared(step, self.device))
        for crossing in program.boundary:
            needed = {crossing.kernel: 0, crossing.raw_kernel: 0} | needed
        functions = {}
        for name, shared_bytes in needed.items():
            functions[name] = driver.made("cuModuleGetFunction", self.module, name.encode())
            if shared_bytes > UNASKED_SHARED_BYTES:  # a kernel's is the same in all programs, as its code is
                driver.call("cuFuncSetAttribute", functions[name], MOST_DYNAMIC_SHARED_BYTES, shared_bytes)
        return functions

    def _upload(self, file: ArtifactFile) -> int:
        """The constants, and readable bytes after them."""
        content = constants_of(file, self.program)
        device, stream = self.device, self.device.arrivals
        place = device.allocate(content.size + SLACK, "the weights")
        try:
            device.driver.call("cuMemsetD8Async", place + content.size, 0, SLACK, stream)
            if content.size:
                device.driver.call("cuMemcpyHtoDAsync_v2", place, content.ctypes.data, content.size, stream)
            device.driver.call("cuStreamSynchronize", stream)
        except BaseException:
            device.driver.drop("cuMemFree_v2", place)
            raise
        return place

    def constant(self, offset: int) -> int:
        """The address of a constant, 0 where there is none."""
        return self.constants + offset if offset >= 0 else 0

    def close(self) -> None:
        """Give everything back."""
        with self.device.closing():
            for key in self.keys:
                self.device.unshare(key)
        release(self.device)


def _too_much_shared(step: Step, device: Device) -> str:
    return (
        f"'{step.layer}' needs {step.shared_bytes:,} bytes of shared memory, and a block on {device} has "
        f"{device.most_shared_bytes:,} at most; compile the model again with --target cuda:{device.architecture}"
    )


def _candidates(device: Device, program: CudaProgram, asked: str | None) -> Sequence[str]:
    have = ", ".join(program.levels)
    if asked is not None:
        if asked not in program.code:
            raise UsageError(f"the level '{asked}' was asked for, but the artifact holds code for {have} only")
        return [asked]
    fit = [level for level in program.levels if levels.runs(level, program.code[level].kind, device.capability)]
    if not fit:
        old = device.capability < levels.PORTABLE_NEEDS
        instead = "kernels are for sm_80 and later" if old else "compile the model again with --target cuda:ptx"
        raise MachineError(f"{device} cannot run the artifact, which holds code for {have} only; {instead}")
    return fit


def _image(file: ArtifactFile, program: CudaProgram, level: str) -> bytes:
    """A level's code as the driver reads it: PTX up to a zero, a cubin as far as its header says, which it trusts."""
    content = code_of(file, program.section(level))
    if program.code[level].kind == "ptx":
        return content + b"\0"
    whole = len(content) >= ELF_HEADER and content[:4] == ELF
    if whole:
        programs, sections = struct.unpack_from("<QQ", content, 32)
        sizes = struct.unpack_from("<HHHH", content, 54)
        whole = max(programs + sizes[0] * sizes[1], sections + sizes[2] * sizes[3]) <= len(content)
    if not whole:
        raise ArtifactError(f"'{file.path}' cannot be used: its section '{program.section(level)}' is no whole cubin")
    return content


def _module(device: Device, image: bytes) -> int:
    """Code loaded, which for PTX means compiled. Raises CudaError with what the compiler said."""
    log = ctypes.create_string_buffer(LOG_BYTES)
    options = (ctypes.c_int * 2)(ERROR_LOG, ERROR_LOG_BYTES)
    values = (ctypes.c_void_p * 2)(ctypes.addressof(log), LOG_BYTES)
    try:
        return device.driver.made("cuModuleLoadDataEx", image, 2, options, values)
    except CudaError as error:
        said = log.value.decode(errors="replace").strip()
        raise CudaError(f"{error}{f': {said}' if said else ''}", error.result) from None
