"""Whether and for what a lowered network is tuned, by the options."""

from __future__ import annotations

from torch_mlir import ir

from dyadic.compiler.options import Options
from dyadic.compiler.targets.asked import Asked
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.tools import Tools
from dyadic.compiler.tune import tune
from dyadic.runtime.session import threads_for


def tune_network(
    asked: Asked, lowered: ir.Module, integer: ir.Operation, options: Options, tools: Tools
) -> tuple[ir.Module, Tuned | None]:
    """For the best level that this machine runs, and as many threads as a session would have: the network to emit, and
    what was found out. Nothing is, where tuning is off, or this machine runs no code for the target."""
    if options.tune == "off":
        return lowered, None
    target = asked.target
    if not target.usable():
        kept = target.modelled or "those that it has"
        why = f"which runs no code for {asked.name}"
        tools.progress.warn(f"--tune times kernels on this machine, {why}: it keeps {kept}")
        return lowered, None
    level = target.choose(options.levels_of(asked))
    threads = options.threads or threads_for(target.work(lowered))
    network, tuned = tune(
        target, lowered, integer, level, options.tune, threads, options.batch, tools.cache, tools.progress
    )
    tools.trace.page(network.operation, "lower", "tune")
    return network, tuned
