"""The file format: damage is always found, writing is all or nothing."""

import hashlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dyadic
from dyadic.runtime import artifact
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cpu.program import Entry
from dyadic.runtime.errors import ArtifactError, FileError


@pytest.fixture
def small(write, identity) -> Path:
    """An artifact that needs no C compiler."""
    return write(identity(3, 4, 4))


def test_what_is_written_is_read(model, network, image) -> None:
    with open_artifact(model) as file:
        assert file.program == replace(network.program, entries={"x86-64": image.entries})
        assert file.programs == (file.program,) and file.program.levels == ("x86-64",)
        assert file.made == {"by": "hand"}
        assert file.json("report") == {"layers": []}
        assert bytes(file.section("cpu/weights")) == network.weights
        assert bytes(file.section("cpu/code/x86-64")) == image.code
        assert file.sections["cpu/code/x86-64"].offset % 4096 == 0
        assert file.sections["cpu/weights"].offset % 64 == 0
        with pytest.raises(ArtifactError, match="no section 'qi'; it has cpu/weights, cpu/params"):
            file.section("qi")


def test_every_flipped_byte_is_found(small) -> None:
    good = small.read_bytes()
    dice = random.Random(1)
    header = 48 + int.from_bytes(good[8:16], "little")
    places = {
        *range(64),
        *(dice.randrange(len(good)) for _ in range(400)),
        *(dice.randrange(header) for _ in range(99)),
    }
    for place in [*places, header - 1, header, len(good) - 1]:
        bad = bytearray(good)
        bad[place] ^= 1 << dice.randrange(8)
        small.write_bytes(bad)
        with pytest.raises(ArtifactError, match="cannot be used"):
            dyadic.load(small)


def test_every_truncation_is_found(small) -> None:
    good = small.read_bytes()
    dice = random.Random(2)
    for length in [*range(64), *(dice.randrange(len(good)) for _ in range(200)), len(good) - 1]:
        small.write_bytes(good[:length])
        with pytest.raises(ArtifactError, match="cannot be used") as error:
            dyadic.load(small)
        assert error.value.exit_code == 5
    small.write_bytes(good + b"\0")
    with pytest.raises(ArtifactError, match="but its header speaks of"):
        dyadic.load(small)


def forge(path: Path, text: bytes, good: bytes) -> None:
    """Another header with a right digest, as someone with bad intentions would make it."""
    assert 48 + len(text) <= 4096 == open_artifact(path).sections["cpu/weights"].offset
    start = good[:8] + len(text).to_bytes(8, "little")
    path.write_bytes((start + hashlib.sha256(start + text).digest() + text).ljust(4096, b"\0") + good[4096:])


def entries(header: dict) -> dict:
    return header["programs"][0]["entries"]["x86-64"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["sections"][0].update(offset=-4096), "section 'cpu/weights' at byte"),
        (lambda h: h["sections"][0].update(length=1 << 70), "is out of place"),
        (lambda h: h["sections"][1].update(offset=0), "is out of place"),
        (lambda h: h["sections"][1].update(name="cpu/weights"), "two sections 'cpu/weights'"),
        (lambda h: h["sections"].pop(2), "no section 'cpu/code/x86-64'"),
        (lambda h: h["sections"].pop(1), "no section 'cpu/params'"),
        (lambda h: h["programs"][0].update(entries={}), "there is no code to run"),
        (lambda h: entries(h).update(nothing=[0, 2, []]), "is outside cpu/code/x86-64"),
        (lambda h: entries(h).update(nothing=[0, 1]), "entries['x86-64']['nothing'] is [0, 1]"),
        (lambda h: h["sections"][3].update(name="cpu/more"), "section 'cpu/more' is used by no program"),
        (lambda h: h["programs"].clear(), "not a list of one or more"),
        (lambda h: h.update(programs={}), "not a list of one or more"),
        (lambda h: h["programs"].append(h["programs"][0]), "two programs 'cpu'"),
        (lambda h: h["programs"].append(None), "a program is described by None"),
        (lambda h: h["programs"][0].update(target="abacus"), "a program for 'abacus', which this version"),
        (lambda h: h["programs"][0].update(target=7), "a program is described by"),
        (lambda h: h["programs"][0].update(weights="gpu/weights"), "section 'gpu/weights', another target's"),
        (lambda h: h.update(data_bytes=1), "its header speaks of"),
        (lambda h: h["programs"][0].pop("steps"), "program is ["),
        (lambda h: h.pop("made"), "its header must have the fields"),
    ],
)
def test_a_forged_header_is_refused(small, change, message) -> None:
    good = small.read_bytes()
    header = json.loads(good[48 : 48 + int.from_bytes(good[8:16], "little")])
    change(header)
    forge(small, json.dumps(header, separators=(",", ":")).encode(), good)
    with pytest.raises(ArtifactError, match=re.escape(message)):
        dyadic.load(small)


@pytest.mark.parametrize("text", [b"", b"[" * 4000, b'{"a": NaN}', b"\xff\xfe", b"null", b"1" * 400])
def test_a_header_that_is_no_header_is_refused(small, text) -> None:
    forge(small, text, small.read_bytes())
    with pytest.raises(ArtifactError, match="its header"):
        dyadic.load(small)


def test_other_files_and_versions_are_told_apart(small) -> None:
    good = small.read_bytes()
    for version, made in ((3, "an earlier"), (9, "a later")):
        small.write_bytes(good[:7] + bytes([version]) + good[8:])
        with pytest.raises(ArtifactError) as error:
            dyadic.load(small)
        assert error.value.exit_code == 5
        assert str(error.value) == (
            f"'{small}' cannot be used: it was made by {made} version of dyadic (its format is {version}, this version "
            "reads 4 and 5): compile the model again with this version, or run it with the one that made it"
        )
    small.write_bytes(b"\x08\x07\x12\x07pytorch" * 99)
    with pytest.raises(ArtifactError, match="it is an ONNX model, not an artifact: compile it"):
        dyadic.load(small)
    small.write_bytes(b"\xde\xad\xbe\xef" * 99)
    with pytest.raises(ArtifactError, match="not a dyadic artifact"):
        dyadic.load(small)


def test_files_that_cannot_be_read(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in [("none.dyq", "No such file"), ("", "it is a folder"), ("pipe", "not a regular file"),
                          ("a\0b", "null byte")]:  # fmt: skip
        with pytest.raises(FileError, match=message) as error:
            dyadic.load(f"{tmp_path}/{name}")
        assert error.value.exit_code == 6


@pytest.mark.parametrize(
    "content", [b"\x78\xda damaged", zlib.compress(b"whole") + b"more", zlib.compress(bytes(99))[:-3]]
)
def test_what_does_not_inflate_is_refused(small, identity, monkeypatch, content) -> None:
    monkeypatch.setattr(artifact.zlib, "compress", lambda view, level: content)
    put(small, identity(1, 1, 1), qi=b"what")
    with open_artifact(small) as file, pytest.raises(ArtifactError, match="section 'qi' is"):
        file.section("qi")


def test_a_section_may_be_as_it_is(small, identity, monkeypatch) -> None:
    monkeypatch.setattr(artifact.zlib, "compress", lambda view, level: view)
    put(small, identity(1, 1, 1), qi=b"ML as it is")
    with open_artifact(small) as file:
        assert bytes(file.section("qi")) == b"ML as it is"


def test_no_section_stands_for_more_than_there_is_room(small, identity, monkeypatch) -> None:
    put(small, identity(1, 1, 1), qi=bytes(10_000))
    monkeypatch.setattr(artifact, "MOST_INFLATED", 9_999)
    with open_artifact(small) as file, pytest.raises(ArtifactError, match="at most 9999 bytes"):
        file.section("qi")


def test_verify_code_leaves_only_the_weights_unread(small) -> None:
    with open_artifact(small) as file:
        places = {name: section.offset for name, section in file.sections.items()}
    good = small.read_bytes()
    for name, place in places.items():
        bad = bytearray(good)
        bad[place] ^= 1
        small.write_bytes(bad)
        with pytest.raises(ArtifactError, match=f"section '{name}' is damaged"):
            dyadic.load(small)
        if name in ("cpu/weights", "report"):
            dyadic.load(small, verify="code").close()
            with open_artifact(small, verify="code") as file, pytest.raises(ArtifactError, match="is damaged"):
                file.section(name)
        else:
            with pytest.raises(ArtifactError, match="is damaged"):
                dyadic.load(small, verify="code")


def test_what_cannot_be_loaded_is_not_written(tmp_path, network, image) -> None:
    steps = (replace(network.program.steps[0], kernel="absent"),)
    program = replace(network.program, steps=steps, entries={"x86-64": image.entries})
    sections = {"cpu/weights": network.weights, "cpu/params": network.params, "cpu/code/x86-64": image.code}
    with pytest.raises(ArtifactError, match=r"step 0 \('/conv'\) calls 'absent', which cpu/code/x86-64 lacks"):
        artifact.write(tmp_path / "m.dyq", programs=[program], sections=sections, made={})
    assert list(tmp_path.iterdir()) == []


# --- writing is all or nothing

SECTIONS = {"cpu/weights": bytes(64), "cpu/params": bytes(64), "cpu/code/x86-64": b"\xc3"}
ENTRIES = {"x86-64": {"nothing": Entry(0, 1, ())}}


def put(path, program, **more) -> None:
    artifact.write(path, programs=[replace(program, entries=ENTRIES)], sections={**SECTIONS, **more}, made={})


def test_links_and_permissions(tmp_path, identity) -> None:
    real, link = tmp_path / "real.dyq", tmp_path / "link.dyq"
    link.symlink_to(real)
    put(link, identity(1, 1, 1))
    assert link.is_symlink()
    mask = os.umask(0)
    os.umask(mask)
    assert real.stat().st_mode & 0o777 == 0o666 & ~mask


def test_places_that_cannot_be_written(tmp_path, identity) -> None:
    program = identity(1, 1, 1)
    (tmp_path / "file").write_text("old")
    for place, message in [
        ("none/m.dyq", "create it first"),
        ("file/m.dyq", "create it first"),
        (".", "regular file"),
        ("/proc/m.dyq", "choose a place that can be written"),
    ]:
        with pytest.raises(FileError, match=message):
            put(tmp_path / place, program)
    with pytest.raises(FileError, match="it exists and is not a regular file"):
        put("/dev/null", program)
    assert Path("/dev/null").is_char_device()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_old_file(small, identity) -> None:
    good = small.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(FileError, match="free some space"):
            put(small, identity(1, 1, 1), qi=random.Random(1).randbytes(1 << 20))  # which deflates to as much
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert small.read_bytes() == good
    assert [p.name for p in small.parent.iterdir()] == [small.name]


def test_an_interrupt_leaves_the_old_file(small, identity, monkeypatch) -> None:
    good = small.read_bytes()

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(small, identity(1, 1, 1))
    monkeypatch.undo()
    assert small.read_bytes() == good
    assert [p.name for p in small.parent.iterdir()] == [small.name]


WRITER = """
import json, sys
from dyadic.runtime import artifact
from dyadic.runtime.cpu.program import CpuProgram
program = CpuProgram.from_json(json.loads(sys.argv[2]))
print("ready", flush=True)
sections = {"cpu/params": bytes(64), "cpu/code/x86-64": b"\\xc3"}
for i in range(10**6):
    artifact.write(sys.argv[1], programs=[program],
                   sections=sections | {"cpu/weights": bytes([i % 256]) * 500_000}, made={})
"""


def test_a_killed_writer_leaves_a_whole_file(small, identity) -> None:
    program = json.dumps(replace(identity(1, 1, 1), entries=ENTRIES).to_json())
    dice = random.Random(3)
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, str(small), program]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(dice.uniform(0.01, 0.12))
            writer.kill()
        with open_artifact(small) as file:
            assert np.unique(np.frombuffer(file.section("cpu/weights"), np.uint8)).size == 1
