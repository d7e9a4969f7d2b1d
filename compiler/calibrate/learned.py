"""What the data say of a network, before it is written onto its ops."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Learned:
    """Each tensor's range at 8 bits; by width where another one is better; the means that `InputMeans` and the ranges
    that `ChannelRanges` writes."""

    ranges: dict[str, tuple[float, float]]
    others: dict[str, dict[str, tuple[float, float]]]  # by the name of the attribute
    means: dict[str, list[float]]
    channels: dict[str, list[float]]
