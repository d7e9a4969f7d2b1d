"""What the artifact of an architecture answers: the bits of its reference, for batches of any size, close to float."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.encoders.modules import Architecture, Inputs, at_valid, like, made
from benchmarks.encoders.verdict import Verdict
from dyadic.compiler.driver import build_artifact
from dyadic.compiler.job import Job
from dyadic.compiler.tools import Tools
from dyadic.dialects.reference import IntegerReference
from dyadic.runtime.cpu.levels import usable
from dyadic.runtime.errors import DyadicError

Array = npt.NDArray[np.floating]

CALIBRATION, OTHERS, BATCH = 32, 6, 3
FAR_DB = 15.0  # random weights of two blocks at 8 bits are further from float than trained ones, and above this


def compiled(make: Architecture) -> Verdict:
    """`dyadic.compile` by default options for this machine's best level but AMX, judged by inputs of its own."""
    module, inputs = made(make)
    generator = torch.Generator().manual_seed(1)
    calibration = [tuple(one.numpy() for one in like(inputs, generator)) for _ in range(CALIBRATION)]
    others = [like(inputs, generator) for _ in range(OTHERS)]
    level = next(one for one in usable() if one != "amx")
    job = Job(module, calibration, example_inputs=inputs, isa=[level], measure=False, progress="off")
    try:
        artifact = build_artifact(job, Tools.of(job))
    except DyadicError as error:
        return Verdict("refused", str(error))
    feeds = [np.concatenate([one[i].numpy() for one in others]) for i in range(len(inputs))]
    with artifact.built.load(threads=1, max_batch=BATCH) as session:
        named = dict(zip((one.name for one in session.inputs), feeds, strict=True))

        def answers(batch: int) -> Array:
            parts = [{name: each[i : i + batch] for name, each in named.items()} for i in range(0, OTHERS, batch)]
            return np.concatenate([session.run(None, part)[0] for part in parts])

        got, alone = answers(BATCH), answers(1)
    exact = next(iter(IntegerReference(artifact.built.integer)(named).values()))
    wanted = floats(module, others)
    together = tuple(torch.from_numpy(each) for each in feeds)
    return verdict(got, alone, exact, *(at_valid(torch.from_numpy(each), together).numpy() for each in (got, wanted)))


@torch.no_grad()
def floats(module: nn.Module, inputs: list[Inputs]) -> Array:
    """The module's own answers."""
    return np.concatenate([module(*one).numpy() for one in inputs])


def verdict(got: Array, alone: Array, exact: Array, valid: Array, wanted: Array) -> Verdict:
    """Of the artifact's answers to batches and to single inputs and the integer reference's; and of its own and the
    module's for valid tokens."""
    faults = [f"{np.mean(got != exact):.1%} of the numbers are not the reference's"] if (got != exact).any() else []
    faults += ["batches of 1 and 3 differ"] if (got != alone).any() else []
    whole, between = decibels(wanted, valid - wanted), decibels(wanted - wanted.mean(0), valid - wanted)
    faults += ["far from float"] if whole < FAR_DB else []
    said = f"{whole:.1f} dB, {between:.1f} of what differs between inputs"
    return Verdict("wrong" if faults else "ok", "; ".join([said, *faults]))


def decibels(signal: Array, noise: Array) -> float:
    """Signal to noise.

    >>> decibels(np.full(4, 10.0), np.ones(4))
    20.0
    """
    return float(10 * np.log10(np.square(signal).sum() / max(float(np.square(noise).sum()), 1e-30)))
