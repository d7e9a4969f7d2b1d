"""A network whose tensors have ranges, and which nothing changes any more: every plan is written onto a copy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch_mlir import ir

from dyadic.compiler.options import Options
from dyadic.compiler.refine.equalization import Equalizer
from dyadic.compiler.report_schema import Equalizing
from dyadic.compiler.trace import Trace, run_passes
from dyadic.compiler.user_data import Data
from dyadic.compiler.widths.decisions import Decisions, write
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.passes.integerize.quantization import anything_given
from dyadic.passes.prepare.balance_attention import balance_attention
from dyadic.passes.prepare.balance_norms import balance_norms
from dyadic.passes.prepare.equalize_layers import equalize_layers
from dyadic.passes.rewriting import Pass

BALANCING = (balance_norms, balance_attention)  # by what calibration saw, once there are widths


def balancing(left_out: Collection[str]) -> tuple[Pass, ...]:
    """The passes that give channels one size, without those that are left out."""
    return tuple(one for one in BALANCING if one.name not in left_out)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """`module` is `qd` with ranges; `equalizer` makes its twin with equalized layers where that is asked for.

    `balancing` is what runs on every copy once it has widths.
    """

    module: ir.Operation
    data: Data
    equalizer: Equalizer
    balancing: tuple[Pass, ...] = BALANCING

    @cached_property
    def points(self) -> Points:
        """What has a width to choose. Made in the module's context."""
        return Points(self.module)

    def decided(self, decisions: Decisions, why: Mapping[str, str]) -> ir.Operation:
        """A copy with these widths, the reasons by layer, and the ranges that belong to the widths."""
        copy = self.module.clone()
        write(copy, self.points, decisions, why)
        take_ranges_of_widths(copy)
        return copy

    def balanced(self, decisions: Decisions) -> ir.Operation:
        """A copy whose channels have the sizes that they will have with these widths, and the ranges of any width."""
        copy = self.module.clone()
        write(copy, self.points, decisions, dict.fromkeys(self.points.result_of, ""))
        run_passes(copy, self.balancing, "refine", Trace())
        return copy

    def equalized(
        self, network: ir.Operation, decisions: Decisions, why: Mapping[str, str], options: Options
    ) -> tuple[ir.Operation, Equalizing | None]:
        """Where it helps, another network with the same meaning; what was seen."""
        if equalize_layers.name in options.left_out or anything_given(network):
            return network, None
        twin, seen = self.equalizer.attempt(decisions.by_layer(self.points), why)
        return twin or network, seen
