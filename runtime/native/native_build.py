"""Builds libdyadic.so, and the package around it.

This module is the build backend named in pyproject.toml: setuptools, plus `ziglang` as a requirement where the
machine has no C++ compiler. It is also what rebuilds the library of a working tree whose C++ sources have changed.
It imports nothing of dyadic, since it runs before dyadic exists.
"""

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = HERE / "libdyadic.so"

# -ffp-contract=off: the boundary is specified without fused multiply-adds.
FLAGS = ["-std=c++17", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-fno-rtti",
         "-fno-threadsafe-statics", "-Wall", "-Wextra", "-pthread"]  # fmt: skip
# What touches every number of a run; the rest reads a header once.
HOT = {"boundary", "feeds", "last_function", "results", "run", "sha256_library", "team"}
# A host that links it looks for this name, wherever it was linked from, and sees nothing else of ours or of libstdc++.
LINK = ["-shared", "-s", "-Wl,-soname,libdyadic.so", f"-Wl,--version-script={HERE / 'exports.map'}"]


def sources() -> list[Path]:
    return sorted(HERE.glob("*.cpp"))


def source_digest() -> str:
    """Names the sources; the library carries the name it was built from, so that a stale one is noticed."""
    digest = hashlib.sha256()
    vendored = sorted(HERE.glob("third_party/*/*.[ch]"))
    for path in [*sources(), *sorted(HERE.glob("*.h")), HERE / "exports.map", *vendored, Path(__file__)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def find_compiler() -> list[str] | None:
    """The command line of a C++ compiler: $CXX, the system's, or the one that the `ziglang` wheel brings."""
    if os.environ.get("CXX"):
        return shlex.split(os.environ["CXX"])
    for name in ("c++", "g++", "clang++"):
        if path := shutil.which(name):
            return [path]
    if importlib.util.find_spec("ziglang") is not None:
        # An old glibc by name, so that the library loads on older systems than this one.
        return [sys.executable, "-m", "ziglang", "c++", "-target", f"{platform.machine()}-linux-gnu.2.17"]
    return None


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"building the native library failed: {shlex.join(command)}\n{done.stderr}")


def build() -> Path:
    """Compile the library beside its sources; whoever has the old one mapped keeps it."""
    compiler = find_compiler()
    if compiler is None:
        raise RuntimeError("no C++ compiler: install g++ or clang++, set CXX, or `pip install ziglang`")
    link = LINK if "ziglang" in compiler else [*LINK, "-static-libgcc", "-static-libstdc++"]
    with tempfile.TemporaryDirectory(prefix="libdyadic-", dir=HERE) as folder:
        library = Path(folder, LIBRARY.name)
        objects = [Path(folder, f"{source.stem}.o") for source in sources()]
        digest = f'-DDYADIC_SOURCE_DIGEST="{source_digest()}"'
        commands = [
            [*compiler, *FLAGS, "-O3" if source.stem in HOT else "-O1", digest, "-c", str(source), "-o", str(made)]
            for source, made in zip(sources(), objects, strict=True)
        ]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(_run, commands))
        _run([*compiler, *FLAGS, *link, *map(str, objects), "-o", str(library)])
        os.chmod(library, 0o755)
        os.replace(library, LIBRARY)
    return LIBRARY


# --- PEP 517: setuptools is imported late, since the runtime imports this module where setuptools may be missing


def _requirements() -> list[str]:
    return [] if find_compiler() else ["ziglang"]


def get_requires_for_build_wheel(config_settings=None):
    from setuptools import build_meta

    return [*build_meta.get_requires_for_build_wheel(config_settings), *_requirements()]


def get_requires_for_build_editable(config_settings=None):
    from setuptools import build_meta

    return [*build_meta.get_requires_for_build_editable(config_settings), *_requirements()]


def get_requires_for_build_sdist(config_settings=None):
    from setuptools import build_meta

    return build_meta.get_requires_for_build_sdist(config_settings)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    from setuptools import build_meta

    return build_meta.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    from setuptools import build_meta

    return build_meta.prepare_metadata_for_build_editable(metadata_directory, config_settings)


def build_sdist(sdist_directory, config_settings=None):
    from setuptools import build_meta

    return build_meta.build_sdist(sdist_directory, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    from setuptools import build_meta

    build()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    from setuptools import build_meta

    build()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
