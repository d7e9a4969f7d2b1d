"""What is said of one architecture, given in one way."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What became of it."""

    word: str  # ok, refused, wrong, or: no export, which is not ours
    why: str
