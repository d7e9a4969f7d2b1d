"""Hosts built with every source of the native library and a sanitizer, which ends them at the first thing it sees."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dyadic.runtime.native import native_build

# A mistake ends the process; threads that a fork left behind are none (gcc's thread sanitizer says so otherwise).
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:exitcode=99:die_after_fork=0",
}


def build(folder: Path, sanitizer: str, hosts: list[Path]) -> dict[str, Path]:
    """The hosts as programs, by name. sanitizer: as -fsanitize= has it."""
    compiler = native_build.find_compiler()
    assert compiler is not None
    flags = ["-O1", "-g", "-fno-omit-frame-pointer", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-pthread",
             f"-I{native_build.HERE}", '-DDYADIC_SOURCE_DIGEST=""', "-ffp-contract=off"]  # fmt: skip
    sources = [*native_build.sources(), *hosts]

    def one(source: Path) -> str:
        made = folder / f"{source.name}.o"
        language = ["-x", "c", "-std=c11"] if source.suffix == ".c" else ["-std=c++17"]
        subprocess.run([*compiler, *flags, *language, "-c", str(source), "-o", str(made)], check=True)
        return str(made)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        objects = list(pool.map(one, sources))
    library, made = objects[: -len(hosts)], {}
    for source, host in zip(hosts, objects[-len(hosts) :], strict=True):
        made[source.stem] = folder / source.stem
        subprocess.run([*compiler, *flags, *library, host, "-o", str(made[source.stem])], check=True)
    return made


def environment() -> dict[str, str]:
    return {**os.environ, **OPTIONS}
