"""Makes what is measured, each in a child process: `python -m benchmarks.build ENGINE NETWORK FOLDER [LEVELS]`.

First the source: the network in float as an ONNX file, with seeded images and what float answers to them; then each
engine's own 8-bit model. A failed build is one sentence in a file beside where the model would be: others go on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.engines import INPUT, OURS, OUTPUT, TREE, Missing, Source, engine

CALIBRATION, EVALUATION = 16, 16  # images or texts
FLOAT = "float"
TRANSFORMERS = ("deit_tiny", "bert_base_128", "minilm_128", "minilm_32")  # as some engines must be told


def source_path(network: str, folder: Path) -> Path:
    return folder / f"{network}.float.onnx"


def data(network: str, folder: Path, array: str) -> np.ndarray:
    """Of the source: `calibration`, `evaluation`, what float answers to it as `reference`, `macs` of an image."""
    with np.load(folder / f"{network}.npz") as file:
        return file[array]


def model_path(name: str, network: str, folder: Path) -> Path:
    return folder / f"{network}.{name}{engine(name).SUFFIX}"


def make_source(network: str, folder: Path) -> None:
    import torch

    from benchmarks.networks import NETWORKS, macs

    one = NETWORKS[network]
    module = one.make()
    shown, asked = one.samples(CALIBRATION, seed=1), one.samples(EVALUATION, seed=2)
    torch.onnx.export(
        module,
        (torch.from_numpy(asked[:2]),),
        str(source_path(network, folder)),
        dynamo=False,
        opset_version=17,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
    )
    with torch.inference_mode():
        reference = module(torch.from_numpy(asked)).numpy()
    np.savez(
        folder / f"{network}.npz",
        calibration=shown,
        evaluation=asked,
        reference=reference,
        macs=np.int64(macs(module, asked[:1])),
    )


def build(name: str, network: str, folder: Path, levels: tuple[str, ...] | None = None) -> None:
    if name == FLOAT:
        make_source(network, folder)
        return
    kind = network in TRANSFORMERS
    source = Source(network, source_path(network, folder), data(network, folder, "calibration"), levels, kind)
    engine(name).build(source, model_path(name, network, folder))


def ensure(
    name: str, network: str, folder: Path, python: Path = Path(sys.executable), levels: Sequence[str] = ()
) -> dict[str, float | str]:
    """Build in a child process; ours always, since it is what changes, others where their model is missing."""
    if name == FLOAT:
        wanted = source_path(network, folder)
    else:
        try:
            wanted = model_path(name, network, folder)
        except Missing as reason:
            return {"failed": str(reason)}
    if wanted.exists() and name != OURS:
        return {}
    wanted.unlink(missing_ok=True)
    start = time.perf_counter()
    command = [str(python), "-m", "benchmarks.build", name, network, str(folder.resolve()), *levels]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONWARNINGS": "ignore"}, cwd=TREE
    )
    if done.returncode or not wanted.exists():
        last = [line for line in done.stderr.splitlines() if line.strip()]
        return {"failed": last[-1].strip() if last else f"exit code {done.returncode}"}
    return {"seconds": round(time.perf_counter() - start, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # pyright: ignore[reportOptionalMemberAccess]
    parser.add_argument("engine")
    parser.add_argument("network")
    parser.add_argument("folder", type=Path)
    parser.add_argument("levels", nargs="*", help="what ours holds code for (default: all levels of this machine)")
    given = parser.parse_args()
    build(given.engine, given.network, given.folder, tuple(given.levels) or None)


if __name__ == "__main__":
    main()
