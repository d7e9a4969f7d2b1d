"""What a compile says of its choices in the report: layers, plans, what was predicted and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dyadic.compiler.report.formats import measure_change
from dyadic.compiler.report.layers import layer_rows
from dyadic.compiler.variants import CHOSEN, INT8, Variant
from dyadic.runtime.session import StepTime

if TYPE_CHECKING:
    from dyadic.compiler.select.compiling import Compiling
    from dyadic.compiler.select.stage import Selection

Row = dict[str, Any]

SMALLER_ONLY = 0.99  # of int8's time: less is faster


def layers(
    flow: Compiling, selection: Selection, times: Sequence[StepTime] = (), level: str | None = None
) -> list[dict[str, Any]]:
    """One row a layer; the selection adds why, and what was predicted of it."""
    emitted = flow.artifact.emitted
    rows = layer_rows(emitted.program, len(emitted.sections["weights"]), flow.integer, times, level)
    known = None if selection.mixed is None else selection.mixed.sensitivities
    schemes = {layer: point for point in selection.points.weights.values() for layer in point.layers}
    refined = {gain.layer: gain.after_db for gain in flow.refined.gains}  # of a layer's last technique
    for row in rows:
        name = row["name"]
        if name in refined:
            row["sqnr_db"] = refined[name]
        if name in selection.why:
            row["why"] = selection.why[name]
        if known is not None and name in schemes:
            point = schemes[name].name
            estimate = known.weights[point][selection.decisions.weights[point]]
            row["sensitivity"] = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return rows


def selection_section(selection: Selection, variants: Sequence[Variant], metric: str | None = None) -> Row:
    said = selection.to_json()
    said["variants"] = [one.to_json() for one in variants]
    said["verdict"] = verdict(variants, metric)
    return said


def verdict(variants: Sequence[Variant], metric: str | None = None) -> str:
    """One or two sentences: what was chosen against uniform int8 and float, by the metric of that name or accuracy."""
    named = {one.name: one for one in variants}
    chosen, int8, floating = named[CHOSEN], named[INT8], named["float"]
    assert chosen.weight_bytes is not None and int8.weight_bytes is not None
    size, time = chosen.weight_bytes / int8.weight_bytes, chosen.latency_ms / int8.latency_ms
    said = (
        f"The weights are {size:.2f}x of int8's, the time {time:.2f}x of int8's and "
        f"{chosen.latency_ms / floating.latency_ms:.2f}x of float's"
    )
    if chosen.difference is not None and int8.difference is not None:
        if metric is None:
            change, of_int8 = f"{100 * chosen.difference[0]:+.2f}", f"{100 * int8.difference[0]:+.2f}"
            said += f"; accuracy changes by {change} points (int8: {of_int8})"
        else:
            change, of_int8 = measure_change(chosen.difference[0]), measure_change(int8.difference[0])
            said += f"; {metric} changes by {change} (int8: {of_int8})"
    said += "."
    if size < 1 and time > SMALLER_ONLY:
        said += " On this machine, fewer bits made this network smaller, not faster."
    return said
