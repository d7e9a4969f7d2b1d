"""A host without Python: the native library's own reader accepts what Python's accepts, and runs to the same bits."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from support import c_host, sanitized
from support.broken_artifacts import broken, header_of, sealed, written
from support.c_host import Host, same_bits
from support.effort import SEED

import dyadic
from dyadic.runtime import artifact, native
from dyadic.runtime.errors import ArtifactError, DyadicError, FileError, MachineError, UsageError
from dyadic.runtime.last_function import LastFunction
from dyadic.runtime.native import __main__ as where_it_is
from dyadic.runtime.native import native_build

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples" / "c"
LOAD_MANY = ROOT / "tests" / "support" / "native" / "load_many.c"


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_same_bits_as_from_python(model: Path, raw: bool, batch: int) -> None:
    with dyadic.load(model, max_batch=3, threads=2) as session, Host(model, max_batch=3, threads=2) as host:
        assert (host.level, host.threads) == (session.isa, session.threads)
        assert c_host.shape_of(host.inputs[0]) == (-1, 3, 9, 13)
        assert c_host.name_of(host.inputs[0].type) == "float32" and host.inputs[0].scale == np.float32(0.037)
        same_bits(session, host, batch, 0, raw, seed=batch)


def nasty() -> np.ndarray:
    values = [np.nan, np.inf, -np.inf, 1e38, -1e38, 0.5, 1.5, 2.5, -0.5, 1e-45, -0.0, 254.5, 255.5, 3.0]
    return np.resize(np.array(values, np.float32), (2, 3, 4, 5))


def test_the_boundary_is_the_same_for_numbers_that_are_none(write, identity) -> None:
    path = write(identity(3, 4, 5, halo=(1, 2, 1, 0), pixel=4, zero_point=7, lo=3, hi=250))
    with dyadic.load(path, max_batch=2) as session, Host(path, max_batch=2) as host:
        y = session(nasty())
        np.testing.assert_array_equal(host.run({"x": nasty()}, [(y.shape, y.dtype)], batch=2)[0], y)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("raw", [False, True])
def test_whole_numbers_and_answers_of_other_types(write, identity, wide: bool, raw: bool) -> None:
    program = identity(3, 4, 5, dtype="int16" if wide else "uint8", wide=wide, lo=-99 if wide else 1, hi=200,
                       out_scale=0.75)  # fmt: skip
    x = replace(program.inputs[0], given="int64", zero_point=0 if wide else 5)
    for given in ("int64", "int32", "int16", "int8", "uint8", "bool", "uint64"):
        y = replace(program.outputs[0], given=given)
        path = write(replace(program, inputs=(x,), outputs=(y,)))
        with dyadic.load(path, max_batch=3) as session, Host(path, max_batch=3) as host:
            same_bits(session, host, 3, 0, raw)
            feeds = {"x": np.full((1, 3, 4, 5), 201, np.int64)}
            sentence = r"input 'x' holds 201 at \[0, 0, 0, 0\]; the network takes whole"
            with pytest.raises(UsageError, match=sentence):
                session.run(None, feeds)
            with pytest.raises(UsageError, match=sentence):
                host.run(feeds, [((1, 3, 4, 5), np.dtype(given))])


LAST = [
    *(LastFunction(name, axis) for name in ("softmax", "log_softmax", "sigmoid", "hardmax") for axis in (0, 1, 3)),
    LastFunction("softmax", 1, left_out=True),
    LastFunction("largest", 1, entries=2, shape=(2, 4, 5)),
    LastFunction("smallest", 2, entries=3, shape=(3, 3, 5)),
    LastFunction("largest_places", 3, entries=5, shape=(60,)),
    LastFunction("smallest_places", 1, entries=1, shape=(4, 5)),
    LastFunction("last_largest_place", 1, entries=1, shape=(1, 4, 5)),
    LastFunction("last_smallest_place", 3, entries=1, shape=(3, 4)),
]


@pytest.mark.parametrize("last", LAST, ids=lambda last: f"{last.name}-{last.axis}")
def test_what_a_model_does_last(write, identity, last: LastFunction) -> None:
    program = identity(3, 4, 5, scale=0.25, zero_point=100, out_scale=0.0625, out_zero_point=100)
    for given, batch_axis in (("", 0), ("int64" if last.ranks else "", 1)):
        y = replace(program.outputs[0], last=last, given=given, batch_axis=batch_axis)
        path = write(replace(program, outputs=(y,)))
        for complete in (False, True):
            flags = c_host.COMPLETE * complete
            with (
                dyadic.load(path, max_batch=2, complete=complete) as session,
                Host(path, max_batch=2, flags=flags) as host,
            ):
                assert host.outputs[0].last == last.name.encode()
                assert c_host.shape_of(host.outputs[0]) == tuple(
                    -1 if n == "N" else n for n in session.outputs[0].shape
                )
                for raw in (False, True):
                    same_bits(session, host, 2, 0, raw)


@pytest.mark.parametrize("raw", [False, True])
def test_tokens_parts_and_ids(varied: Path, raw: bool) -> None:
    with dyadic.load(varied, max_batch=3) as session, Host(varied, max_batch=3) as host:
        assert [host.inputs[i].token_axis for i in range(3)] == [-1, 1, 1]
        assert (host.outputs[0].parts, host.outputs[0].scale, host.inputs[1].high) == (2, 0.5, 49)
        for batch, tokens in ((1, 8), (3, 8), (2, 4), (3, 3), (1, 1), (2, 5)):
            same_bits(session, host, batch, tokens, raw)


def test_ids_are_looked_at(varied: Path) -> None:
    feeds = {"x": np.zeros((1, 3, 4, 5), np.float32), "ids": np.ones((1, 8), np.int64), "mask": np.ones((1, 8), bool)}
    with dyadic.load(varied) as session, Host(varied) as host:
        shapes = [(y.shape, y.dtype) for y in session.run(None, feeds)]
        for ids, sentence in (
            ([1, 2, 50], "input 'ids' holds 50 at [0, 2]; the network takes whole numbers from 0 to 49"),
            ([-1], "holds -1 at [0, 0]"),
            ([1, 0, 2], "holds 0, which is padding, at [0, 1] in front of other tokens"),
        ):
            bad = feeds | {"ids": np.array([ids + [1] * (8 - len(ids))])}
            for run in (partial(session.run, None, bad), partial(host.run, bad, shapes)):
                with pytest.raises(UsageError) as error:
                    run()
                assert sentence in str(error.value)


def test_of_several_levels_the_same_is_taken(tmp_path: Path, network, image) -> None:
    """The code is the same for all; which is asked for is not."""
    names = ("amx", "avx512vnni", "avx2", "x86-64", "later")
    contents = {"cpu/weights": network.weights, "cpu/params": network.params}
    contents |= {f"cpu/code/{name}": image.code for name in names}
    program = replace(network.program, entries=dict.fromkeys(names, image.entries))
    path = tmp_path / "levels.dyq"
    artifact.write(path, programs=[program], sections=contents, made={})
    for isa in (None, *names):
        level, codes = [], []
        for load in (partial(dyadic.load, path, isa=isa), partial(Host, path, isa=isa)):
            codes.append(outcome(load))
            if not codes[-1]:
                with load() as loaded:
                    level.append(loaded.isa if isinstance(loaded, dyadic.Session) else loaded.level)
        assert codes[0] == codes[1] and len(set(level)) <= 1, isa


# --- refused alike


def outcome(open_one: Callable[[], object]) -> int:
    """An exit code, 0 where it is taken."""
    try:
        with open_one():  # pyright: ignore[reportGeneralTypeIssues]
            return 0
    except DyadicError as error:
        return error.exit_code


def alike(path: Path, content: bytes, what: str) -> int:
    path.write_bytes(content)
    one, other = outcome(lambda: dyadic.load(path)), outcome(lambda: Host(path))
    assert one == other, f"{what}: Python {one}, C {other}"
    return one


def test_both_readers_refuse_the_same(model: Path, varied: Path, write, identity) -> None:
    dice = Random(SEED or 5)
    wide = write(identity(3, 4, 5, halo=(1, 1, 1, 1), wide=True), name="wide.dyq")
    plain = identity(3, 4, 5, pixel=4, dtype="uint8")
    pixels = write(replace(plain, inputs=(replace(plain.inputs[0], mark=255),)), name="pixels.dyq")
    goods = [path.read_bytes() for path in (model, varied, wide, pixels)]
    assert [good[7] for good in goods] == [4, 4, 4, 5] and not alike(model, goods[-1], "pixels")
    codes = [alike(model, broken(dice.choice(goods), dice), f"number {i}") for i in range(250)]
    assert codes.count(5) > 100 and codes.count(0) > 5


@pytest.mark.slow
def test_both_readers_refuse_the_same_of_many(model: Path, varied: Path) -> None:
    dice, goods = Random(SEED or 6), [model.read_bytes(), varied.read_bytes()]
    for i in range(6000):
        alike(model, broken(dice.choice(goods), dice), f"number {i}")


def test_sentences_say_what_and_where(model: Path, tmp_path: Path) -> None:
    good = model.read_bytes()
    header = header_of(good)
    header["programs"][0]["steps"][1]["tiles"] = 0
    cases = [
        (good[:-1], ArtifactError, "bytes, but its header speaks of"),
        (good[:30], ArtifactError, "it has 30 bytes, too few"),
        (good[:7] + b"\3" + good[8:], ArtifactError, "an earlier version of dyadic (its format is 3"),
        (
            good[:7] + b"\x06" + good[8:],
            ArtifactError,
            "a later version of dyadic (its format is 6, this version reads 4 ",
        ),
        (b"PK" + good[2:], ArtifactError, "not a dyadic artifact"),
        (good[:60] + b"!" + good[61:], ArtifactError, "its header is damaged (its SHA-256"),
        (sealed(good, b"[1, 2"), ArtifactError, "its header is not JSON"),
        (
            sealed(good, written(header)),
            ArtifactError,
            "program.steps[1].tiles is 0, expected between 1 and 2147483648",
        ),
    ]
    for content, kind, sentence in cases:
        model.write_bytes(content)
        with pytest.raises(kind) as error:
            Host(model)
        assert sentence in str(error.value) and f"'{model}'" in str(error.value)
    for path, sentence in ((tmp_path / "nothing", "No such file"), (tmp_path, "not a regular file")):
        with pytest.raises(FileError, match=sentence):
            Host(path)


def test_wrong_use_is_one_sentence(model: Path) -> None:
    wrong: tuple[tuple[dict[str, Any], type[DyadicError], str], ...] = (
        ({"isa": "sse9"}, UsageError, "isa asks for 'sse9', which is no instruction set level; there are amx"),
        ({"isa": "avx2"}, UsageError, "the artifact holds code for x86-64 only"),
        ({"variant": "1x9"}, UsageError, "has no variant '1x9'; it has ''"),
        ({"threads": 5000}, UsageError, "threads must be a whole number from 1 to 1024, not 5000"),
        ({"max_batch": -1}, UsageError, "max_batch must be a whole number"),
        ({"flags": 64}, UsageError, "0x40, of which some are unknown"),
    )
    for arguments, kind, sentence in wrong:
        with pytest.raises(kind, match=sentence):
            Host(model, **arguments)
    x = np.zeros((1, 3, 9, 13), np.float32)
    with Host(model, max_batch=2) as host:
        for shape, batch, scalars, sentence in (
            ((1, 3, 9, 12), 1, (), "input 'x' has 1296 bytes, expected 1404 for a batch of 1"),
            ((1, 3, 9, 13), 3, (), "the batch is 3, this model takes 1 to 2"),
            ((1, 3, 9, 13), 1, (4,), "there are 1 scalars, but the network takes 0"),
        ):
            with pytest.raises(UsageError, match=sentence):
                host.run({"x": x[..., : shape[-1]]}, [(x.shape, np.float32)], batch=batch, scalars=scalars)
        with pytest.raises(UsageError, match="output 'y' has 4 bytes, expected 1404"):
            host.run({"x": x}, [((1,), np.float32)])
        with pytest.raises(UsageError, match="tokens is 3, but no input"):
            host.run({"x": x}, [(x.shape, np.float32)], tokens=3)


def test_names_cannot_speak_to_a_terminal(model: Path) -> None:
    good = model.read_bytes()
    header = header_of(good)
    header["programs"][0]["steps"][0].update(layer="\x1b[2J\x9b", kernel="no\nsuch")
    model.write_bytes(sealed(good, written(header)))
    with pytest.raises(ArtifactError) as error:
        Host(model)
    assert r"step 0 ('\x1b[2J\x9b') calls 'no\x0asuch'" in str(error.value)


def test_environment_variables_hold_here_too(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, sentence in (
        ("DYADIC_ISA", "avx2", "DYADIC_ISA asks for 'avx2', but the artifact holds"),
        ("DYADIC_SPIN_US", "soon", "DYADIC_SPIN_US must be 0 to 1000000 microseconds, not 'soon'"),
    ):
        monkeypatch.setenv(name, value)
        with pytest.raises((UsageError, MachineError), match=sentence):
            Host(model)
        monkeypatch.delenv(name)


def test_a_private_copy_survives_what_becomes_of_the_file(model: Path, network) -> None:
    x = np.random.default_rng(3).normal(0, 5, (1, 3, 9, 13)).astype(np.float32)
    with Host(model, flags=c_host.COPY) as host:
        model.write_bytes(b"")
        np.testing.assert_array_equal(host.run({"x": x}, [(x.shape, x.dtype)])[0], network.expected(x))


# --- sanitizers


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Path]]:
    """Hosts by name, built with a sanitizer."""
    made: dict[str, dict[str, Path]] = {}

    def checked(sanitizer: str) -> dict[str, Path]:
        if sanitizer not in made:
            hosts = [EXAMPLES / "serve.cpp", LOAD_MANY]
            made[sanitizer] = sanitized.build(tmp_path_factory.mktemp("sanitized"), sanitizer, hosts)
        return made[sanitizer]

    return checked


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_sanitizers_see_nothing_in_eight_threads_and_a_child(
    model: Path, varied: Path, checked, sanitizer: str
) -> None:
    for path in (model, varied):
        command = [checked(sanitizer)["serve"], path, "8", "20"]
        done = subprocess.run(command, capture_output=True, text=True, env=sanitized.environment())
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_sanitizers_see_nothing_in_broken_files(model: Path, varied: Path, tmp_path: Path, checked) -> None:
    """What is taken of those without kernels is run, too: a kernel that is called for other tiles may do anything."""
    dice, goods = Random(SEED or 7), [model.read_bytes(), varied.read_bytes()]
    lines, expected = [], []
    for i in range(2000):
        path = tmp_path / f"{i}.dyq"
        path.write_bytes(broken(goods[i % 2], dice))
        lines.append(f"{'+' if i % 2 else ' '}{path}\n")
        expected.append(outcome(lambda path=path: dyadic.load(path)))
    command = [checked("address,undefined")["load_many"]]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, env=sanitized.environment())
    assert (done.returncode, done.stderr) == (0, "")
    codes = [tuple(map(int, line.split()[:2])) for line in done.stdout.split("\n") if line]
    assert [loaded for loaded, _ in codes] == expected
    assert {ran for _, ran in codes} <= {0, 2, 8}


# --- the examples


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, built by the commands of their README, with warnings."""
    if missing := [tool for tool in ("cc", "c++") if shutil.which(tool) is None]:
        pytest.skip(f"NOT TESTED: the examples need {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("examples")
    commands = re.findall(r"^    (c(?:c|\+\+) .*)$", (EXAMPLES / "README.md").read_text(), re.M)
    assert len(commands) == 2
    for name in ("run.c", "serve.cpp"):
        shutil.copy(EXAMPLES / name, folder)
    (folder / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (folder / "python").chmod(0o755)
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for command in commands:
        subprocess.run(["bash", "-c", f"{command} -Wall -Wextra -Werror"], cwd=folder, check=True, env=path)
    return folder


def test_the_c_example_gives_pythons_bits(examples: Path, model: Path, network, tmp_path: Path) -> None:
    x = np.random.default_rng(4).normal(0, 5, (2, 3, 9, 13)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    x.tofile(tmp_path / "x.raw")
    for name in ("x.npy", "x.raw"):
        command = [
            str(examples / "run"),
            str(model),
            str(tmp_path / name),
            "--batch",
            "2",
            "--write",
            str(tmp_path / "y"),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert "input 'x' float32 [N, 3, 9, 13], steps of 0.037, zero at 101" in done.stdout
        y = np.fromfile(tmp_path / "y0.raw", np.float32).reshape(x.shape)
        np.testing.assert_array_equal(y, network.expected(x))


def test_the_c_example_ends_with_documented_codes(examples: Path, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((1, 3, 9, 13)))
    (tmp_path / "bad.dyq").write_bytes(model.read_bytes()[:-1])
    for words, code, sentence in (
        ([], 2, "usage"),
        ([model], 2, "a file for each"),
        ([model, tmp_path / "none.npy"], 6, "cannot read"),
        ([model, tmp_path / "wrong.npy"], 2, "does not hold float32 in C order"),
        ([tmp_path / "none.dyq", "x"], 6, "cannot read the artifact"),
        ([tmp_path / "bad.dyq", "x"], 5, "its header speaks of"),
    ):
        done = subprocess.run([examples / "run", *words], capture_output=True, text=True)
        assert done.returncode == code and sentence in done.stderr and done.stderr.count("\n") == 1


def test_the_cpp_example_serves_threads_and_a_child(examples: Path, model: Path) -> None:
    done = subprocess.run([examples / "serve", model, "8", "20"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 threads of x86-64, 20 runs each: 0 other answers, 0 after the fork, child the same" in done.stdout


def test_the_programs_of_the_docs_are_c_and_cpp(tmp_path: Path) -> None:
    compiler = native_build.find_compiler()
    if compiler is None:
        pytest.skip("NOT TESTED: the programs need a C++ compiler")
    page = (ROOT / "docs" / "c-host.md").read_text()
    for kind, language, standard in (("c", "c", "c11"), ("c++", "c++", "c++17")):
        (program,) = re.findall(rf"^```{re.escape(kind)}\n(.*?)^```", page, re.M | re.S)
        command = [*compiler, f"-I{native.HERE}", "-Wall", "-Wextra", "-Werror", f"-std={standard}"]
        subprocess.run([*command, "-fsyntax-only", "-x", language, "-"], input=program, text=True, check=True)
    assert re.search(r"^cc .*\$\(python -m dyadic.runtime.native --cflags --libs\)$", page, re.M)


def test_where_the_library_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    here = str(native.HERE)
    for words, said in (
        (["--cflags", "--libs"], f"-I{here} -L{here} -ldyadic -Wl,-rpath,{here}"),
        (["--include-dir"], here),
        (["--library"], f"{here}/libdyadic.so"),
    ):
        monkeypatch.setattr("sys.argv", ["native", *words])
        assert where_it_is.main() == 0 and capsys.readouterr().out == f"{said}\n"
    monkeypatch.setattr("sys.argv", ["native"])
    with pytest.raises(SystemExit) as ended:
        where_it_is.main()
    assert ended.value.code == 2 and "nothing was asked for" in capsys.readouterr().err
