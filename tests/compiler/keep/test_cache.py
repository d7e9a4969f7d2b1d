"""What is kept is found again, whoever kept it; what cannot be kept is one warning."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from dyadic.compiler import knobs
from dyadic.compiler.keep.cache import FILE, Cache, key_of
from dyadic.compiler.targets import code_generation
from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cpu import codegen
from dyadic.compiler.targets.cpu.codegen import compile_kernels
from dyadic.compiler.targets.maker import End, Jobs
from dyadic.passes.lower.cpu.kernels.families.copy import FillSpec
from dyadic.passes.lower.cpu.kernels.registry import symbol_of

SPEC = FillSpec(rows=1, columns=1, channels=64, unit_rows=1, out_column=64, out_row=64, out_image=64)


def refuse(sentence: str) -> None:
    raise AssertionError(sentence)


def test_values_are_found_again_by_kind_and_key(tmp_path: Path) -> None:
    Cache(tmp_path / "new" / "folder", refuse).write("code", {"a": b"1", "b": b""})
    cache = Cache(tmp_path / "new" / "folder", refuse)
    assert cache.read("code", ["a", "b", "c"]) == {"a": b"1", "b": b""}
    assert cache.read("timing", ["a"]) == {}
    cache.write("code", {"a": b"2"})
    assert cache.read("code", ["a"]) == {"a": b"2"}


def test_without_a_folder_nothing_is_kept() -> None:
    cache = Cache(None, refuse)
    cache.write("code", {"a": b"1"})
    assert cache.read("code", ["a"]) == {}


def test_the_folder_is_the_users_own(tmp_path: Path) -> None:
    Cache(tmp_path / "mine", refuse).write("code", {"a": b"1"})
    assert (tmp_path / "mine").stat().st_mode & 0o077 == 0


def test_a_damaged_value_is_unknown(tmp_path: Path) -> None:
    cache = Cache(tmp_path, refuse)
    cache.write("code", {"a": b"1234"})
    with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
        file.execute("update kept set value = ?", (b"1235",))
    assert cache.read("code", ["a"]) == {}


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + bytes(5000)])
def test_a_broken_file_is_one_warning(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    said: list[str] = []
    cache = Cache(tmp_path, said.append)
    cache.write("code", {"a": b"1"})
    assert cache.read("code", ["a"]) == {}
    assert len(said) == 1 and str(tmp_path / FILE) in said[0] and "DYADIC_CACHE" in said[0]
    assert (tmp_path / FILE).read_bytes() == content


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    said: list[str] = []
    cache = Cache(tmp_path / "file" / "folder", said.append)
    assert cache.read("code", ["a"]) == {} and cache.read("code", ["a"]) == {}
    assert len(said) == 1


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, refuse, limit_bytes=1000)
    for i in range(9):
        cache.write("code", {f"{i}": bytes(100)})
        with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
            file.execute("update kept set used = ? where key = ?", (i, f"{i}"))
    assert cache.read("code", ["0"])  # used now
    cache.write("code", {"new": bytes(200)})
    assert set(cache.read("code", ["new", *map(str, range(9))])) == {"new", "0", "5", "6", "7", "8"}


def test_room_is_given_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path, refuse, limit_bytes=2 << 20)
    for i in range(8):
        cache.write("code", {f"{i}": bytes(1 << 20)})
    assert (tmp_path / FILE).stat().st_size < 3 << 20


def test_several_compiles_may_write_at_once(tmp_path: Path) -> None:
    program = f"""
import warnings
from pathlib import Path
from dyadic.compiler.keep.cache import Cache
warnings.simplefilter("error")
import sys
for i in range(20):
    cache = Cache(Path({str(tmp_path)!r}))
    cache.write("code", {{f"{{sys.argv[1]}}.{{i}}": bytes(1000)}})
    assert cache.read("code", [f"{{sys.argv[1]}}.{{i}}"])
"""
    children = [subprocess.Popen([sys.executable, "-c", program, str(n)]) for n in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    assert len(Cache(tmp_path, refuse).read("code", [f"{n}.{i}" for n in range(4) for i in range(20)])) == 80


def test_variables_say_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert knobs.cache_folder() == tmp_path / "dyadic"
    monkeypatch.setenv("DYADIC_CACHE", "off")
    assert knobs.cache_folder() is None
    monkeypatch.setenv("DYADIC_CACHE", str(tmp_path / "other"))
    assert knobs.cache_folder() == tmp_path / "other"
    monkeypatch.delenv("DYADIC_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert knobs.cache_folder() == Path(os.path.expanduser("~/.cache/dyadic"))


def test_keys_do_not_depend_on_the_order_of_their_parts() -> None:
    assert key_of({"a": 1, "b": (2,)}) == key_of({"b": [2], "a": 1})


def test_machine_code_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs, cache = {symbol_of(SPEC): SPEC}, Cache(tmp_path, refuse)
    made = compile_kernels(specs, ["x86-64"], cache=cache)
    monkeypatch.setattr(codegen, "generated", lambda *_: pytest.fail("a child was started"))
    assert compile_kernels(specs, ["x86-64"], cache=Cache(tmp_path, refuse)) == made


def test_machine_code_depends_on_spec_level_and_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def key(spec: FillSpec, level: str) -> str:
        return codegen.job_of("symbol", level, spec).key

    keys = {key(SPEC, "avx2"), key(SPEC, "x86-64"), key(replace(SPEC, channels=32), "avx2")}
    monkeypatch.setattr(codegen, "code_digest", lambda: "another compiler")
    assert len(keys | {key(SPEC, "avx2")}) == 4


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DYADIC_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(knobs.Path, "home", nowhere)
    assert knobs.cache_folder() is None


def test_what_a_failed_child_left_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where every file is there: the last may be cut short."""
    cache = Cache(tmp_path)

    def fail(_module: str, parts: list[Jobs], *_: object) -> list[End]:
        for job in chain(*parts):
            Path(job["path"]).write_bytes(b"half an object")
        return [(1, "no space left")] * len(parts)

    monkeypatch.setattr(code_generation, "forked", fail)
    with pytest.raises(CodegenError, match="no space left"):
        compile_kernels({}, ["x86-64"], cache=cache)
    monkeypatch.undo()
    assert compile_kernels({}, ["x86-64"], cache=cache)["x86-64"].code
