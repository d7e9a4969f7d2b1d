"""Accuracy of files that ONNX Runtime's quantizer wrote, there and here: python -m benchmarks.quantizer.labelled MODEL
--calibration samples.npz --evaluate labelled.npz.

MODEL is a classifier, quantized already or in float; then it is quantized in three ways (QDQ with u8 and with s8
activations, QOperator; a scale for each output channel), by the samples. Each file is compiled, without samples where
it gives everything, and answers every labelled sample in both. A row says: accuracy of ONNX Runtime, of the artifact,
their paired difference with its 95 % interval, how often both name the same class, how far the logits are apart, and
by how many steps a layer is off that reads the same integers. ONNX Runtime's integers are exact on machines with VNNI
alone.
"""

import argparse
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

import dyadic
from benchmarks.quantizer.quantized import Way, quantize
from benchmarks.quantizer.steps import distances
from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.compiler.quality.comparison import paired_interval
from dyadic.runtime.cpu.levels import usable
from dyadic.runtime.errors import UsageError

WAYS = (Way("QDQ", False, True, False), Way("QDQ", True, True, False), Way("QOperator", False, True, False))
BATCH, LOOKED_AT = 50, 2
LABELS = "labels"

Array = npt.NDArray[Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--calibration", type=Path, required=True, help="samples by the name of the input")
    parser.add_argument("--evaluate", type=Path, required=True, help="the same, with labels")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    shown, judged = (dict(np.load(path)) for path in (asked.calibration, asked.evaluate))
    labels = judged.pop(LABELS)
    for path in asked.models:
        model = onnx.load(path)
        done = any("Quantize" in node.op_type or node.op_type.startswith("QLinear") for node in model.graph.node)
        if not done:
            right = answers(path, judged).argmax(1) == labels
            print(row(path.stem, "float", float(right.mean())), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for way in (None,) if done else WAYS:
                file = path if way is None else quantize(model, way, next(iter(shown.values())), Path(folder))
                print(compared(path.stem, str(way or "as it is"), file, shown, judged, labels), flush=True)
    return 0


def row(*cells: object) -> str:
    return "| " + " | ".join(f"{cell:.2%}" if isinstance(cell, float) else str(cell) for cell in cells) + " |"


def compared(
    name: str, way: str, file: Path, shown: Mapping[str, Array], judged: Mapping[str, Array], labels: Array
) -> str:
    """A row of one file."""
    options: dict[str, Any] = {"isa": usable()[:1], "progress": "off", "measure": False}
    try:
        artifact = dyadic.compile(file, None, **options)
        network = network_after("integerize", Job(str(file), None, progress="off"))
    except UsageError:  # some tensor is not given
        artifact = dyadic.compile(file, shown, **options)
        network = network_after("integerize", Job(str(file), shown, progress="off"))
    with artifact.load(max_batch=BATCH) as session:
        count = len(labels)
        pieces = [{key: x[i : i + BATCH] for key, x in judged.items()} for i in range(0, count, BATCH)]
        mine = np.concatenate([np.asarray(session.run(None, piece)[0]) for piece in pieces])
    theirs = answers(file, judged)
    right = [np.asarray(each.argmax(1) == labels) for each in (theirs, mine)]
    _, low, high = paired_interval(int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum()), count)
    with network.context:
        every = distances(network, onnx.load(file), {key: x[:LOOKED_AT] for key, x in judged.items()})
    most = max((one.most for one in every), default=0)
    apart = 10 * np.log10(np.square(theirs).sum() / max(np.square(theirs - mine).sum(), 1e-30))
    difference = f"{(right[1].mean() - right[0].mean()) * 100:+.2f} points, {low * 100:+.2f} to {high * 100:+.2f}"
    same = float((theirs.argmax(1) == mine.argmax(1)).mean())
    accuracies = [float(each.mean()) for each in right]
    return row(name, way, *accuracies, difference, same, f"{apart:.1f} dB", f"{most}, of {len(every)} layers")


def answers(file: Path, feeds: Mapping[str, Array]) -> npt.NDArray[np.float64]:
    """ONNX Runtime's first output, on as many samples at a time as the file allows."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    count, fixed = len(next(iter(feeds.values()))), session.get_inputs()[0].shape[0]
    size = fixed if isinstance(fixed, int) else BATCH
    pieces = [{name: x[i : i + size] for name, x in feeds.items()} for i in range(0, count, size)]
    return np.concatenate([np.asarray(session.run(None, piece)[0]) for piece in pieces]).astype(np.float64)


if __name__ == "__main__":
    raise SystemExit(main())
