"""How many launches a run takes for each layer with weights: `python -m benchmarks.gpu launches [NETWORK ...]`.

Between two launches a GPU waits for a microsecond or more, which small batches feel. All are counted that a graph of a
run has: steps, and the crossings that quantize and dequantize. No code is made, and no GPU is needed.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch_mlir import ir

from benchmarks.gpu.table import LAUNCHES
from benchmarks.networks import NETWORKS
from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.dialects import qi
from dyadic.dialects.launch import launches_of
from dyadic.dialects.reference import boundary_names, main_function
from dyadic.passes import PIPELINE
from dyadic.passes.lower.cuda.select_gpu_kernels import SETUP
from dyadic.runtime.errors import UsageError

SAMPLES = 2  # any will do: how wide ranges are changes no launch


@dataclass(frozen=True)
class Launches:
    """Of a network: its layers with weights, its crossings, and how many steps there are of each kind of operator."""

    layers: int
    crossings: int
    steps: Mapping[str, int]

    @property
    def total(self) -> int:
        return self.crossings + sum(self.steps.values())

    @property
    def of_layer(self) -> float:
        return self.total / self.layers


def launches_in(integer: ir.Operation) -> Launches:
    """Of a network after integerize, which stays as it is."""
    network = integer.clone()
    body = main_function(network).regions[0].blocks[0].operations
    layers = sum(qi.is_layer(op.operation.name) for op in body)
    crossings = sum(map(len, boundary_names(main_function(network))))
    with network.context, ir.Location.unknown():
        for one in PIPELINE["lower/cuda"]:
            one.run(network)
    steps = [launch.op.value for launch in launches_of(network) if SETUP not in launch.attributes]
    return Launches(layers, crossings, dict(Counter(steps).most_common()))


def integers(name: str) -> ir.Operation:
    """One of `benchmarks.networks` with 8 bits everywhere."""
    network = NETWORKS[name]
    samples = network.samples(SAMPLES, seed=1)
    return network_after("integerize", Job(network.make(), samples, example_inputs=(torch.from_numpy(samples[:1]),)))


def count(names: Sequence[str]) -> None:
    """Print a line for each network, and keep what was found for docs/gpu.md."""
    wanted = list(names) or list(NETWORKS)
    if unknown := [name for name in wanted if name not in NETWORKS]:
        raise UsageError(f"there is no network '{unknown[0]}'; there are {', '.join(NETWORKS)}")
    for name in wanted:
        found = launches_in(integers(name))
        line = f"{name:20} {found.of_layer:5.2f}  {found.total} launches, {found.layers} layers: {found.steps}"
        print(line, flush=True)
        kept = json.loads(LAUNCHES.read_text()) if LAUNCHES.exists() else {}
        kept[name] = {"launches": found.total, "layers": found.layers}
        LAUNCHES.write_text(json.dumps({key: kept[key] for key in NETWORKS if key in kept}, indent=1) + "\n")
