"""Refinement of the small trained network that the project carries, judged by the integers that come out."""

import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
from support.meaning import ROOT
from support.stages import calibrated
from torch_mlir import ir

from dyadic.compiler import refine as refining
from dyadic.compiler.calibrate import model_inputs
from dyadic.compiler.calibrate.data import Samples
from dyadic.compiler.calibrated import Calibrated
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.progress import Progress
from dyadic.compiler.refine import TECHNIQUES, Refined, refine
from dyadic.dialects import qd
from dyadic.dialects.reference import IntegerReference, main_function, run_qd
from dyadic.passes import PIPELINE

DIGITS = ROOT / "examples" / "digits"
LEARNED = (qd.INPUT_MOMENTS, qd.WEIGHT_TARGET, qd.OUTPUT_ERROR)


@pytest.fixture(scope="module")
def network() -> Calibrated:
    with np.load(DIGITS / "train.npz") as data:
        return calibrated(DIGITS / "digits.onnx", {"image": data["image"][:100]})


def chosen(network: Calibrated, bits: int, group: int = 0) -> ir.Module:
    """A copy of the calibrated network with weights of `bits` bits everywhere."""
    with network.module.context:
        copy = ir.Module.parse(str(network.module.get_asm(enable_debug_info=True)))
        width = ir.IntegerType.get_signless(64)
        for op in main_function(copy).operation.regions[0].blocks[0].operations:
            if isinstance(op.opview, qd.Conv2dOp | qd.LinearOp):
                op.attributes[qd.WEIGHT_BITS] = ir.IntegerAttr.get(width, bits)
                if group and isinstance(op.opview, qd.Conv2dOp) and op.opview.weight.type.shape[1] > 1:
                    op.attributes[qd.WEIGHT_GROUP] = ir.IntegerAttr.get(width, group)
    return copy


def refined(network: Calibrated, module: ir.Module, techniques: Collection[str] = TECHNIQUES, **more) -> Refined:
    with np.load(DIGITS / "train.npz") as data:
        samples = Samples({"image": data["image"][:100]}, model_inputs(module))
    return refine(module, samples, Progress(), techniques, **more)


def quality(network: Calibrated, module: ir.Module) -> float:
    """SQNR of the integer network's logits on images that refinement never saw."""
    with np.load(DIGITS / "test.npz") as data:
        images = data["image"][:200]
    import torch

    with network.module.context:
        wanted = next(iter(run_qd(network.module, {"image": torch.from_numpy(images)}).values())).numpy()
        for one in PIPELINE["integerize"]:
            one.run(module.operation)
        got = next(iter(IntegerReference(module)({"image": images}).values()))
    return 10 * float(np.log10((wanted**2).sum() / ((got - wanted) ** 2).sum()))


@pytest.mark.parametrize(("bits", "group", "better_db"), [(4, 0, 3.0), (4, 16, 2.0), (2, 0, 4.0)])
def test_learned_rounding_beats_nearest(network: Calibrated, bits: int, group: int, better_db: float) -> None:
    results = {}
    for techniques in ((), TECHNIQUES[:1], TECHNIQUES):
        module = chosen(network, bits, group)
        refined(network, module, techniques)
        results[techniques] = quality(network, module)
    assert results[TECHNIQUES] > results[()] + better_db, results
    assert results[TECHNIQUES] > results[TECHNIQUES[:1]] + 1.0, results


def test_each_technique_says_what_it_gained_and_leaves_no_data_behind(network: Calibrated) -> None:
    module = chosen(network, 4)
    answer = refined(network, module)
    layers = [
        op for op in main_function(module).operation.regions[0].blocks[0].operations if qd.WEIGHT_BITS in op.attributes
    ]
    assert [gain.technique for gain in answer.gains] == list(TECHNIQUES) * len(layers)
    assert answer.images == 100 and not answer.notes
    learned = [gain for gain in answer.gains if gain.technique == "learn-rounding"]
    assert np.mean([gain.after_db - gain.before_db for gain in learned]) > 2.0
    for first, second in zip(answer.gains, answer.gains[1:], strict=False):
        assert first.layer != second.layer or first.after_db == second.before_db
    for op in layers:
        assert all(name in op.attributes for name in (qd.WEIGHT_SCALE, qd.WEIGHT_STEPS, qd.BIAS_SHIFT))
        assert not any(name in op.attributes for name in LEARNED)


def test_the_same_answer_every_time_and_from_the_cache(
    network: Calibrated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    texts, answers = [], []
    for _ in range(2):
        module = chosen(network, 4, 16)
        answers.append(refined(network, module, cache=cache))
        texts.append(str(module))
        monkeypatch.setattr(refining, "learn", None)  # the second time the cache has to know
    monkeypatch.undo()
    module = chosen(network, 4, 16)
    refined(network, module)
    assert texts[0] == texts[1] == str(module) and answers[0] == answers[1]
    monkeypatch.setattr(refining, "learn", None)
    with pytest.raises(TypeError):  # another choice of techniques is another question
        refined(network, chosen(network, 4, 16), TECHNIQUES[:1], cache=cache)


def test_out_of_time_the_rest_is_rounded_to_nearest(network: Calibrated, tmp_path: Path) -> None:
    module = chosen(network, 4)
    answer = refined(network, module, cache=Cache(tmp_path), deadline=time.monotonic() - 1)
    layers = [
        op for op in main_function(module).operation.regions[0].blocks[0].operations if qd.WEIGHT_BITS in op.attributes
    ]
    assert len({gain.layer for gain in answer.gains}) == 1
    (note,) = answer.notes
    assert f"{len(layers) - 1} of {len(layers)} layers" in note
    assert all(qd.WEIGHT_STEPS in op.attributes for op in layers)
    assert sum(qd.BIAS_SHIFT in op.attributes for op in layers) == 1
    assert len(refined(network, chosen(network, 4), cache=Cache(tmp_path)).gains) > len(answer.gains)  # it was not kept


def test_eight_bits_are_left_alone(network: Calibrated) -> None:
    module = chosen(network, 8)
    before = str(module)
    assert refined(network, module) == Refined() and str(module) == before
