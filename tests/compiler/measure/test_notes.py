"""Notes name what is wrong with data or results and say what helps; good data and good results give none."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import dyadic
from dyadic.compiler.calibrate.data import Input
from dyadic.compiler.calibrate.screening import CalibrationSamples
from dyadic.compiler.in_python import in_keywords
from dyadic.compiler.measure.notes import calibration_notes, output_notes, range_notes
from dyadic.compiler.report_schema import Layer

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.standard_normal((200, 3, 4, 4)).astype(np.float32)


def notes_of(data: np.ndarray, screen: bool = True) -> list[str]:
    samples = CalibrationSamples(data, [Input("x", data.shape[1:])], screen=screen)
    for _ in samples:
        pass
    return calibration_notes(samples.inputs_seen, samples.seen, screened=screen)


def with_outlier(numbers: list[int]) -> np.ndarray:
    data = NORMAL.copy()
    data[numbers, 0, 0, 0] = -500
    return data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (NORMAL, []),
        (NORMAL[:16], []),
        (RANDOM.random((64, 3, 4, 4)).astype(np.float32), []),
        (RANDOM.integers(0, 17, (64, 3, 4, 4)).astype(np.float32), []),
        (NORMAL[:1], ["ranges were learned from 1 sample: a hundred or two"]),
        (NORMAL[:0:-1][:15], ["learned from 15 samples"]),
        (NORMAL * 0, ['input "x" is 0 in every calibration sample']),
        (NORMAL * 0 + 0.5, ['input "x" is 0.5 in every calibration sample']),
        (RANDOM.integers(0, 256, (64, 3, 4, 4)).astype(np.float32), ['"x" are whole numbers from 0 to 255, as pixels']),
        (with_outlier([70]), ['sample 70 of "x" reaches -500, all others lie from', "nothing was learned from it"]),
        (with_outlier([3, 9]), ['sample 3 of "x" (and 1 more like it) reaches -500']),
    ],
)
def test_calibration_samples(data: np.ndarray, said: list[str]) -> None:
    notes = notes_of(data)
    assert len(notes) == min(1, len(said))
    assert all(part in notes[0] for part in said)


def test_min_max_keeps_an_outlier_and_says_so() -> None:
    (note,) = notes_of(with_outlier([70]), screen=False)
    assert "it sets the range for all others; another --observer leaves it out" in note


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.0, ""),
        (0.9, ""),
        (2.0, "are clipped: calibrate with samples like these"),
        (0.01, "preprocess both in the same"),
    ],
)
def test_samples_beside_the_range_of_an_input(factor: float, said: str) -> None:
    info: Any = SimpleNamespace(name="x", scale=float(np.abs(NORMAL).max()) / 127, zero_point=128, limits=None)
    notes = range_notes([info], [{"x": NORMAL * factor}], {"x": (0, 255)})
    assert len(notes) == bool(said) and all(said in note for note in notes)


def test_poor_outputs_are_named_with_the_layer_that_loses_most() -> None:
    layers = [Layer("a", sqnr_db=30.0), Layer("b", sqnr_db=4.0), Layer("c")]
    bad = [NORMAL, NORMAL + 0.5]
    (note,) = output_notes(["good", "bad"], [NORMAL, NORMAL], bad, layers)
    assert note.startswith('output "bad" has 6.') and '"b" loses most by itself' in note and "--keep b=w8a16" in note
    assert output_notes(["zero"], [NORMAL * 0], [NORMAL]) == []


def test_a_compile_says_each_note_once_and_keeps_it_in_the_report(recwarn: pytest.WarningsRecorder) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    artifact = dyadic.compile(
        network,
        with_outlier([70]),
        example_inputs=(torch.zeros(1, 3, 4, 4),),
        evaluate=NORMAL * 5,
        isa=("x86-64",),
    )
    said = [str(one.message) for one in recwarn if one.category is RuntimeWarning]
    notes = artifact.report.notes
    assert said == [in_keywords(note) for note in notes] and len(set(said)) == len(said)
    assert [word in " ".join(notes) for word in ("sample 70", "are clipped")] == [True, True]
