"""The machine under the measurements: pinned processors, instruction sets taken away, and who else is using it."""

import ctypes
import os
import struct
import time
from pathlib import Path

from dyadic.runtime.cpu import levels

REQUEST_PERMISSION, SYS_ARCH_PRCTL = 0x1023, 158


def pin(threads: int) -> tuple[int, ...]:
    """Stay on the first `threads` of the processors that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < threads:
        raise SystemExit(f"{threads} threads need as many processors; this process may use {len(allowed)}")
    os.sched_setaffinity(0, allowed[:threads])
    return tuple(allowed[:threads])


def without_amx() -> None:
    """Let the system refuse AMX to this process, so that every engine takes its AVX-512 path, as on a machine without.

    AMX needs arch_prctl(ARCH_REQ_XCOMP_PERM); a seccomp filter answers it with EPERM and allows all else.
    """
    load, equal, give = 0x20, 0x15, 0x06  # BPF: A = word of seccomp_data; skip unless A == k; return k
    program = [
        (load, 0, 0, 0),  # system call number
        (equal, 0, 3, SYS_ARCH_PRCTL),
        (load, 0, 0, 16),  # low word of the first argument
        (equal, 0, 1, REQUEST_PERMISSION),
        (give, 0, 0, 0x00050001),  # fail with EPERM
        (give, 0, 0, 0x7FFF0000),  # allow
    ]
    filters = b"".join(struct.pack("<HBBI", *one) for one in program)
    held = ctypes.create_string_buffer(filters, len(filters))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    zero = ctypes.c_ulong(0)
    if libc.prctl(no_new_privileges, ctypes.c_ulong(1), zero, zero, zero) or libc.prctl(
        set_seccomp, ctypes.c_ulong(filter_mode), header, zero, zero
    ):
        raise SystemExit(f"AMX cannot be taken away from this process: {os.strerror(ctypes.get_errno())}")


def description() -> dict[str, str | int]:
    """The machine by what matters: features, processors, caches."""
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        caches[f"L{(index / 'level').read_text().strip()}"] = (index / "size").read_text().strip()
    return {"levels": ", ".join(levels.usable()), "processors": len(os.sched_getaffinity(0)), **caches}


class Usage:
    """How much of some processors others used, between `start` and `others`."""

    def __init__(self, processors: tuple[int, ...]) -> None:
        self.processors = processors
        self.begin = self._now()

    def _now(self) -> tuple[float, float, float]:
        """Seconds: wall, busy on these processors, used by this process."""
        ticks, busy = os.sysconf("SC_CLK_TCK"), 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *times = line.split()
            if name in {f"cpu{n}" for n in self.processors}:
                user, nice, system, _idle, _wait, interrupt, soft, steal = map(int, times[:8])
                busy += user + nice + system + interrupt + soft + steal
        mine = os.times()
        return time.monotonic(), busy / ticks, mine.user + mine.system

    def others(self) -> float:
        wall, busy, mine = (after - before for after, before in zip(self._now(), self.begin, strict=True))
        return max(0.0, busy - mine) / max(wall * len(self.processors), 1e-9)
