"""What a user should know about the data and the result, in a sentence each that says what would help.

Pure functions of what went by in calibration, of samples and of the float network; each returns notes, most of the time
none. Notes never stop a compile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.compiler.calibrate.data import LABELS, Feeds
from dyadic.compiler.calibrate.screening import FEWEST, InputSeen
from dyadic.compiler.quality.comparison import pieces
from dyadic.compiler.quality.float_engine import Engine
from dyadic.compiler.report_schema import Layer
from dyadic.dialects import qd
from dyadic.dialects.reference import main_function
from dyadic.passes.integerize.quantization import value_range
from dyadic.passes.integerize.result_parts import concats_of_results
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.session import Session
from dyadic.runtime.tensor_info import TensorInfo

Array = npt.NDArray[Any]

SAMPLES = 32  # that are looked at once more
VERY_FEW = 16  # samples to learn from
PIXELS = (127, 255)  # the largest whole number of a set of pixels lies here
CLIPPED = 0.005  # share of values beyond the calibrated range
NARROW = 1 / 8  # of the calibrated range: other preprocessing rather than other samples
POOR_DB = 15.0
LOST_STEPS = 16.0  # a part with fewer of the steps that it shares is hardly there


def calibration_notes(
    inputs: Mapping[str, InputSeen], learned_from: int, *, screened: bool, pixels: str = ""
) -> list[str]:
    """Of what calibration was given: few, constant, outlying samples; pixels. `screened`: whether outlying samples were
    left out. `pixels`: the input that was said to hold some."""
    notes = []
    if learned_from < VERY_FEW:
        samples = "1 sample" if learned_from == 1 else f"{learned_from} samples"
        notes.append(f"ranges were learned from {samples}: a hundred or two are needed to see what there is")
    for name, seen in inputs.items():
        low, high = seen.usual
        if low == high:
            notes.append(
                f'input "{name}" is {low:.6g} in every calibration sample: ranges learned from that fit nothing else; '
                "give samples like those that the network will see"
            )
        elif name != pixels and seen.whole_numbers and low >= 0 and PIXELS[0] < high <= PIXELS[1]:
            notes.append(
                f'calibration samples of "{name}" are whole numbers from {low:.0f} to {high:.0f}, as pixels are: if '
                "the network was trained on normalized images, normalize them in the same way, or say --preprocess"
            )
        notes += outlier_notes(name, seen, screened)
    return notes


def outlier_notes(name: str, seen: InputSeen, screened: bool) -> list[str]:
    """Which samples were out of all proportion."""
    numbers = seen.outlying if screened else np.flatnonzero(seen.outlying_from(0)).tolist()
    if not numbers:
        return []
    lows, highs = np.asarray(seen.lows), np.asarray(seen.highs)
    first = numbers[0]
    reach = highs[first] if highs[first] > -lows[first] else lows[first]
    low, high = np.delete(lows, numbers).min(), np.delete(highs, numbers).max()
    others = f" (and {len(numbers) - 1} more like it)" if len(numbers) > 1 else ""
    verdict = (
        "nothing was learned from it; --observer min-max keeps it"
        if screened
        else "it sets the range for all others; another --observer leaves it out"
    )
    return [
        f'calibration sample {first} of "{name}"{others} reaches {reach:.4g}, all others lie from {low:.4g} to '
        f"{high:.4g}: {verdict}"
    ]


def range_notes(
    inputs: Iterable[TensorInfo],
    samples: Sequence[Feeds],
    steps: Mapping[str, tuple[int, int]],
    *,
    assumed: bool = False,
) -> list[str]:
    """Of samples beside the ranges that the artifact was given. `steps`: the lowest and highest integer by input.
    `assumed`: whether nobody has seen samples before."""
    what, seen = ("was assumed", "it was assumed from") if assumed else ("calibration saw", "calibration saw")
    cure = (
        "say by --preprocess what pixels become, or calibrate with some of these"
        if assumed
        else "calibrate with samples like these, preprocessed in the same way"
    )
    notes = []
    for info in inputs:
        if info.limits is not None:  # whole numbers are taken as they are, or refused
            continue
        values = np.concatenate([feeds[info.name].ravel() for feeds in samples])
        low, high = ((step - info.zero_point) * info.scale for step in steps[info.name])
        share = float(((values < low - info.scale) | (values > high + info.scale)).mean())
        if share > CLIPPED:
            notes.append(
                f'{100 * share:.1f} % of "{info.name}" lie outside what {what}, {low:.4g} to {high:.4g}, and '
                f"are clipped: {cure}"
            )
        elif len(values) > FEWEST and 0 < max(-values.min(), values.max()) < NARROW * max(-low, high):
            notes.append(
                f'"{info.name}" lies from {values.min():.4g} to {values.max():.4g} where {seen} {low:.4g} to '
                f"{high:.4g}: {cure if assumed else 'preprocess both in the same way'}"
            )
    return notes


def output_notes(
    names: Sequence[str], expected: Sequence[Array], seen: Sequence[Array], layers: Sequence[Layer] = ()
) -> list[str]:
    """Of results beside float's: those that are hardly there. `layers`: rows of the report, to name the worst of."""
    known = [(one.sqnr_db, one.name) for one in layers if one.sqnr_db is not None]
    worst = min(known, default=None)
    notes = []
    for name, wanted, got in zip(names, expected, seen, strict=True):
        db = sqnr_db(wanted, got)
        if db is not None and db < POOR_DB:
            layer = worst[1] if worst is not None else None
            lost = f', and "{layer}" loses most by itself' if layer else ""
            notes.append(
                f'output "{name}" has {db:.1f} dB of signal to noise{lost}: --precision w8a16 helps, or '
                f"--keep {layer or 'LAYER'}=w8a16 for the layers that `dyadic compare` lists first"
            )
    return notes


def sqnr_db(wanted: Array, got: Array) -> float | None:
    """Signal to noise; None where there is no signal."""
    signal = float(np.square(wanted, dtype=np.float64).sum())
    noise = float(np.square(wanted.astype(np.float64) - got).sum())
    if signal == 0:
        return None
    return 200.0 if noise == 0 else 10 * math.log10(signal / noise)


def part_notes(floating: ir.Operation) -> list[str]:
    """Of a calibrated network: parts of joined results that share a scale with much larger ones.

    Those that are concats to the very end have scales of their own (`result_parts.py`)."""
    block = main_function(floating).operation.regions[0].blocks[0]
    apart, notes = concats_of_results(block), []
    for op in (each.opview for each in block.operations):
        if not isinstance(op, qd.ConcatOp) or op.operation in apart or not is_returned(op):
            continue
        low, high = value_range(op.out)
        for part in (op.a, op.b):
            made = source(part)
            if made is None or qd.RANGE not in made.operation.attributes:
                continue
            own_low, own_high = value_range(made.out)
            steps = 255 * (own_high - own_low) / max(high - low, np.finfo(np.float64).tiny)
            if steps < LOST_STEPS:
                notes.append(
                    f'"{layer_name(made)}" ({own_low:.4g} to {own_high:.4g}) is joined with values from {low:.4g} to '
                    f'{high:.4g} in "{layer_name(op)}" and keeps {steps:.0f} of 255 steps: make it an output of its own'
                )
    return notes


def is_returned(op: Any) -> bool:
    """Whether a result of the network holds what `op` makes, moved at most."""
    waiting = [op]
    while waiting:
        for use in waiting.pop().out.uses:
            reader = use.owner.opview
            if use.owner.name == "func.return":
                return True
            if isinstance(reader, qd.Move) or qd.joins_ranges(reader):
                waiting.append(reader)
    return False


def source(value: ir.Value) -> Any:
    """The op that computed what a value holds; None for an input."""
    op = defining(value)
    while isinstance(op, qd.Move):
        op = defining(op.x)
    return op if op is not None and not isinstance(op, qd.ConstantOp | qd.ConcatOp) else None


def without_labels(samples: Iterable[Feeds], most: int) -> list[Feeds]:
    """The first `most` samples."""
    found, left = [], most
    for feeds in samples:
        found.append({name: value[:left] for name, value in feeds.items() if name != LABELS})
        left -= len(next(iter(found[-1].values())))
        if left <= 0:
            break
    return found


def result_notes(
    session: Session,
    engine: Engine,
    samples: Iterable[Feeds],
    floating: ir.Operation,
    layers: Sequence[Layer],
    *,
    assumed: bool = False,
) -> list[str]:
    """Of what the artifact makes of the first samples. `layers` are rows of the report; `assumed`: whether ranges are
    of no samples."""
    first = without_labels(samples, SAMPLES)
    answers = [(engine.run(piece), session.run(None, piece)) for piece in pieces(first, session.max_batch)]
    expected, seen = ([np.concatenate(each) for each in zip(*side, strict=True)] for side in zip(*answers, strict=True))
    steps = {one.name: (one.lo, one.hi) for one in session.program.inputs}
    names = [info.name for info in session.outputs]
    return [
        *range_notes(session.inputs, first, steps, assumed=assumed),
        *part_notes(floating),
        *output_notes(names, expected, seen, layers),
    ]
