"""Tiles are timed where a device is, known from then on by device and driver, and never change a bit. The device is the
executor of tests under a GPU's name, whose clock counts instructions: so the way is gone that a GPU would go."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.code_cache import code_cache
from support.ptx.gpu import Gpu
from support.ptx.session import gpu
from support.random_graphs import integer_module
from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache, Kind
from dyadic.compiler.measure.account import tuning as tuning_of
from dyadic.compiler.options import Options
from dyadic.compiler.progress import Progress
from dyadic.compiler.record import choices
from dyadic.compiler.select.stage import promised_elsewhere
from dyadic.compiler.targets.constants import Section
from dyadic.compiler.targets.cuda import tuning, tuning_measuring, tuning_runner
from dyadic.compiler.targets.cuda.emit import CudaEmitted, draft, emit, tuned_specs
from dyadic.compiler.targets.cuda.target import TARGET
from dyadic.compiler.targets.cuda.tuning_measuring import measure
from dyadic.compiler.targets.cuda.verify import may_launch
from dyadic.compiler.targets.timing import Timing
from dyadic.compiler.targets.timing_rounds import Rounds
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.tune.stage import tune_network
from dyadic.dialects import new_context
from dyadic.dialects.reference import IntegerReference
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cuda.kernel_selection import tuning_space
from dyadic.runtime.errors import MachineError, UsageError
from dyadic.runtime.session import load

__all__ = ["gpu"]
NAME = "NVIDIA H200"
H200 = {"level": "ptx", "device": NAME, "architecture": "sm_90", "driver": "13.0"}
SEED = 13


@pytest.fixture
def device(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """As good as a GPU for those who measure; little is measured."""
    monkeypatch.setenv("DYADIC_LIBCUDA", gpu.library._name)
    monkeypatch.setenv("PTX_EXECUTOR_NAME", NAME)
    monkeypatch.setenv("PTX_EXECUTOR_CLOCK", "1")
    monkeypatch.setenv("PTX_EXECUTOR_CHECKS", "0")  # the kernels have tests of their own
    for name, few in (("INSIDE", 1), ("ROUNDS", Rounds(1, 1, 1)), ("WARM", 0)):
        monkeypatch.setattr(tuning_runner, name, few)
    monkeypatch.setattr(tuning, "candidates", first_and_last)
    gpu.library.executor_reset()
    return gpu


def first_and_last(*asked: Any) -> list[Any]:
    """Few of the candidates."""
    every = tuning_space.candidates(*asked)
    return [every[0], *every[1:][-2:]]


class NewTimes(Cache):
    """Code is known from other tests, times are not."""

    def read(self, kind: Kind, keys: Iterable[str]) -> dict[str, bytes]:
        return code_cache().read(kind, keys) if kind == "code" else super().read(kind, keys)

    def write(self, kind: Kind, values: Mapping[str, bytes]) -> None:
        code_cache().write(kind, values) if kind == "code" else super().write(kind, values)


def lowered(layers: int = 6) -> tuple[ir.Module, ir.Operation, np.ndarray, dict[str, np.ndarray]]:
    """A random network as launches and as integers, samples, and what the reference says of them."""
    module, samples = integer_module(SEED, layers=layers)
    expected = IntegerReference(module)({"arg0": samples})
    integer = module.operation.clone()
    for one in PIPELINE["lower/cuda"]:
        one.run(module.operation)
    return module, integer, samples, expected


def here(path: Path, level: str, batch: int, counts: Sequence[int]) -> Iterator[list[Timing] | str]:
    """As `measure`, in this process."""
    bench, first = tuning_runner.Bench(path, level, batch), 0
    try:
        for count in counts:
            found = bench.case(first, count)
            yield found if isinstance(found, str) else [Timing(*one) for one in found]
            first += count
    finally:
        bench.close()


def tuned(module: ir.Module, cache: Cache, batch: int = 1, **device: str) -> tuple[ir.Module, Tuned]:
    return tuning.tune(module, "ptx", H200 | device, "quick", batch, cache, Progress())


def check(emitted: CudaEmitted, level: str, samples: Any, expected: Any, path: Path) -> None:
    emitted.write(path, {})
    with load(path, max_batch=len(samples), device="cuda", isa=level) as session:
        for output, got in zip(session.outputs, session.run(None, {"arg0": samples}), strict=True):
            np.testing.assert_array_equal(got, expected[output.name])


def test_what_is_faster_on_the_device_is_taken_there_and_known_the_next_time(
    device: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In code of that level alone, with the same bits."""
    monkeypatch.setattr(tuning, "measure", here)
    cache = NewTimes(tmp_path)
    with new_context(), ir.Location.unknown():
        module, integer, samples, expected = lowered()
        made, first = tuned(module, cache)
        assert first.measured == first.kernels > 1 and first.failures == {}
        assert first.changes and first.tuned_us < first.static_us
        assert f"tuned for ptx on {NAME}, driver of CUDA 13.0: " in first.summary()
        assert set(tuned_specs([made])) == {"ptx"}
        emitted = emit(made, ["ptx"], integer, code_cache())
        own = emitted.program.code["ptx"].launches
        assert {step.layer for step in emitted.program.steps if step.kernel in own} == {
            change.layer for change in first.changes
        }
        check(emitted, "ptx", samples, expected, tmp_path / "m.dyq")
        specs: dict[str, Any] = {}
        draft(made, Section(), specs)
        assert may_launch(own, "ptx", specs) and may_launch({}, "ptx", specs)
        name, shape = next(iter(own.items()))
        for wrong in (replace(shape, grid_y=shape.grid_y + 1), replace(shape, shared_bytes=shape.shared_bytes - 16)):
            assert not may_launch({**own, name: wrong}, "ptx", specs)

        monkeypatch.setattr(tuning, "measure", lambda *_: pytest.fail("was measured again"))
        again, second = tuned(module, cache)
        assert second.measured == 0 and second.known == first.kernels and second.changes == first.changes
        assert str(again) == str(made)
        for batch, others in ((1, {"driver": "13.1"}), (1, {"device": "NVIDIA L4"}), (8, {})):
            with pytest.raises(pytest.fail.Exception, match="was measured again"):
                tuned(module, cache, batch, **others)


def test_the_fastest_by_the_devices_clock_is_the_one(device: Gpu, tmp_path: Path) -> None:
    """Which counts instructions here."""
    with new_context(), ir.Location.unknown():
        module, *_ = lowered()
        kernel = next(one for one in tuning.kernels_of(module, "ptx", "quick", 1) if len(one.candidates) > 2)
        tuning.write_candidates([kernel], module, "ptx", code_cache(), tmp_path / "c.dyq")
    device.start()
    device.log()
    (found,) = here(tmp_path / "c.dyq", "ptx", 1, [len(kernel.candidates)])
    assert not isinstance(found, str)
    launches = {one.kernel: one.instructions for one in device.log()}
    counted = [launches[tuning.REGISTRY.symbol_of(spec)] * 1e3 for spec in kernel.candidates]
    np.testing.assert_allclose([one.median_ns for one in found], counted, rtol=1e-6)
    assert len(set(counted)) > 1


def test_other_bits_are_no_choice(device: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shorter(spec: Any, *_: Any) -> list[Any]:
        return [spec, replace(spec, chunks=spec.chunks - 4, warps_deep=1)] if getattr(spec, "chunks", 0) > 4 else [spec]

    monkeypatch.setattr(tuning, "measure", here)
    monkeypatch.setattr(tuning, "candidates", shorter)
    with new_context(), ir.Location.unknown():
        module, *_ = lowered()
        made, said = tuned(module, NewTimes(tmp_path))
        assert str(made) == str(module) and not said.changes
        assert said.failures and all(
            "gives other bits than the model's choice" in one for one in said.failures.values()
        )
        assert f"{said.kernels} could not be measured" in said.summary() and said.device == ""


def test_children_that_end_cost_their_own_case_or_all(
    device: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that takes the device with it, its own; a mistake of ours, all at once."""
    with new_context(), ir.Location.unknown():
        module, *_ = lowered(layers=2)
        kernel = next(one for one in tuning.kernels_of(module, "ptx", "quick", 1) if len(one.candidates) > 1)
        kernel.candidates = kernel.candidates[:2]
        tuning.write_candidates([kernel, kernel], module, "ptx", code_cache(), tmp_path / "c.dyq")
    children: list[dict[str, Any]] = []
    timed_by = tuning_measuring.timed_by
    monkeypatch.setattr(
        tuning_measuring, "timed_by", lambda module, job: (children.append(job), timed_by(module, job))[1]
    )
    monkeypatch.setenv("PTX_EXECUTOR_FAIL", "cuGraphLaunch:2:700")
    lost = list(measure(tmp_path / "c.dyq", "ptx", 1, [2, 2]))
    assert len(lost) == 2 and all("(exit 3: " in str(one) and "illegal" in str(one).lower() for one in lost)
    assert len(children) == 2
    ours = list(measure(tmp_path / "none.dyq", "ptx", 1, [2, 2]))
    assert len(ours) == 2 and all("(exit 1: " in str(one) for one in ours) and len(children) == 3


@pytest.mark.slow
def test_a_child_measures(device: Gpu, tmp_path: Path) -> None:
    """As often as on a GPU, which takes a while here."""
    with new_context(), ir.Location.unknown():
        module, *_ = lowered(layers=2)
        _, said = tuned(module, NewTimes(tmp_path))
        assert said.measured == said.kernels > 0 and not said.failures


def test_what_plays_a_gpu_keeps_no_time(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tuned or promised by it."""
    monkeypatch.setenv("DYADIC_LIBCUDA", gpu.library._name)
    gpu.library.executor_reset()
    assert TARGET.usable() == ()
    with pytest.raises(MachineError, match="no GPU of NVIDIA can be used here"):
        TARGET.choose(["ptx"])
    with pytest.raises(UsageError, match="--max-latency promises a time, and this machine cannot run code for cuda"):
        Options(target="cuda:sm_90a", max_latency="5ms")
    alone, beside = Options(max_latency="5ms"), Options(target="cuda:sm_90a,cpu", max_latency="5ms")
    assert promised_elsewhere(alone) == promised_elsewhere(replace(beside, max_latency=None)) == ""
    said = "--max-latency is kept for {}, which is timed: no time is promised for {}"
    assert promised_elsewhere(beside) == said.format("cpu", "cuda")
    monkeypatch.setenv("PTX_EXECUTOR_NAME", NAME)
    assert promised_elsewhere(beside) == said.format("cuda", "cpu")
    assert TARGET.usable()[0] == "sm_90a" and TARGET.identity("ptx") == H200
    assert Options(target="cuda:sm_90a", max_latency="5ms").primary.name == "cuda"


def test_the_artifact_says_whether_tiles_were_measured() -> None:
    options, seen = (
        Options(target="cpu,cuda:sm_80"),
        Tuned("quick", "sm_80", 1, 1, device=f"{NAME}, driver of CUDA 13.0"),
    )
    assert choices(options, {}) == {"cuda": "tiles as a model of an H200 chooses them"}
    assert choices(options, {"cuda": seen}) == {"cuda": f"tiles measured on {NAME}, driver of CUDA 13.0"}
    assert choices(options, {"cuda": replace(seen, device="")}) == choices(options, {})  # nothing could be measured
    assert choices(Options(), {}) == {}
    both = tuning_of([Tuned("quick", "avx2", 1, 1), seen])
    assert both is not None and both.details["beside"] == [seen.to_json()]
    assert [line.partition(":")[0] for line in both.summary.splitlines()] == [
        "tuned for avx2", f"tuned for sm_80 on {NAME}, driver of CUDA 13.0",
    ]  # fmt: skip


def test_where_no_device_is_the_models_choice_stays_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYADIC_LIBCUDA", "/nowhere")
    options: Any = Options(target="cpu,cuda:sm_80", tune="quick")
    _, asked = options.asked
    network: Any = object()
    said: list[str] = []
    tools: Any = SimpleNamespace(progress=SimpleNamespace(warn=said.append))
    assert tune_network(asked, network, network, options, tools) == (network, None)
    kept = "it keeps tiles as a model of an H200 chooses them"
    assert said == [f"--tune times kernels on this machine, which runs no code for cuda: {kept}"]
