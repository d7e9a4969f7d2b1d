"""How what a compile gives shows itself: in one line, in a few sentences, as a table in a notebook or a terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple
from typing import TYPE_CHECKING

from dyadic.compiler.formats import counted, measure, measure_change, ratio
from dyadic.compiler.in_python import in_keywords
from dyadic.runtime import notebook
from dyadic.runtime.errors import printable

if TYPE_CHECKING:
    from dyadic.compiler.report_schema import Comparison, Report

LONGEST = 300  # letters of a line that stands for an artifact


def rows(c: Comparison) -> list[tuple[str, str, str, str]]:
    """(what, float, int8, how they compare)."""
    where = f"{c.samples} samples" if c.held_out else f"{c.samples} of the calibration samples"
    where = f"{c.samples} synthetic samples" if c.synthetic else where
    lines: list[tuple[str, str, str, str]] = []
    if c.metric is not None and c.difference is not None:
        change, low, high = map(measure_change, astuple(c.difference))
        values = measure(c.float_metric), measure(c.int8_metric)
        lines.append((c.metric, *values, f"{change}, 95 % interval {low} to {high}, {where}"))
    elif c.float_accuracy is not None and c.int8_accuracy is not None and c.difference is not None:
        change, low, high = (f"{100 * x:+.2f}" for x in astuple(c.difference))
        accuracies = f"{100 * c.float_accuracy:.2f} %", f"{100 * c.int8_accuracy:.2f} %"
        lines.append(("accuracy", *accuracies, f"{change} points, 95 % interval {low} to {high}, {where}"))
    if c.agreement is not None:
        lines.append(("same class as float", "", f"{100 * c.agreement:.2f} %", where))
    lines.append(("output SQNR", "", f"{c.sqnr_db:.1f} dB", where))
    threads = f"{c.threads} thread{'s' if c.threads > 1 else ''}, batch {c.batch}"
    faster = "on the machine of --measure-on"
    if c.float_ms is not None:
        faster = f"{ratio(c.float_ms / c.int8_ms)} times as fast as {c.float_engine}"
    times = "" if c.float_ms is None else f"{c.float_ms:.3f} ms", f"{c.int8_ms:.3f} ms"
    lines.append(("time per image", *times, f"{faster}, {threads}"))
    if c.float_bytes is not None:
        sizes = megabytes(c.float_bytes), megabytes(c.int8_bytes)
        code = f"{megabytes(c.code_bytes)} of it code for {c.levels} level{'s' if c.levels > 1 else ''}"
        lines.append(("size", *sizes, f"{100 * c.int8_bytes / c.float_bytes:.0f} %, {code}"))
    return lines


def megabytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def one_line(kind: str, report: Report, *beside: str) -> str:
    """`<Artifact of m.onnx: int8, 9 layers, accuracy 98.66 % (float 98.49 %), 0.022 ms an image>`."""
    said = [report.precision, counted(sum(bool(one.activation) for one in report.layers), "layer")]
    if (c := report.comparison) is not None:
        name, floating, own, _ = rows(c)[0]
        said.append(f"{name} {own}" + (f" (float {floating})" if floating else ""))
        said.append(f"{c.int8_ms:.3f} ms an image")
    line = printable(f"<{kind} of {report.model}: {', '.join([*said, *beside])}>").replace("\n", " ")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 4]}...>"


def widths(report: Report) -> str:
    """How many layers have which.

    >>> from dyadic.compiler.report_schema import Layer, Report
    >>> widths(Report("m", "mixed", "", layers=(Layer("a", weights="w4", activation=8), Layer("b", activation=8))))
    'w4a8 in 1 layer, a8 in 1'
    """
    found = Counter(f"{one.weights or ''}a{one.activation}" for one in report.layers if one.activation)
    if not found:
        return ""
    (first, count), *others = found.most_common()
    layers = f"{count} layer{'s' if count > 1 else ''}"
    return ", ".join([f"{first} in {layers}", *(f"{name} in {count}" for name, count in others)])


def table(report: Report) -> list[tuple[str, str, str, str]]:
    """(what, float, the artifact, how they compare), the widths last."""
    measured = rows(report.comparison) if report.comparison is not None else []
    return [*measured, *([("widths", "", "", widths(report))] if widths(report) else [])]


def summary(report: Report) -> str:
    """A few lines of text: what came out beside float, the widths, the certificate, and what there is to know."""
    lines = [f"{report.model}, {report.precision}"]
    for name, floating, own, beside in table(report):
        value = f"{own} (float {floating})" if floating else own
        lines.append(f"  {name:20} {'; '.join(filter(None, (value, beside)))}")
    if report.comparison is None:
        lines.append("  nothing was measured")
    if report.selection is not None and report.selection.verdict:
        lines.append(report.selection.verdict)
    lines += [report.certificate, *(f"note: {in_keywords(note)}" for note in report.notes)]
    return printable("\n".join(lines))


def as_html(report: Report) -> str:
    """A small table for a notebook, with the sentences of `summary` below it."""
    measured = report.comparison is not None
    head = (report.model, "float" if measured else "", report.precision, "")
    verdict = report.selection.verdict if report.selection is not None else ""
    notes = [f"note: {in_keywords(note)}" for note in report.notes]
    below = ["" if measured else "nothing was measured", verdict, report.certificate, *notes]
    return notebook.table(head, table(report), [one for one in below if one], numbers=(1, 2))
