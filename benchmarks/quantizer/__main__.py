"""ONNX Runtime's quantizer on whole networks, layer by layer: python -m benchmarks.quantizer [NETWORK...] [--ways N].

Every network is quantized in every way (QDQ and QOperator, u8 and s8, per channel and per tensor, 8 and 7 bits), taken
without samples where the file gives everything, and its layers are held against ONNX Runtime's integers. A network
passes where no layer that reads the same integers is off by more than a step. Then how far the answers are apart, of
how they vary: from ONNX Runtime's here, and those of ONNX Runtime without its fused kernels, which compute in float.
ONNX Runtime's own integers are exact on machines with VNNI alone.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx

from benchmarks.quantizer.networks import INPUT, NETWORKS, OUTPUT, exported, samples
from benchmarks.quantizer.quantized import WAYS, Way, quantize
from benchmarks.quantizer.steps import distances, integers_of_onnxruntime, quantizations
from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects.reference import IntegerReference
from dyadic.runtime.errors import DyadicError, UsageError

CALIBRATION, JUDGED = 8, 4
MOST_LISTED = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)}; all where none is named"
    )
    parser.add_argument("--ways", type=int, default=len(WAYS), help="so many of the 16 ways, others for each network")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    failed = 0
    for place, name in enumerate(asked.networks or NETWORKS):
        model = exported(name)
        for turn in range(asked.ways):
            way = WAYS[(place + turn * (len(WAYS) // asked.ways) + turn) % len(WAYS)]
            with tempfile.TemporaryDirectory() as folder:
                failed += judged(name, model, way, Path(folder))
    return int(failed > 0)


def judged(name: str, model: onnx.ModelProto, way: Way, folder: Path) -> bool:
    """Prints a row; whether something is wrong."""
    shown, x = samples(name, CALIBRATION, 1), {INPUT: samples(name, JUDGED, 2)}
    path = quantize(model, way, shown, folder)
    learned = ""
    try:
        try:
            network = network_after("integerize", Job(str(path), None, progress="off"))
        except UsageError as error:
            learned = str(error)
            network = network_after("integerize", Job(str(path), {INPUT: shown}, progress="off"))
    except DyadicError as error:
        print(f"| {name} | {way} | refused: {error} |", flush=True)
        return True
    file = onnx.load(path)
    with network.context:
        every = distances(network, file, x)
        mine = IntegerReference(network)(x)[OUTPUT]
    theirs, apart = (integers_of_onnxruntime(file, [], x, fused)[OUTPUT] for fused in (True, False))
    most = max(one.most for one in every)
    off = sum(one.off for one in every) / sum(one.count for one in every)
    noise, own = (np.sqrt(np.square(a - theirs).mean() / max(theirs.var(), 1e-30)) for a in (mine, apart))
    matched = f"{len(every)} of {len(quantizations(file))}"
    print(f"| {name} | {way} | {matched} | {off:.3%} | {most} | {noise:.2%} | {own:.2%} |", flush=True)
    if learned:
        print(f"    {learned}", flush=True)
    for one in sorted(every, key=lambda one: -one.most)[:MOST_LISTED]:
        if one.most > 1:
            said = f"{one.off} of {one.count} off, {one.most} steps at most"
            print(f"    {one.layer} ({one.operator}): {said}", flush=True)
    return most > 1


if __name__ == "__main__":
    raise SystemExit(main())
