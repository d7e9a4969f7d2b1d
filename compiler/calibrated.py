"""A network whose tensors have ranges, and which nothing changes any more: every plan is written onto a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch_mlir import ir

from dyadic.compiler.options import Options
from dyadic.compiler.refine.equalization import Equalizer
from dyadic.compiler.report_schema import Equalizing
from dyadic.compiler.user_data import Data
from dyadic.compiler.widths.decisions import Decisions, write
from dyadic.compiler.widths.points import Points
from dyadic.compiler.widths.width_ranges import take_ranges_of_widths
from dyadic.passes.prepare.equalize_layers import equalize_layers


@dataclass(frozen=True, eq=False)
class Calibrated:
    """`module` is `qd` with ranges; `equalizer` makes its twin with equalized layers where that is asked for."""

    module: ir.Operation
    data: Data
    equalizer: Equalizer

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

    def equalized(
        self, network: ir.Operation, decisions: Decisions, why: Mapping[str, str], options: Options
    ) -> tuple[ir.Operation, Equalizing | None]:
        """Where it helps, another network with the same meaning; what was seen."""
        if equalize_layers.name in options.left_out:
            return network, None
        twin, seen = self.equalizer.attempt(decisions.by_layer(self.points), why)
        return twin or network, seen
