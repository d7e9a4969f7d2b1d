"""A calibrated network in another process: what is sent of it, and what is made of that there.

Bytes and arrays go, for what is MLIR's cannot: the IR as bytecode, with its weights; the samples, in the batches in
which they are read here, so that sums are made in the same order; the twins that `refine` may ask for, which would else
be calibrated by everyone. What arrives gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch_mlir import ir

from dyadic.compiler.calibrate.data import Feeds, Input, Samples
from dyadic.compiler.calibrated import Calibrated, balancing
from dyadic.compiler.job import Job
from dyadic.compiler.options import Options
from dyadic.compiler.refine.equalization import Equalizer
from dyadic.compiler.targets.registry import names
from dyadic.compiler.tools import Tools
from dyadic.compiler.user_data import Data
from dyadic.dialects.bytecode import bytecode
from dyadic.passes.integerize.quantization import anything_given
from dyadic.passes.prepare.equalize_layers import equalize_layers


@dataclass(frozen=True)
class SentNetwork:
    """Everything but the samples. `total`: how many there are, None where they cannot be read twice."""

    module: bytes
    twins: dict[str, bytes]
    options: Options
    balanced: bool  # whether channels are given one size
    observer: str
    inputs: tuple[Input, ...]
    first: list[Feeds]
    total: int | None


class SentSamples(Samples):
    """Samples in the batches in which they were read where they came from."""

    def __init__(self, sent: SentNetwork, batches: Sequence[Feeds]) -> None:
        super().__init__([], sent.inputs)
        self.batches, self.first, self.total = batches, sent.first, sent.total

    def _batches(self) -> Iterator[Feeds]:
        yield from self.batches


def sent_items(calibrated: Calibrated, options: Options) -> Iterator[object]:
    """What to send: a `SentNetwork`, then the samples, a batch each."""
    module, samples, equalizer = calibrated.module, calibrated.data.calibration, calibrated.equalizer
    twins = dict[str, bytes]()
    if samples.total is not None and equalize_layers.name not in options.left_out and not anything_given(module):
        twins = {way: bytecode(equalizer.twin(way)) for way in equalizer.ways(True)}
    yield SentNetwork(
        bytecode(module),
        twins,
        of_trials(options),
        bool(calibrated.balancing),
        equalizer.observer,
        samples.inputs,
        samples.first,
        samples.total,
    )
    if samples.total is not None:
        yield from samples


def of_trials(options: Options) -> Options:
    """What of the options decides how a plan is built. All targets compute the same integers, all levels too: elsewhere
    it is the processor's, with its best level."""
    return Options(
        without=options.without,
        shape=options.shape,
        nonlinear=options.nonlinear,
        last_activation=options.last_activation,
        wide_outputs=options.wide_outputs,
        target=names()[0],
    )


def arrived(sent: SentNetwork, batches: Sequence[Feeds], tools: Tools) -> Calibrated:
    """The network, in the context of `tools`."""
    with tools.context:
        module = ir.Module.parse(sent.module).operation
        samples = SentSamples(sent, batches)
        equalizer = Equalizer(module, samples, sent.observer, tools.cache)
        equalizer.take({way: ir.Module.parse(one).operation for way, one in sent.twins.items()})
        data = Data(Job(None, **vars(sent.options)), None, samples, None, None)  # pyright: ignore
        changing = balancing(sent.options.left_out) if sent.balanced else ()
        return Calibrated(module, data, equalizer, changing)
