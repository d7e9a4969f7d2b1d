"""Code as it lies in an artifact: deflated, PTX to an eighth of its text; whoever wants to may store it as it is."""

import zlib

from dyadic.runtime.artifact import ArtifactFile, inflated


def stored(code: bytes) -> bytes:
    """A section's content, always the same for the same code."""
    return zlib.compress(code, 9)


def code_of(file: ArtifactFile, section: str) -> bytes:
    """The code in a section. Raises ArtifactError."""
    return bytes(inflated(file.section(section), f"'{file.path}' cannot be used: its section '{section}'"))
