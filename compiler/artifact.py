"""What a compile gives: an artifact in memory, to be saved, loaded and asked what is in it."""

from __future__ import annotations

import os
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dyadic.compiler.display import as_html, one_line, summary
from dyadic.compiler.formats import counted
from dyadic.compiler.job import refuse_losses
from dyadic.compiler.report_schema import Report
from dyadic.compiler.targets.certificate import Certificate
from dyadic.compiler.targets.emitted import Emitted
from dyadic.runtime.atomic_file import check_kind
from dyadic.runtime.errors import UsageError
from dyadic.runtime.session import Session, load
from dyadic.runtime.wording import kind_of


@dataclass(frozen=True, eq=False, repr=False)
class Artifact:
    """Report, certificate and `made`, the record of how it was made, go into the file.

    `sources` are the user's files that it was made from, by what they are.
    """

    emitted: Emitted
    certificate: Certificate
    made: dict[str, Any]
    report: Report
    sources: dict[str, Path] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line: an artifact is megabytes of code and weights."""
        islands = self.certificate.islands
        proved = f"{counted(len(islands), 'layer')} in float" if islands else "integer-only"
        return one_line("Artifact", self.report, proved)

    def summary(self) -> str:
        """What came out, in a few lines to print: accuracy, time and size beside float, widths, certificate, notes."""
        return summary(self.report)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return as_html(self.report)

    def facts(self, size: int | None = None) -> dict[str, Any]:
        """What came out, as JSON: docs/events.md. size: of its file, where that is known."""
        report, said = self.report, self.report.to_json()
        facts: dict[str, Any] = {
            "bytes": self.file_bytes() if size is None else size,
            "certificate": self.certificate.summary(),
            "comparison": said.get("comparison"),
        }
        names = ("model", "precision", "seconds", "notes")
        if report.selection is not None and report.selection.objective:
            chosen = report.selection
            facts["selection"] = {name: getattr(chosen, name) for name in ("objective", "verdict")}
            facts["selection"]["applied"] = dict(chosen.applied)
        return {name: said.get(name) for name in names} | facts

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the file, whole or not at all; returns its size in bytes.

        Raises:
            FileError: it cannot be written.
            UsageError: it is one of the files that the artifact was made from, or named as something else.
        """
        if not isinstance(path, str | os.PathLike):
            raise UsageError(f"save takes the path of a file, not {kind_of(path)}")
        if not os.fspath(path) or "\0" in os.fspath(path):
            raise UsageError(f"save takes the path of a file, which {os.fspath(path)!r} is not")
        refuse_losses(self.sources, {"the artifact's file": path})
        check_kind("the artifact's file", path, "an artifact", ".dyq")
        return self.emitted.with_sections(report=self.report.to_json(), certificate=self.certificate.to_json()).write(
            path, self.made
        )

    def load(
        self,
        threads: int | None = None,
        max_batch: int = 1,
        isa: str | None = None,
        complete: bool = False,
        device: str | None = None,
    ) -> Session:
        """A session, as `dyadic.load` gives it for a saved file."""
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            path = Path(folder) / "model.dyq"
            self.save(path)
            return load(path, device=device, threads=threads, max_batch=max_batch, isa=isa, complete=complete)

    def file_bytes(self) -> int:
        """The size of its file."""
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            return self.save(Path(folder) / "model.dyq")


class finished(AbstractContextManager[None]):
    """`with finished(artifact):` whatever ends the block early has the artifact as its `artifact`: it is not lost."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            error.artifact = self.artifact  # pyright: ignore[reportAttributeAccessIssue]  # whatever the exception is
            error.add_note("the artifact itself is complete: it is the `artifact` of this exception")
