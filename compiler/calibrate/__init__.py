"""Calibrate: run samples through the float reference, learn each tensor's range, write it onto the op that makes it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from torch_mlir import ir

from dyadic.compiler.calibrate.channel_ranges import ChannelRanges
from dyadic.compiler.calibrate.data import Feeds, Input, Samples, rebatch
from dyadic.compiler.calibrate.entropy import Entropy
from dyadic.compiler.calibrate.learned import Learned
from dyadic.compiler.calibrate.made import MadeSamples, for_ranges
from dyadic.compiler.calibrate.means import InputMeans
from dyadic.compiler.calibrate.min_max import MinMax
from dyadic.compiler.calibrate.mse import Mse
from dyadic.compiler.calibrate.observer import Observer
from dyadic.compiler.calibrate.percentile import Percentile
from dyadic.compiler.calibrate.stream import Stream
from dyadic.compiler.keep.cache import Cache, key_of
from dyadic.compiler.keep.identity import calibrate_digest
from dyadic.compiler.progress import Advance, Progress
from dyadic.dialects import qd
from dyadic.dialects.arguments import argument_attributes, limits, set_argument_attribute
from dyadic.dialects.bytecode import bytecode
from dyadic.dialects.reference import FloatReference, Plan, boundary_names, main_function, make_plan
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.dialects.tokens import tokens_of
from dyadic.passes.residual_stream import residual_stream
from dyadic.runtime.errors import ModelError

if TYPE_CHECKING:
    import torch

OBSERVERS: dict[str, Callable[[], Observer]] = {
    "min-max": MinMax,
    "percentile": Percentile,
    "mse": Mse,
    "entropy": Entropy,
}
AUTO = "auto"
KEEPING = ("min-max", "mse")  # these clip neither inputs nor results of the model

# Samples go through the reference so many at a time that its largest tensor has about this many bytes.
TENSOR_BYTES = 32 << 20
LARGEST_BATCH = 64

RANGE_BITS = 8  # significant bits of a range: at most 0.8 % too wide, 0.03 dB on average


def model_inputs(module: ir.Module) -> tuple[Input, ...]:
    """What the model reads: the names and shapes of @main's arguments, without the batch, and which integers."""
    function = main_function(module)
    names, _ = boundary_names(function)
    inputs = []
    for index, (name, argument) in enumerate(zip(names, function.regions[0].blocks[0].arguments, strict=True)):
        sample, said = tuple(shape(argument)[1:]), argument_attributes(function, index)
        fixed = said[qd.FIXED].value if qd.FIXED in said else ""
        if is_integer(argument):
            dtype = said[qd.DTYPE].value if qd.DTYPE in said else "int32"
            inputs.append(Input(name, sample, dtype, limits(argument), fixed))
        else:
            inputs.append(Input(name, sample, fixed=fixed))
    return tuple(inputs)


def calibrate(module: ir.Module, data: object, observer: str, progress: Progress, cache: Cache | None = None) -> None:
    """Write `qd.range` onto every op whose result's range is not implied, and onto the arguments; the same for 4 and
    16 bits, and `qd.input_mean`.

    `observer` "auto" is min-max for networks that normalize rows at run time, whose large values matter, else mse.
    Inputs and outputs of the model keep everything that was seen, unless `observer` is one that clips by share or by
    divergence: that of mse does not know how much of a result is the user's to lose, and no later layer repairs it.
    What the same data said of the same model before is in the cache, where data can be read twice.
    """
    samples = data if isinstance(data, Samples) else Samples(data, model_inputs(module))
    plan = make_plan(module)
    if observer == AUTO:
        observer = "min-max" if any(isinstance(step.op, qd.Norm) for step in plan.steps) else "mse"
    with progress.stage("calibrate", samples.total) as advance:
        key = key_of(question(module, samples, observer)) if cache and samples.total is not None else None
        known = cache.read("ranges", [key]) if cache and key else {}
        if key is not None and key in known:
            learned = Learned(**json.loads(known[key]))
        else:
            learned = learn(module, samples, observer, advance)
            if cache and key:
                cache.write("ranges", {key: json.dumps(asdict(learned)).encode()})
    write_ranges(module, plan, qd.RANGE, learned.ranges)
    for attribute, ranges in learned.others.items():
        write_ranges(module, plan, attribute, ranges)
    with module.context:
        InputMeans(plan).write(learned.means)
        ChannelRanges(plan).write(learned.channels)


def question(module: ir.Module, samples: Samples, observer: str) -> dict[str, str]:
    """All that the answer depends on. Reads the samples once, which checks them, too."""
    seen = hashlib.sha256()
    for feeds in chain(samples, for_ranges(samples)):
        for name, value in sorted(feeds.items()):
            seen.update(f"{name} {value.dtype} {value.shape}\n".encode())
            seen.update(value.data)
    model = hashlib.sha256(bytecode(module)).hexdigest()
    return {"compiler": calibrate_digest(), "model": model, "samples": seen.hexdigest(), "observer": observer}


def learn(module: ir.Module, samples: Samples, observer: str, advance: Advance) -> Learned:
    """Run the samples and watch every tensor."""
    import torch

    reference = FloatReference(module)
    plan = reference.plan
    observers = make_observers(plan, observer)
    means, channels = InputMeans(plan), ChannelRanges(plan)
    tokens = tokens_of(module, plan)
    axes = {} if tokens is None else tokens.of(plan)
    valid: torch.Tensor | None = None  # [N, tokens] of the batch at hand
    typical = True  # whether it tells more than how far values reach

    def observe(op: Any, name: str, values: torch.Tensor) -> None:
        if valid is not None and name in axes:
            values = of_valid_tokens(values, axes[name], valid)
        if typical:
            means.see(name, values)
            channels.see(name, values)
        watching = observers.get(name)
        if watching is not None:
            try:
                watching.see(values)
            except FloatingPointError:
                raise ModelError(
                    f'"{name}" answers NaN or infinity in float on the calibration data; '
                    "check the model and the preprocessing of the data"
                ) from None

    rows = batch_rows(plan, samples.inputs)

    def run(feeds: Feeds) -> None:
        nonlocal valid
        for batch in rebatch(feeds, rows):
            if tokens is not None:
                valid = torch.from_numpy(batch[tokens.mask]) != 0
            reference({name: torch.from_numpy(value) for name, value in batch.items()}, observe)
            if typical:
                advance(len(next(iter(batch.values()))))

    with torch.inference_mode():
        for feeds in samples:
            run(feeds)
        typical = False
        for feeds in for_ranges(samples):
            run(feeds)
    at_8, *at_others = (
        {name: outward(*watching.range(bits)) for name, watching in observers.items()} for bits in (8, *qd.RANGE_AT)
    )
    others = {
        attribute: {name: r for name, r in ranges.items() if r != at_8[name]}
        for attribute, ranges in zip(qd.RANGE_AT.values(), at_others, strict=True)
    }
    learned = Learned(at_8, others, means.means(), channels.ranges())
    return samples.correct(plan, learned) if isinstance(samples, MadeSamples) else learned


def of_valid_tokens(values: torch.Tensor, axis: int, valid: torch.Tensor) -> torch.Tensor:
    """[tokens, ..., 1, ...]: what padded tokens hold is no part of any answer, so nothing is learned from it."""
    return values.movedim(axis, 1)[valid].unsqueeze(axis)


def outward(low: float, high: float) -> tuple[float, float]:
    """Both bounds away from zero to `RANGE_BITS` significant bits.

    A network that came by another route differs in its last float bits; its scales then do not, its integers hardly.

    >>> outward(-1.0, 3.001)
    (-1.0, 3.015625)
    """

    def one(value: float) -> float:
        mantissa, exponent = math.frexp(abs(value))
        return math.copysign(math.ldexp(math.ceil(math.ldexp(mantissa, RANGE_BITS)), exponent - RANGE_BITS), value)

    return one(low), one(high)


def make_observers(plan: Plan, observer: str) -> dict[str, Observer]:
    """One observer a tensor, by the name under which the reference shows it."""
    make = OBSERVERS[observer]
    outside = MinMax if observer in KEEPING else make
    results = set(plan.results.values())
    observers: dict[str, Observer] = {
        name: outside() for name in plan.arguments if name not in plan.integers and name not in plan.given
    }
    stream = residual_stream(plan.steps[0].op.operation.block) if plan.steps else set()
    for step in plan.steps:
        if not step.op.implied and qd.GIVEN not in step.op.operation.attributes:
            own = outside() if step.output in results else make()
            observers[step.name] = Stream(own) if step.op.out in stream else own
    return observers


def batch_rows(plan: Plan, inputs: tuple[Input, ...]) -> int:
    """How many samples go through the reference at a time."""
    largest = max([count(i.sample) for i in inputs] + [count(tuple(shape(step.op.out)[1:])) for step in plan.steps])
    return min(LARGEST_BATCH, max(1, TENSOR_BYTES // (4 * largest)))


def count(sample: tuple[int, ...]) -> int:
    product = 1
    for n in sample:
        product *= n
    return product


def write_ranges(module: ir.Module, plan: Plan, attribute: str, ranges: dict[str, tuple[float, float]]) -> None:
    with module.context:
        for step in plan.steps:
            if step.name in ranges:
                step.op.operation.attributes[attribute] = ir.DenseF64ArrayAttr.get(list(ranges[step.name]))
        for index, name in enumerate(plan.arguments):
            if name in ranges:
                written = ir.DenseF64ArrayAttr.get(list(ranges[name]))
                set_argument_attribute(main_function(module), index, attribute, written)
