"""Tuning changes how fast, never what: every candidate gives the same bytes, and failures keep the static choice."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.code_cache import code_cache
from support.command_line import DIGITS
from support.effort import SEED
from support.random_graphs import integer_module
from torch_mlir import ir

import dyadic
from dyadic.compiler import tune
from dyadic.compiler.cli import main as cli
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.options import Options
from dyadic.compiler.progress import Progress
from dyadic.compiler.targets.code_generation import CodegenError
from dyadic.compiler.targets.cpu import tuning
from dyadic.compiler.targets.cpu import tuning_runner as runner
from dyadic.compiler.targets.cpu.codegen import compile_kernels
from dyadic.compiler.targets.cpu.emit import emit
from dyadic.compiler.targets.cpu.link import Image
from dyadic.compiler.targets.cpu.tuning_measuring import Case, measure
from dyadic.compiler.targets.timing import Timing, best
from dyadic.compiler.targets.tuned import Proof
from dyadic.compiler.tune import proof as tune_proof
from dyadic.compiler.tune.proof import prove
from dyadic.dialects import new_context
from dyadic.dialects.launch import launches_of
from dyadic.dialects.reference import IntegerReference
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cpu.kernels import tuning_space as choices
from dyadic.passes.lower.cpu.kernels.families.conv import ConvSpec
from dyadic.passes.lower.cpu.kernels.families.depthwise import DepthwiseSpec, pack_weights
from dyadic.passes.lower.cpu.kernels.registry import symbol_of
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.runtime.cpu.levels import prepare, usable
from dyadic.runtime.errors import UsageError
from dyadic.runtime.session import load

HERE = usable()
CONV = ConvSpec(
    rows=13, columns=11, channels=72, groups=1, unit_vectors=2, unit_rows=13, unit_columns=11,
    in_column=20, in_row=20 * 13, in_image=20 * 13 * 15, in_group=20, taps_y=3, taps_x=1, tap_y=20 * 13, tap_x=0,
    run_dwords=15, packed_dwords=16, out_column=72, out_row=72 * 11, out_image=72 * 11 * 13, form="wide", clamp=True,
)  # fmt: skip
ADDED = replace(CONV, residual=True, residual_column=72, residual_row=72 * 11, residual_image=72 * 11 * 13)
FLAT = replace(
    CONV, rows=1, columns=300, unit_rows=1, unit_columns=150, taps_y=1, in_column=60, channels=150, out_column=150
)
DEPTHWISE = DepthwiseSpec(
    rows=14, columns=9, channels=80, unit_rows=6, taps_y=3, taps_x=3, tap_y=880, tap_x=80, stride_x=1, in_column=80,
    in_row=880, in_image=880 * 16, out_column=80, out_row=720, out_image=720 * 14, form="wide", clamp=True,
    unit_blocks=1,
)  # fmt: skip
NARROW = replace(CONV, weights="w4", unit_rows=4, unit_columns=6)
GROUPED = replace(FLAT, weights="w4g16", pixels_outer=True)
SPECS = [CONV, ADDED, FLAT, NARROW, GROUPED, DEPTHWISE]


def lowered(seed: int) -> tuple[ir.Module, ir.Operation, np.ndarray, dict[str, np.ndarray]]:
    """A random network as launches and as integers, samples, and what the reference says of them."""
    module, samples = integer_module(seed, layers=12)
    expected = IntegerReference(module)({"arg0": samples})
    integer = module.operation.clone()
    for one in PIPELINE["lower/cpu"]:
        one.run(module.operation)
    return module, integer, samples, expected


def check(module: ir.Module, integer: ir.Operation, samples: Any, expected: Any, path: Path) -> None:
    """What is emitted equals the reference at every level, on 1 and 3 threads."""
    module.operation.verify()
    emit(module, HERE, integer, code_cache()).write(path, {})
    for level in HERE:
        for threads in (1, 3):
            with load(path, threads=threads, max_batch=len(samples), isa=level) as session:
                for output, got in zip(session.outputs, session.run(None, {"arg0": samples}), strict=True):
                    np.testing.assert_array_equal(got, expected[output.name], f"{level}, {threads} threads")


def no_cache() -> Cache:
    return Cache(None)


# --- candidates


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("level", HERE)
def test_every_candidate_gives_the_bytes_of_the_static_choice(
    spec: Any, level: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(runner, "ROTATION_BYTES", 0)  # always the same weights
    every = choices.candidates(spec, level, "full")
    assert every[0] == spec and len(every) > 3
    random = np.random.default_rng([int(SEED or 0), HERE.index(level)])  # others at every level
    every = [spec, *random.permutation(np.array(every[1:], object))[: 2 if SEED is None else 8]]
    image = compile_kernels({symbol_of(one): one for one in every}, [level], cache=code_cache())[level]
    (tmp_path / "code").write_bytes(image.code)
    source, residual, out = 0, 1 << 16, 1 << 17
    params = random_params(spec)
    case = {
        "out": out, "inputs": [source, residual], "weights": 1 << 16, "params": params.nbytes,
        "scratch": max(one.scratch_bytes for one in every),
        "candidates": [(image.entries[symbol_of(one)][0], one.units * 1) for one in every],
    }  # fmt: skip
    prepare(level)
    machine = runner.Machine({"code": str(tmp_path / "code"), "arena": 1 << 18, "level_two": 4096, "cases": [case]})
    view(machine.params, params.nbytes)[:] = params.view(np.uint8)
    if isinstance(spec, DepthwiseSpec):  # which must have zeros opposite the rows that only some units read
        weights = pack_weights(spec, np.random.default_rng(2).integers(-128, 128, (spec.channels, 3, 3, 1)))
        view(machine.weights, weights.size)[:] = weights.astype(np.int8).view(np.uint8)
    results = []
    for run in machine.runs(case):
        arena = view(machine.arena, 1 << 18)
        arena[out:] = 77
        run()
        results.append(arena[out:].copy())
    assert len(np.unique(results[0])) > 30
    for one, result in zip(every, results, strict=True):
        np.testing.assert_array_equal(result, results[0], str(choices.tunables(one)))


def view(memory: runner.Memory, size: int) -> np.ndarray:
    content = np.frombuffer(memory.map, np.uint8)
    start = memory.address - content.ctypes.data
    return content[start : start + size]


def random_params(spec: Any) -> np.ndarray:
    random, count = np.random.default_rng(1), 64 * -(-spec.channels // 64)
    multiplier = random.integers(1 << 30, 1 << 31, count)
    shift = random.integers(40, 46, count)
    residual = random.integers(0, 1 << 31, count) if getattr(spec, "residual", False) else None
    header = [7, 3, 250, 9, 4][: 3 if residual is None else 5]
    return requantize.pack(random.integers(-9999, 9999, count), multiplier, shift, residual, spec.form, header)


@pytest.mark.parametrize("effort", choices.MOST)
@pytest.mark.parametrize("spec", SPECS)
def test_candidates_are_few_distinct_and_of_the_same_shape(spec: Any, effort: choices.Effort) -> None:
    for level in HERE:
        every = choices.candidates(spec, level, effort)
        assert len(set(every)) == len(every) <= choices.MOST[effort]
        assert {json.dumps(choices.shape(one)) for one in every} == {json.dumps(choices.shape(spec))}


@pytest.mark.parametrize("pixels_outer", [False, True])
def test_an_image_that_threads_share_stays_in_pieces(pixels_outer: bool) -> None:
    spec = replace(FLAT, pixels_outer=pixels_outer)
    whole = [one for one in choices.candidates(spec, HERE[0], "full") if one.chunks == (1, 1)]
    assert bool(whole) != pixels_outer
    assert all(one.pixels_outer == pixels_outer for one in choices.candidates(spec, HERE[0], "full"))


def test_quick_candidates_are_among_the_full_ones() -> None:
    large = replace(CONV, channels=512, rows=56, columns=56, unit_rows=4, unit_columns=56)
    for spec in (*SPECS, large):
        for level in HERE:
            assert set(choices.candidates(spec, level, "quick")) <= set(choices.candidates(spec, level, "full"))


@pytest.mark.parametrize("seed", [5, 16])
def test_networks_of_other_candidates_give_the_same_bits(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    with new_context(), ir.Location.unknown():
        module, integer, samples, expected = lowered(seed)
        before = [launch.kernel.value for launch in launches_of(module)]
        for kernel in tuning.kernels_of(module, HERE[0], "full", 1):
            for launch in kernel.launches:
                tuning.take(
                    launch, kernel.candidates[-1 - random.integers(min(3, len(kernel.candidates)))]
                )  # far from the static choice
        assert [launch.kernel.value for launch in launches_of(module)] != before
        check(module, integer, samples, expected, tmp_path / "m.dyq")


def test_scratch_memory_is_enough_for_every_candidate() -> None:
    """A unit of more channels unpacks more weights."""
    every = [NARROW, replace(NARROW, unit_vectors=5), replace(NARROW, unit_vectors=1)]
    arena: Any = SimpleNamespace(offsets=[0] * 99, sizes=[64] * 99)
    with new_context(), ir.Location.unknown():
        module, *_ = lowered(13)
        kernel: Any = SimpleNamespace(launches=launches_of(module), spec=NARROW, candidates=every)
        made = tuning.case(kernel, {symbol_of(one): (0, 0) for one in every}, arena, 1)
    assert made.scratch == every[1].scratch_bytes > every[0].scratch_bytes


# --- decisions


def second_is_twice_as_fast(_image: Any, _level: str, _arena: int, cases: Sequence[Case]) -> Iterator[list[Timing]]:
    for case in cases:
        yield [Timing(100.0 if i == 0 else 50.0 + i, 1.0, 60) for i in range(len(case.candidates))]


def test_what_is_clearly_faster_is_taken_and_known_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "measure", second_is_twice_as_fast)
    cache = Cache(tmp_path / "cache")
    with new_context(), ir.Location.unknown():
        module, integer, samples, expected = lowered(13)
        module, first = tuning.tune(module, HERE[0], "quick", 1, 1, cache, Progress())
        assert first.measured == first.kernels > 0 and len(first.changes) == first.layers
        assert first.tuned_us < 0.6 * first.static_us
        check(module, integer, samples, expected, tmp_path / "m.dyq")
        kernels = [launch.kernel.value for launch in launches_of(module)]

        monkeypatch.setattr(tuning, "measure", lambda *_: pytest.fail("was measured again"))
        again, *_ = lowered(13)
        again, second = tuning.tune(again, HERE[0], "quick", 1, 1, cache, Progress())
        assert second.measured == 0 and second.changes == first.changes
        assert [launch.kernel.value for launch in launches_of(again)] == kernels
        assert f"0 kernels measured, {second.kernels} known" in second.summary()


def test_another_batch_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "measure", second_is_twice_as_fast)
    cache = Cache(tmp_path)
    with new_context(), ir.Location.unknown():
        for batch in (1, 2):
            module, *_ = lowered(13)
            assert tuning.tune(module, HERE[0], "quick", 1, batch, cache, Progress())[1].measured > 0


def test_little_or_uncertain_gains_are_not_taken() -> None:
    static = Timing(100.0, 2.0, 60)
    assert best([static, Timing(98.5, 1.0, 60)]) == 0
    assert best([static, Timing(95.0, 1.0, 60)]) == 1
    assert best([static, Timing(95.0, 1.0, 12)]) == 0  # it was not among the last ones
    assert best([Timing(100.0, 30.0, 60), Timing(95.0, 30.0, 60)]) == 0


def test_units_stay_enough_for_the_threads() -> None:
    with new_context(), ir.Location.unknown():
        module, *_ = lowered(13)
        for threads in (1, 4):
            for kernel in tuning.kernels_of(module, HERE[0], "full", threads):
                least = min(kernel.spec.units, tuning.LEAST_UNITS * threads)
                assert all(one.units >= least for one in kernel.candidates)
    static, larger = replace(FLAT, unit_columns=38, unit_vectors=10), replace(FLAT, unit_columns=75, unit_vectors=10)
    timings = [Timing(100.0, 1.0, 60), Timing(90.0, 1.0, 60)]
    kernel = tuning.Kernel(static, [], [static, larger], timings)
    assert (static.units, larger.units) == (8, 4)
    assert kernel.best(threads=1, batch=1) == 1
    assert kernel.best(threads=8, batch=1) == 0  # four threads would have nothing to do
    assert kernel.best(threads=8, batch=2) == 1


# --- failures

ENDLESS, CRASH, RETURN = b"\xeb\xfe", b"\x0f\x0b", b"\xc3"


def test_code_that_crashes_or_never_ends_costs_its_own_layer_only() -> None:
    image = Image(b"".join(code.ljust(16, b"\xcc") for code in (RETURN, CRASH, ENDLESS)), 48, {})
    good = Case(0, (0,), (0, 64), 64, 64, 64, ((0, 1), (0, 2)))
    bad = [replace(good, candidates=((0, 1), (offset, 1))) for offset in (16, 32)]
    results = list(measure(image, "x86-64", 4096, [good, bad[0], good, bad[1], good], seconds=1))
    assert [isinstance(result, str) for result in results] == [False, True, False, True, False]
    assert "(exit -4)" in results[1] and "(exit -14)" in results[3]


def test_mistakes_of_ours_start_no_child_for_each_layer() -> None:
    image = Image(RETURN.ljust(16, b"\xcc"), 16, {})
    good = Case(0, (0,), (0, 64), 64, 64, 64, ((0, 1), (0, 2)))
    first, *others = measure(image, "x86-64", 4096, [replace(good, weights=-1 << 40)] * 3)
    assert isinstance(first, str) and "(exit 1: " in first and others == [first] * 2


def test_layers_that_cannot_be_measured_keep_their_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "measure", lambda _image, _level, _arena, cases: iter(["it crashed"] * len(cases)))
    with new_context(), ir.Location.unknown():
        module, *_ = lowered(13)
        before = str(module)
        same, tuned = tuning.tune(module, HERE[0], "quick", 1, 1, no_cache(), Progress())
        assert str(same) == str(module) == before
        assert set(tuned.failures.values()) == {"it crashed"} and not tuned.changes
        assert "(0 kernels measured, 0 known, " in tuned.summary()
        assert f"{tuned.kernels} could not be measured" in tuned.summary()


def test_candidates_that_cannot_be_generated_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise CodegenError("code generation failed\nand more")

    monkeypatch.setattr(tuning, "compile_kernels", fail)
    with new_context(), ir.Location.unknown():
        module, *_ = lowered(13)
        _, tuned = tuning.tune(module, HERE[0], "quick", 1, 1, no_cache(), Progress())
        assert set(tuned.failures.values()) == {"code generation failed"}


# --- the whole way


def test_a_compile_says_what_was_tuned(calibration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYADIC_CACHE", str(tmp_path))  # where no timing is known yet
    untuned = dyadic.compile(DIGITS / "digits.onnx", calibration, isa=HERE[-1:], measure=False)
    assert untuned.report.tune is None
    for measured in (True, False):
        artifact = dyadic.compile(
            DIGITS / "digits.onnx", calibration, isa=HERE[-1:], threads=1, tune="quick", measure=False
        )
        assert artifact.report.tune is not None
        said = artifact.report.tune.details
        assert (said["mode"], said["level"], said["threads"], said["failures"]) == ("quick", HERE[-1], 1, {})
        assert (said["measured"] > 0) == measured and said["kernels"] > 0
    x = np.load(calibration)["image"][:1]
    with untuned.load() as one, artifact.load() as other:
        np.testing.assert_array_equal(one(x)[0], other(x)[0])


@pytest.mark.parametrize(("ratio", "kept"), [(1.2, True), (0.9, False)])
def test_only_what_pays_in_the_network_is_kept(
    calibration: Path, monkeypatch: pytest.MonkeyPatch, ratio: float, kept: bool
) -> None:
    monkeypatch.setattr(tuning, "best", lambda timings: len(timings) - 1)  # change whatever can be changed
    seen = []

    def proof(static: Any, tuned: Any, level: str, threads: int, batch: int) -> Proof:
        assert (level, threads, batch) == (HERE[-1], 1, 2)
        seen.extend([static.program.steps, tuned.program.steps])
        return Proof(ratio, ratio - 0.01, ratio + 0.01, 30)

    monkeypatch.setattr(tune, "prove", proof)
    artifact = dyadic.compile(
        DIGITS / "digits.onnx", calibration, isa=HERE[-1:], threads=1, batch=2, tune="quick", measure=False
    )
    static, tuned = seen
    assert [s.kernel for s in static] != [s.kernel for s in tuned]
    assert artifact.emitted.program.timed_steps == (tuned if kept else static)
    said = artifact.report.tune
    assert said is not None and said.kept == kept
    assert said.details["proof"]["ratio"] == ratio and said.details["changes"]
    assert ("more measured in the network, so nothing changed" in said.summary) != kept


@pytest.mark.alone
def test_a_network_is_proved_by_running_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same network twice: the ratio is near 1, and whichever way noise leans, both were run."""
    monkeypatch.setattr(tune_proof, "LEAST_ROUNDS", 30)
    monkeypatch.setattr(tune_proof, "LEAST_SECONDS", 1.0)
    with new_context(), ir.Location.unknown():
        module, integer, *_ = lowered(13)
        same = [emit(module, [HERE[-1]], integer, code_cache()) for _ in range(2)]
    proof = prove(same[0], same[1], HERE[-1], 1, 2)
    assert proof.rounds >= 30 and proof.low <= proof.ratio <= proof.high and 0.5 < proof.ratio < 2


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    data = np.load(DIGITS / "train.npz")
    np.savez(tmp_path / "few.npz", image=data["image"][:64])
    return tmp_path / "few.npz"


def test_the_command_says_it_in_one_line(calibration: Path) -> None:
    words = ["compile", str(DIGITS / "digits.onnx"), "--calibration", str(calibration), "--isa", HERE[-1]]
    words += ["--tune", "quick", "--progress", "off", "-o", str(calibration.parent / "d.dyq")]
    done = CliRunner().invoke(cli.commands, words)
    assert done.exit_code == 0, done.output
    assert len([line for line in done.output.splitlines() if line.startswith(f"tuned for {HERE[-1]}: ")]) == 1


def test_another_mode_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--tune must be one of off, quick, full, not 'best'"):
        Options(tune="best")  # pyright: ignore[reportArgumentType]
