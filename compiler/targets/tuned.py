"""What tuning did, as every target reports it."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Proof:
    """Time of the static choices over that of the tuned ones: the median of all rounds, and its 95 % interval."""

    ratio: float
    low: float
    high: float
    rounds: int

    @property
    def pays(self) -> bool:
        return self.low > 1.0


@dataclass(frozen=True)
class Change:
    """One layer's other choice, and the time of both alone on one thread."""

    layer: str
    before: dict[str, Any]
    after: dict[str, Any]
    before_us: float
    after_us: float


@dataclass(frozen=True)
class Tuned:
    """What tuning did, for the report. `kernels` have something to choose: some were `measured`, others `known`."""

    mode: str
    level: str
    threads: int
    batch: int
    kernels: int = 0
    measured: int = 0
    known: int = 0
    layers: int = 0
    static_us: float = 0.0
    tuned_us: float = 0.0
    changes: tuple[Change, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    proof: Proof | None = None  # of the whole network, where a layer changed; what does not pay is not kept
    device: str = ""  # what was measured on, where that is no processor

    @property
    def kept(self) -> bool:
        return self.proof is not None and self.proof.pays

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"kept": self.kept, "summary": self.summary()}

    def summary(self) -> str:
        """One sentence for people."""
        gain = 100 * (1 - self.tuned_us / self.static_us) if self.static_us else 0.0
        left = self.kernels - self.measured - self.known
        failed = f", {left} could not be measured" if left else ""
        failed += "".join(f": '{layer}', {why}" for layer, why in [*self.failures.items()][:1])
        done = "changed" if self.kept or not self.changes else "looked faster alone"
        where = f"{self.level} on {self.device}" if self.device else self.level
        network = ""
        if self.proof is not None:
            less = 100 * (1 - 1 / self.proof.ratio)
            network = f", {abs(less):.1f} % {'less' if less >= 0 else 'more'} measured in the network"
            network += "" if self.kept else ", so nothing changed"
        return (
            f"tuned for {where}: {len(self.changes)} of {self.layers} layers {done}, {gain:.1f} % less time "
            f"expected{network} ({self.measured} kernels measured, {self.known} known{failed})"
        )
