"""The day with a GPU, rehearsed: a tiny folder is prepared here, and run on the executor."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import faulty_part
from support.ptx import build
from support.ptx.gpu import Gpu
from support.ptx.session import gpu
from torch import nn

import dyadic
from benchmarks.gpu import bits, parts, prediction, sweep, table, tiles
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.carried import BEST, PLAN, TEXT, artifact_of, asked
from benchmarks.gpu.graphs import own_weights
from benchmarks.gpu.inputs import given
from benchmarks.gpu.packed import packed, unpacked
from benchmarks.gpu.prediction import Counted
from benchmarks.gpu.prepare import TESTS, Wanted, add_cubins, own_text, prepare, recorded, size_of, strip
from benchmarks.gpu.records import CUBIN, PTX, Buffer, Launch, Records, joined
from benchmarks.gpu.run import BY_NAME, wrong
from dyadic.compiler.driver import lowered_for, network_after
from dyadic.compiler.job import Job
from dyadic.compiler.targets.cuda.assemble import Assembled
from dyadic.compiler.targets.cuda.target import TARGET
from dyadic.compiler.tools import Tools
from dyadic.passes.lower.cuda.kernel_selection import warpgroups
from dyadic.passes.lower.cuda.kernels.families.product_weights import pack_weights
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.cuda.program import CudaProgram
from dyadic.runtime.program import SLACK

__all__ = ["gpu"]
MATRICES = "tests/ptx/test_fragments.py::test_ldmatrix_hands_out_rows_as_the_manual_says"
OURS = ["device", "kernels", "networks", "peaks", "graphs", "squares", "tiles"]


@pytest.fixture(scope="module")
def folder(gpu: Gpu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("day")
    prepare(made, Wanted(["tiny"], [MATRICES], ["tiny"], [64], shapes=2), say=lambda line: None)
    return made


def ran(folder: Path, gpu: Gpu | None, names: list[str], out: Path) -> tuple[int, dict[str, Any], str]:
    """As a user runs it: exit code, JSON, what is said."""
    command = [sys.executable, "-m", "benchmarks.gpu", "run", folder, "--json", out, "--repeats", "1"]
    environment = os.environ | {"DYADIC_LIBCUDA": gpu.library._name if gpu else "/no/libcuda.so.1"}
    done = subprocess.run(
        [*map(str, command), "--parts", ",".join(names)],
        cwd=parts.TREE, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(out.read_text()), done.stdout + done.stderr


@pytest.mark.slow  # a folder takes a minute of compiling
def test_a_day(folder: Path, gpu: Gpu, tmp_path: Path) -> None:
    code, report, said = ran(folder, gpu, OURS, tmp_path / "out.json")
    assert code == 0, said
    answers = report["parts"]
    assert {part: len(answers[part]) for part in OURS} == {
        "device": 1, "kernels": 2, "networks": 3, "peaks": 6, "graphs": 2, "squares": 1, "tiles": 2,
    }  # fmt: skip
    refused = answers["networks"].pop("tiny, sm_90")
    assert "does not take the artifact's code for sm_90" in refused["left out"]  # the executor takes no cubins
    assert not any("failed" in one or "left out" in one for part in OURS for one in answers[part].values()), said
    assert answers["networks"]["tiny, ptx"] | {"seconds": 0} == {
        "level": "ptx", "images": 8, "wrong": 0, "shown": [], "seconds": 0,
    }  # fmt: skip
    graph = answers["graphs"]["tiny, batch 8"]
    assert graph["launches"] >= 3 and graph["steps_ms"]["runs"] == 1 and graph["slowest"][0]["us"] > 0
    tried = answers["tiles"]["tiny, batch 8"]["products"]
    assert len(tried) >= 2 and all(row["same bits"] for product in tried for row in product["tiles"])
    assert any(len(row["tile"]) == 7 for product in tried for row in product["tiles"])  # by wgmma
    page = table.page(None, table.kept(report))
    assert "PTX executor as sm_90" in page and "| tiny, batch 8 |" in page and "all bits alike" in page
    assert "kernels: 2 of 2 (2 launches) as expected" in page


@pytest.mark.slow  # a folder takes a minute of compiling
def test_wrong_bits_are_found(folder: Path, gpu: Gpu, tmp_path: Path) -> None:
    """Answers are changed, as if the device's were wrong."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    records = Records.load(tmp_path / bits.KERNELS)
    launch = records.launches[0]
    arguments = list(launch.arguments)
    at = next(n for n, one in enumerate(arguments) if isinstance(one, Buffer) and one.result)
    buffer = arguments[at]
    assert isinstance(buffer, Buffer) and buffer.result
    changed = bytearray(records.blob(buffer.result))
    changed[5] ^= 1
    arguments[at] = replace(buffer, result=records.put(bytes(changed)))
    records.launches[0] = replace(launch, arguments=tuple(arguments))
    records.save(tmp_path / bits.KERNELS)
    plan = json.loads((tmp_path / PLAN).read_text())
    (answers,) = plan["networks"]["tiny"]["answers"].values()
    answers[2] = "0" * 16
    (tmp_path / PLAN).write_text(json.dumps(plan))
    swept = Records.load(tmp_path / tiles.FILE)
    swept.said["cases"][0]["tiles"][0]["block_items"] = 10**6  # too few blocks are launched for 8 images
    swept.save(tmp_path / tiles.FILE)
    code, report, said = ran(tmp_path, gpu, ["kernels", "networks", "tiles"], tmp_path / "out.json")
    assert code == 1 and said.count("2 items, 1 with wrong bits") == 2
    assert "3 items, 2 with wrong bits, 1 left out" in said
    first, *others = report["parts"]["tiles"]["tiny, batch 8"]["products"][0]["tiles"]
    assert not first["same bits"] and all(one["same bits"] for one in others)
    (shown,) = report["parts"]["kernels"][launch.test]["shown"]
    assert (shown["bytes"], shown["first"], shown["got"][0] ^ 1) == (1, 5, shown["expected"][0])
    shown = report["parts"]["networks"]["tiny, best"]["shown"]
    assert [(one["batch"], one["images"]) for one in shown] == [(8, [2])]
    page = table.page(None, table.kept(report))
    assert f"`{launch.test}`: 1 wrong" in page and "kernels: 1 of 2" in page and "some bits differ" in page


def test_without_cuda_it_is_a_sentence_and_7(tmp_path: Path) -> None:
    code, report, said = ran(tmp_path, None, OURS, tmp_path / "out.json")
    assert code == 7 and list(report["parts"]) == ["device"]
    assert "error: this machine has no CUDA: the library '/no/libcuda.so.1'" in said and "Traceback" not in said


def test_a_run_imports_nothing_of_the_compiler() -> None:
    code = "import sys, benchmarks.gpu.run, benchmarks.gpu.__main__; print(*sorted(sys.modules))"
    names = subprocess.run(
        [sys.executable, "-c", code], cwd=parts.TREE, capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"torch", "torch_mlir", "onnx", "llvmlite", "scipy", "pytest"}
    upper = ("dyadic.compiler", "dyadic.passes", "dyadic.dialects")
    assert not [name for name in names if name.split(".")[0] in heavy or name.startswith(upper)]
    assert "dyadic.runtime.cuda.context" in names


# --- parts and their children


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> None:
    """They work on `support.faulty_part`."""
    plain, path = subprocess.Popen, f"{parts.TREE}:{parts.TREE / 'tests'}"

    def started(words: list[str], **options: Any) -> Any:
        command = [sys.executable, "-m", "support.faulty_part", *words[5:]]
        return plain(command, env=os.environ | {"PYTHONPATH": path}, **options)

    monkeypatch.setattr(parts.subprocess, "Popen", started)


def answers_of(folder: Path, items: list[str], **limits: Any) -> tuple[dict[str, Any], list[int]]:
    """And how many there were each time that they were kept."""
    (folder / faulty_part.ITEMS).write_text(json.dumps(items))
    seen: list[int] = []
    part = faulty_part.part(folder, **limits)
    return parts.run(part, folder, time.monotonic() + 60, lambda found: seen.append(len(found))), seen


@pytest.mark.slow
def test_what_dies_or_hangs_is_one_item(tmp_path: Path, children: None) -> None:
    answers, seen = answers_of(tmp_path, ["a", "dies", "b", "hangs"], item_seconds=8)
    assert [answers[name].get("item") for name in ("a", "b")] == ["a", "b"]
    assert answers["dies"] == {"failed": "what it said", "exit": 3}
    assert answers["hangs"]["failed"] == "it took more than 8 s"
    assert seen == [1, 2, 3, 4, 4]


def test_failures_in_a_row_end_a_part(tmp_path: Path, children: None) -> None:
    answers, _ = answers_of(tmp_path, ["a", "dies", "dies too", "b"], failures=2)
    assert answers["a"]["item"] == "a" and "failed" in answers["dies too"]
    assert answers["b"] == {"left out": "2 in a row failed before it"}


def test_no_time_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / faulty_part.ITEMS).write_text('["a"]')
    answers = parts.run(faulty_part.part(tmp_path), tmp_path, time.monotonic(), lambda found: None)
    assert answers == {"a": {"left out": "no time was left"}}


# --- what is carried


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    one, other = Records(), Records()
    buffer = Buffer(one.put(b"before"), 3, one.put(b"after!"))
    code = one.put_code({PTX: b"text", CUBIN: b"code"})
    launch = Launch("test", code, "kernel", (3, 2), (64,), 100, (buffer, 7))
    one.launches.append(launch)
    other.put(b"before")
    joined([one, other]).save(tmp_path / "records")
    read = Records.load(tmp_path / "records")
    assert read.launches == [launch] and read.codes == one.codes
    assert read.blob(buffer.content) == b"before" and read.blob(read.codes[code][CUBIN]) == b"code"
    assert len(read.blobs) == 4


def test_what_is_alike_is_carried_once() -> None:
    """However far apart."""
    one = np.random.default_rng(0).bytes(10_000)
    content = one + bytes(9 << 20) + one
    made = packed(content)
    assert unpacked(made) == content and len(made) < 12_000


@pytest.fixture
def of_hopper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with a network whose code for sm_90a has a kernel of its own, as a cubin that no one takes."""
    monkeypatch.setattr(warpgroups, "LEAST_GAIN", 0)
    monkeypatch.setattr(
        "dyadic.compiler.targets.cuda.emit.assemble", lambda text, of: Assembled(b"\x7fELF" + bytes(60), {})
    )
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(4, 70, 64)).astype(np.float32)
    job = Job(nn.Linear(64, 128).eval(), x, example_inputs=(torch.from_numpy(x[:1]),))
    network = network_after("integerize", job)
    (lowered,) = lowered_for(TARGET, [network], Tools.of(job))
    emitted = TARGET.emit(lowered, ["sm_90a", "ptx"], network)
    whole = tmp_path / "whole.dyq"
    emitted.write(whole, {})
    strip(whole, tmp_path / "one.dyq")
    (tmp_path / "one.dyq.xz").write_bytes(packed((tmp_path / "one.dyq").read_bytes()))
    (tmp_path / "one.ptx.xz").write_bytes(packed(own_text(emitted, "sm_90a").encode()))
    (one,) = emitted.program.inputs
    given = [{"name": one.name, "dims": [70, 64], "dtype": "float32", "words": 0}]
    said = {"file": "one.dyq.xz", TEXT: "one.ptx.xz", "shared": False, "count": 1, "seed": 1, "inputs": given}
    plan = {"architecture": "sm_90a", "networks": {"one": said, "two": {"file": "one.dyq.xz"}}}
    (tmp_path / PLAN).write_text(json.dumps(plan))
    return tmp_path


@pytest.mark.usefixtures("gpu")
def test_who_takes_no_cubin_gets_the_text_of_the_best_code(
    of_hopper: Path, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYADIC_LIBCUDA", gpu.library._name)
    x = np.random.default_rng(1).normal(size=(3, 70, 64)).astype(np.float32)
    answers = []
    for level, isa in ((BEST, "ptx"), (TEXT, "sm_90a")):
        with artifact_of(of_hopper, "one", level) as path:
            assert path.name == "one.dyq"
            with dyadic.load(path, max_batch=3, device="cuda", isa=asked(of_hopper, level)) as session:
                assert session.isa == isa
                answers.append(session(x))
        assert not path.exists()
    assert np.array_equal(*answers)
    items = [item for item in bits.networks(of_hopper) if item.endswith(TEXT)]
    assert items == ["one, text"]


def test_what_is_counted_is_the_code_that_hopper_has(
    of_hopper: Path, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "executor", lambda place: Path(gpu.library._name))
    for name in ("DYADIC_LIBCUDA", "PTX_EXECUTOR_CHECKS", bits.LEVEL_VARIABLE):
        monkeypatch.setenv(name, "")  # is as before afterwards
    gpu.start()
    launches, *_ = prediction.counted(of_hopper, "one")
    (product,) = [one for one in launches if one.op == "qi.linear"]
    assert product.together and (product.items, product.block_items, product.threads) == (70, 128, 256)
    assert product.mma == 128 * 128 * 64 / prediction.PRODUCT_MACS
    assert product.sectors > 0 and product.wavefronts > 0  # which are counted with checks alone
    assert not any(one.together for one in launches if one is not product)


def test_what_was_assembled_is_not_assembled_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DYADIC_CACHE", str(tmp_path))
    asked: list[str] = []

    def assembled(text: str, architecture: str) -> Assembled:
        asked.append(text)
        return Assembled(b"code of " + text.encode(), {})

    monkeypatch.setattr("benchmarks.gpu.prepare.assemble", assembled)
    for _ in range(2):
        records = Records()
        key = records.put_code({PTX: b"text"})
        add_cubins(records, "sm_90a")
        assert records.blob(records.codes[key][CUBIN]) == b"code of text"
    assert asked == ["text"]


def test_each_part_says_what_it_took(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "there").write_bytes(bytes(1_000_000))
    prepare(tmp_path, Wanted([], (), (), ()), said.append)
    assert size_of(tmp_path) == 1_000_000 and [line.partition(" s, ")[2] for line in said] == ["  1.00 MB: all"]


def test_a_failing_test_records_nothing() -> None:
    with pytest.raises(RuntimeError, match="the tests of kernels fail, so that nothing is recorded"):
        recorded(["tests/no/such/test.py"])


def test_every_test_that_is_recorded_is_there() -> None:
    assert all((parts.TREE / path).exists() for path in TESTS)


def test_inputs_never_change() -> None:
    """Their answers are recorded."""
    floats = given([3, 4], "float32", 2, 7)
    assert floats[0, 0, :2].tolist() == [0.5003817081451416, 1.5888550281524658]
    assert np.isnan(floats[-1].flat[0]) and np.isfinite(floats[0]).all() and (abs(floats[0]) <= 2).all()
    assert given([2], "int64", 2, 7, words=40).tolist() == [[3, 5], [26, 34]]
    assert given([3], "uint8", 1, 7).tolist() == [[65, 205, 86]]


@pytest.mark.slow  # a folder takes a minute of compiling
def test_layers_that_share_weights_get_their_own(folder: Path, tmp_path: Path) -> None:
    def read(path: Path) -> tuple[CudaProgram, bytes]:
        with open_artifact(path) as file:
            (program,) = file.programs
            assert isinstance(program, CudaProgram)
            return program, bytes(file.section(program.constants))

    with artifact_of(folder, "tiny") as path:
        before, constants = read(path)
        after, longer = read(own_weights(path, tmp_path))
    places = [step.weights for step in after.steps if step.weights >= 0]
    assert len(set(places)) == len(places) > len({step.weights for step in before.steps if step.weights >= 0})
    sizes = before.stored_bytes({before.constants: len(constants)})
    size_at = {step.weights: size for step, size in zip(before.steps, sizes, strict=True) if size}
    for old, new in zip(before.steps, after.steps, strict=True):
        if old.weights >= 0:
            size = size_at[old.weights]
            assert constants[old.weights : old.weights + size] == longer[new.weights : new.weights + size]
    assert longer[-SLACK:] == bytes(SLACK)


# --- the page


ONE = Counted(
    "conv",
    "qi.conv2d",
    12544,
    64,
    2,
    128,
    118_000_000,
    28812,
    False,
    400_000,
    900_000,
    200_000,
    392 * 4 * 12,
    9408,
    1 << 20,
)


def test_the_model_says_what_its_formula_says() -> None:
    assert ONE.blocks(1) == 392 and ONE.blocks(8) == 3136
    found = prediction.limits(ONE, 1, cached=True)
    cycles = 3 * 28812 / 392 * 4096 / (4096 * 0.62)
    assert found["tensor cores"] == pytest.approx(cycles / 1.83e9)
    by_four_warps = prediction.limits(replace(ONE, together=True), 1, cached=True)
    assert by_four_warps["tensor cores"] == pytest.approx(cycles / 1.83e9 * 0.62 / 0.8)
    assert found["second cache"] == pytest.approx(200_000 * 32 / 5.5e12) and "memory" not in found
    assert prediction.limits(ONE, 8, cached=False)["memory"] == pytest.approx((9408 + (8 << 20)) / (0.85 * 4.8e12))
    assert prediction.latency(ONE) == pytest.approx((2000 + 12 * 60) / 1.83e9)
    whole = prediction.predicted([ONE, ONE], 1, 1e6)
    each = 1.3e-6 + prediction.latency(ONE) + max(found.values())
    assert whole["ms"] == pytest.approx(2e3 * each, abs=1e-4)
    assert sum(whole["parts_ms"].values()) == pytest.approx(whole["ms"], abs=1e-3)


@pytest.mark.slow  # a folder takes a minute of compiling
def test_counters_are_those_of_a_run(folder: Path, gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "executor", lambda place: Path(gpu.library._name))
    monkeypatch.setenv("DYADIC_LIBCUDA", gpu.library._name)
    monkeypatch.setenv("PTX_EXECUTOR_CHECKS", "1")
    gpu.start()
    found = prediction.predict(folder, "tiny")
    assert found["launches"] >= 5 and set(found["batches"]) == {"1", "8", "64"}
    first, second = found["batches"]["1"], found["batches"]["64"]
    assert first["images_per_s"] < second["images_per_s"] and first["parts_ms"]["nodes"] == pytest.approx(
        1.3e-3 * found["launches"]
    )
    assert "images a second" in table.page(found, None)


def test_the_page_is_what_is_kept_of_measurements() -> None:
    assert table.PAGE.read_text() == table.current(), "run: python -m benchmarks.gpu table"


def test_where_the_best_code_is_wrong_the_next_is_timed() -> None:
    right = {f"{name}, {level}": {"wrong": 0} for level in ("best", "sm_90", "ptx") for name in ("a", "b")}
    assert bits.trusted({"ptx/test_warpgroups.py::one": {"wrong": 0}}, right) is None
    assert bits.trusted({"ptx/test_warpgroups.py::one": {"failed": "hung"}}, right) == "sm_90"
    assert bits.trusted({"ptx/test_clusters.py::one": {"wrong": 1}}, right) == "sm_90"
    assert bits.trusted({"ptx/test_fragments.py::one": {"wrong": 1}}, right) is None  # of what all have
    assert bits.trusted({}, right | {"b, best": {"wrong": 1}}) == "sm_90"
    assert bits.trusted({}, right | {"b, best": {"wrong": 1}, "a, sm_90": {"failed": "hung"}}) == "ptx"
    assert bits.trusted({}, {name: {"wrong": 1} for name in right}) is None
    device = {"name": "H200", "architecture": "sm_90", "driver": "13.0"}
    report = {"not prepared": {}, "seconds": {}, "parts": {"device": {"device": device}}, "level": "sm_90"}
    assert "timed with that of `sm_90`" in table.page(None, table.kept(report))


def test_large_products_are_told_both_ways() -> None:
    def row(tile: list[int], ms: float, wrong: int = 0) -> dict[str, Any]:
        return {"tile": tile, "ms": ms, "macs_per_s": 1e12 / ms, "wrong": wrong, "same bits": True}

    tiles = [row([128, 128, 2, 4, 1, 3], 4), row([64, 64, 2, 2, 1, 4], 8), row([128, 256, 8, 1, 1, 8, 2], 2, wrong=1)]
    tiles.append(row([192, 256, 12, 1, 1, 8, 2, 2], 1))
    text = table._squares({"squares": {"4096 x 4096": {"side": 4096, "tiles": tiles}}}, None)
    assert "| ours by `wgmma`, 4096 | 0 (wrong bits) | [128, 256, 8, 1, 1, 8, 2] |" in text
    assert "| ours by `wgmma`, two blocks sharing weights, 4096 | 1 | [192, 256, 12, 1, 1, 8, 2, 2] |" in text
    assert "| ours by `mma.sync`, 4096 | 0 | [128, 128, 2, 4, 1, 3] |" in text


def test_blocks_that_share_weights_are_given_them_in_tiles() -> None:
    spec = replace(sweep.square(128), tiled=True)
    w = np.random.default_rng(0).integers(-128, 128, (128, 128), np.int8)
    np.testing.assert_array_equal(tiles.in_tiles(w).ravel(), pack_weights(spec, w.reshape(128, 1, 1, 128)))
    assert {len(sweep._tile(one)) for one in sweep._sharing(sweep.square(256))} == {8}


def test_other_tiles_with_other_bits_are_wrong() -> None:
    row = {"tile": [64, 32], "same bits": False}
    assert wrong({"a": {"products": [{"tiles": [row]}]}}) == 1
    assert wrong({"a": {"products": [{"tiles": [row | {"same bits": True}]}]}}) == 0


def test_the_page_names_every_part() -> None:
    text = table.TEMPLATE.read_text()
    assert all(f"`{name}`" in text for name in BY_NAME if name != "device")


def test_commands_say_what_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "prepare" in capsys.readouterr().err
