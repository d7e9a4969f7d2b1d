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
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = HERE / "libdyadic.so"

# -ffp-contract=off: the boundary is specified without fused multiply-adds.
FLAGS = ["-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti",
         "-fno-threadsafe-statics", "-Wall", "-Wextra", "-pthread", "-shared"]  # fmt: skip


def sources() -> list[Path]:
    return sorted(HERE.glob("*.cpp"))


def source_digest() -> str:
    """Names the sources; the library carries the name it was built from, so that a stale one is noticed."""
    digest = hashlib.sha256()
    for path in [*sources(), *sorted(HERE.glob("*.h")), Path(__file__)]:
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


def build() -> Path:
    """Compile the library beside its sources; whoever has the old one mapped keeps it."""
    compiler = find_compiler()
    if compiler is None:
        raise RuntimeError("no C++ compiler: install g++ or clang++, set CXX, or `pip install ziglang`")
    link = [] if "ziglang" in compiler else ["-static-libgcc", "-static-libstdc++"]
    handle, temporary = tempfile.mkstemp(prefix="libdyadic-", suffix=".so", dir=HERE)
    os.close(handle)
    try:
        command = [*compiler, *FLAGS, *link, f'-DDYADIC_SOURCE_DIGEST="{source_digest()}"', "-o", temporary]
        done = subprocess.run([*command, *map(str, sources())], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"building the native library failed: {shlex.join(command)}\n{done.stderr}")
        os.chmod(temporary, 0o755)
        os.replace(temporary, LIBRARY)
    finally:
        Path(temporary).unlink(missing_ok=True)
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
