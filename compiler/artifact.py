"""What a compile gives: an artifact in memory, to be saved, loaded and asked what is in it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dyadic.compiler.targets.certificate import Certificate
from dyadic.compiler.targets.emitted import Emitted
from dyadic.runtime.session import Session, load


@dataclass
class Artifact:
    """`report` is JSON-able and goes into the file; so do the certificate and `made`, the record of how it was made."""

    emitted: Emitted
    certificate: Certificate
    made: dict[str, Any]
    report: dict[str, Any]
    bytes: int | None = None  # of the file, once it was written

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the file, whole or not at all; returns its size in bytes. Raises FileError."""
        self.emitted.sections["report"] = self.report
        self.emitted.sections["certificate"] = self.certificate.to_json()
        self.bytes = self.emitted.write(path, self.made)
        return self.bytes

    def load(self, threads: int | None = None, max_batch: int = 1, isa: str | None = None) -> Session:
        """A session, as `dyadic.load` gives it for a saved file."""
        with tempfile.TemporaryDirectory(prefix="dyadic-") as folder:
            path = Path(folder) / "model.dyq"
            self.save(path)
            return load(path, threads=threads, max_batch=max_batch, isa=isa)
