"""How a pass is written: a docstring, a list of patterns, a name taken from the function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir
from torch_mlir.rewrite import (
    GreedyRewriteConfig,
    PatternRewriter,
    RewritePatternSet,
    apply_patterns_and_fold_greedily,
)

# The bindings read a truthy return as "did not match"; this name says so.
NO_MATCH = True

MOST_ROUNDS = 10
REWRITES_AN_OP = 10

Pattern = Callable[[Any, PatternRewriter], bool | None]


@dataclass(frozen=True)
class Pass:
    """One line of the pipeline; `name` is what `dyadic-opt -p` accepts.

    `run` takes the module op and rewrites it in place. Problems of the model are diagnostics on the op or a
    `dyadic.runtime.errors.ModelError`; problems of ours are ordinary exceptions.
    """

    name: str
    summary: str
    run: Callable[[ir.Operation], None]

    @property
    def folder(self) -> str:
        """Under `passes/`, where its file is: `lower/memory`."""
        return "/".join(self.run.__module__.split(".")[2:-1])


def module_pass(run: Callable[[ir.Operation], None]) -> Pass:
    """Turn `def fold_batch_norm(module)` into the pass `fold-batch-norm`, summarised by its docstring's first line."""
    assert run.__doc__, f"{run.__name__} needs a docstring: its first line is the --help text"
    return Pass(run.__name__.replace("_", "-"), run.__doc__.strip().splitlines()[0], run)


def rewrite(module: ir.Operation, *patterns: tuple[type[ir.OpView] | str, Pattern]) -> None:
    """Apply `patterns` greedily until none matches; a pattern must make itself inapplicable.

    RuntimeError where one does not: after ten rounds, or after `REWRITES_AN_OP` rewrites for each op that there was.
    """
    config = GreedyRewriteConfig()
    config.max_iterations = MOST_ROUNDS
    every = [
        block for function in module.regions[0].blocks[0] for region in function.regions for block in region.blocks
    ]
    ops = sum(len(block.operations) for block in every)
    config.max_num_rewrites = REWRITES_AN_OP * (ops + 20)
    pattern_set = RewritePatternSet(context=module.context)
    for root, pattern in patterns:
        pattern_set.add(root, pattern)
    apply_patterns_and_fold_greedily(module, pattern_set.freeze(), config)


def defining(value: ir.Value) -> Any:
    """The op view that produces `value`, or None for a block argument."""
    return value.owner.opview if isinstance(value, ir.OpResult) else None


def layer_name(op: Any) -> str:
    """The user's own name for `op`: the first name in its location, or the op's kind where it has none."""
    location = op.location
    while isinstance(location, ir.FusedLoc):
        location = location.locations[0]
    return location.name_str if isinstance(location, ir.NameLoc) else op.operation.name
