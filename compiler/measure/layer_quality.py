"""What every layer loses, for the layer table: alone, and with all layers before it.

A few samples go through both references side by side, as in `dyadic compare`, which takes more of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from torch_mlir import ir

from dyadic.compiler.calibrate.data import Feeds, first_batches
from dyadic.compiler.measure.histograms import Histograms
from dyadic.compiler.measure.layer_losses import Losses
from dyadic.compiler.report_schema import Histogram
from dyadic.dialects.reference import FloatReference, IntegerReference
from dyadic.passes.rewriting import layer_name

SAMPLES, SECONDS = 8, 10.0
WORST = 4  # layers whose results are shown as histograms


def layer_quality(
    floating: ir.Operation, integer: ir.Operation, samples: Iterable[Feeds]
) -> tuple[dict[str, dict[str, float]], int, tuple[Histogram, ...]]:
    """(layer -> `sqnr_db` of its own loss and `sqnr_so_far_db`, how many samples that is of, histograms of the layers
    that lose most alone, the worst first).

    Signal to noise against float, left out where not known; of a layer of several ops those of its op with weights, or
    else of the last one.

    floating, integer: the same network as `qd` and as `qi`. Of the samples, the first SAMPLES are looked at, and fewer
    where they take longer than SECONDS.
    """
    import torch

    seen_of = Histograms()
    losses = Losses(FloatReference(floating), IntegerReference(integer), seen_of)
    end, count = time.monotonic() + SECONDS, 0
    with torch.inference_mode():
        for batch in first_batches(samples, min(losses.rows, SAMPLES), SAMPLES):
            losses(batch)
            count += len(next(iter(batch.values())))
            if time.monotonic() > end:
                break
    found: dict[str, dict[str, float]] = {}
    outputs: dict[str, int] = {}
    with_weights: set[str] = set()
    for step in losses.steps:
        name = layer_name(step.op)
        if getattr(step.op, "weight", None) is not None:
            with_weights.add(name)
        elif name in with_weights:
            continue
        seen = {"sqnr_db": losses.alone[step.output], "sqnr_so_far_db": losses.accumulated[step.output]}
        found[name] = {key: one.sqnr_db for key, one in seen.items() if one.sqnr_db is not None}
        outputs[name] = step.output
    alone = sorted((known["sqnr_db"], name) for name, known in found.items() if "sqnr_db" in known)
    worst = [seen_of.of(outputs[name], name) for _, name in alone[:WORST]]
    return found, count, tuple(one for one in worst if one is not None)
