"""What the report says that layers lose: what `dyadic compare` says of the same samples."""

from pathlib import Path

import numpy as np
import pytest
from support.command_line import DIGITS, report_of

import dyadic
from dyadic.compiler.measure import layer_quality as quality
from dyadic.compiler.measure.layer_comparison import compare_layers
from dyadic.runtime.errors import UsageError

MODEL = DIGITS / "digits.onnx"


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    with np.load(DIGITS / "test.npz") as file:
        return {"image": file["image"][:40], "labels": file["labels"][:40]}


def test_every_layer_has_its_losses_and_its_share_of_the_peak(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    calibration = DIGITS / "train.npz"
    dyadic.compile(MODEL, calibration, evaluate=images, precision="w4a8", isa=("x86-64",)).save(tmp_path / "m.dyq")
    report = report_of(tmp_path / "m.dyq")
    compared = compare_layers(tmp_path / "m.dyq", MODEL, images, samples=quality.SAMPLES)
    assert report.layer_samples == quality.SAMPLES
    known = {one.layer: one for one in compared.layers}
    rows = [row for row in report.layers if row.name in known and row.macs]
    assert len(rows) >= 4
    for row in rows:
        assert row.sqnr_db == known[row.name].alone_db
        assert row.sqnr_so_far_db == known[row.name].accumulated_db
        assert row.share_of_peak is not None and 0 < row.share_of_peak < 1
    assert report.peak is not None and report.peak.level == "x86-64" and report.peak.gmacs > 0


def test_data_that_can_be_read_once_serves_int8(images: dict[str, np.ndarray]) -> None:
    once = iter([images])
    report = dyadic.compile(MODEL, DIGITS / "train.npz", evaluate=once, isa=("x86-64",)).report
    assert report.comparison is not None and report.comparison.samples == 40
    assert report.layer_samples == quality.SAMPLES
    with pytest.raises(UsageError, match="can be read only once serves int8 without a metric"):
        dyadic.compile(MODEL, DIGITS / "train.npz", evaluate=iter([images]), precision="w4a8", isa=("x86-64",))
