"""What an artifact's report says, as records with a version. `measure/` makes them, `report/` and `cli/` show them.

Only what is always known has no default: of everything else, some compiles learn nothing. Shares are of 1, times in the
unit of their name, bytes of layers are packed weights as they lie in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dyadic.compiler.json_record import WrongRecord, from_json, to_json
from dyadic.runtime.errors import ArtifactError

SCHEMA = 2  # goes up when a field gets another name or meaning, or a new one cannot be missing


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        return Interval(self.value * factor, *sorted((self.low * factor, self.high * factor)))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Float beside the artifact on the same samples; `held_out`: on others than ranges were learned from; `synthetic`:
    on some that the compiler made.

    `difference` is the artifact's minus float's, of accuracy or of the metric; `metric` is the name of the user's own.
    """

    samples: int
    held_out: bool
    float_engine: str
    sqnr_db: float
    threads: int
    batch: int
    float_ms: float | None = None  # None where the artifact was timed on a machine that float was not run on
    int8_ms: float
    int8_bytes: int
    code_bytes: int  # of int8_bytes: machine code of all levels
    levels: int
    float_bytes: int | None = None
    float_accuracy: float | None = None
    int8_accuracy: float | None = None
    difference: Interval | None = None
    agreement: float | None = None
    synthetic: bool = False
    metric: str | None = None
    float_metric: float | None = None
    int8_metric: float | None = None
    engine_version: str | None = None  # of float_engine


@dataclass(frozen=True)
class Machine:
    """Where the figures were measured: `processor` in its maker's words, `cores` that the compile might use, `level` of
    the code that was timed, `device` where that was a GPU.

    `instead_of` names the targets whose code this machine could not run, so that times are of other code.
    """

    processor: str
    cores: int
    system: str
    level: str | None = None
    device: str | None = None
    instead_of: str | None = None


@dataclass(frozen=True)
class Used:
    """The samples behind the figures, by name: those that ranges were learned from, those that were judged on.

    `synthetic`: the compiler made the former itself, since there were none.
    """

    calibration: str | None = None
    calibration_samples: int | None = None
    evaluation: str | None = None
    synthetic: bool = False


@dataclass(frozen=True)
class Histogram:
    """How often a layer's results fell into each of equal bins from `low` to `high`, float's and the integers'.

    The first and the last bin hold everything beyond, too.
    """

    layer: str
    low: float
    high: float
    float_counts: tuple[int, ...]
    integer_counts: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One row of the layer table; also one for each side of the boundary, once times are known.

    `shape` is of the result, channels first; `weights` a scheme as w4g32; `scale`, `zero_point` and `activation` (bits)
    of the result; `weight_scale` least and largest of the output channels; `reads` the layers whose results it takes.
    """

    name: str
    op: str = ""
    shape: tuple[int, ...] | None = None
    weights: str | None = None
    weight_shape: tuple[int, ...] | None = None
    weight_scale: tuple[float, float] | None = None
    activation: int | None = None
    scale: float | None = None
    zero_point: int | None = None
    sensitivity: Interval | None = None
    sqnr_db: float | None = None
    sqnr_so_far_db: float | None = None
    bytes: int | None = None
    macs: int | None = None
    time_us: float | None = None
    kernel: str | None = None
    isa: str | None = None
    share_of_peak: float | None = None
    why: str | None = None
    reads: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Peak:
    """What registers alone could do at a level, in 1e9 multiply-accumulates a second."""

    level: str
    threads: int
    gmacs: float


@dataclass(frozen=True)
class Difference:
    """Where another scheme was applied than was asked for."""

    layer: str
    requested: str
    applied: str
    why: str


@dataclass(frozen=True)
class Budget:
    """A limit in the user's words, and as a number: bytes, milliseconds, bit operations, a share of the samples."""

    asked: str
    limit: float


@dataclass(frozen=True)
class PlanPoint:
    """A plan: of the front with the command that compiles it, or a random one with what was measured of it."""

    loss: float
    bytes: int
    bops: int
    latency_ms: float | None = None
    chosen: bool = False
    command: str | None = None
    accuracy: float | None = None
    agreement: float | None = None
    metric: float | None = None


@dataclass(frozen=True)
class Variant:
    """Float, uniform int8 or what ships: milliseconds an image with their quartiles, accuracy or the metric."""

    name: str
    bytes: int | None = None
    weight_bytes: int | None = None
    latency_ms: float | None = None
    latency_low_ms: float | None = None
    latency_high_ms: float | None = None
    accuracy: float | None = None
    difference: Interval | None = None
    agreement: float | None = None
    sqnr_db: float | None = None
    shipped: bool = False
    metric: float | None = None


@dataclass(frozen=True)
class Chosen:
    """Which widths were asked for, which apply and why; how they were found, if they were searched for."""

    requested: Mapping[str, str] = field(default_factory=dict)
    applied: Mapping[str, str] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    objective: str = ""
    method: str | None = None
    solver: str | None = None
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    front: tuple[PlanPoint, ...] = ()
    random_plans: tuple[PlanPoint, ...] = ()
    notes: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    verdict: str = ""


@dataclass(frozen=True)
class LayerTime:
    name: str
    predicted_us: float
    measured_us: float


@dataclass(frozen=True)
class Latency:
    """What a search predicted from uniform networks, and what was measured; `error` is a share."""

    predicted_ms: float
    measured_ms: float
    error: float
    level: str
    threads: int
    layers: tuple[LayerTime, ...] = ()


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho of so many layers with its bootstrap 95 % interval (percentiles)."""

    rho: float
    low: float
    high: float
    layers: int


@dataclass(frozen=True)
class Ranked:
    """One layer rounded alone: the loss that was predicted, and what was measured."""

    layer: str
    scheme: str
    predicted: float
    measured: float


@dataclass(frozen=True)
class Ranking:
    """How well sensitivities rank the layers; `used` is the method that the plan was chosen by."""

    used: str
    unit: str
    correlations: Mapping[str, Correlation] = field(default_factory=dict)
    points: tuple[Ranked, ...] = ()


@dataclass(frozen=True)
class Gain:
    """The signal to noise ratio of a layer's results before and after a technique of refine, against float."""

    layer: str
    technique: str
    before_db: float
    after_db: float


@dataclass(frozen=True)
class Equalizing:
    """Signal to noise of the network's outputs without and with it, and whether it stayed; `way` is the pass."""

    way: str
    before_db: float
    after_db: float
    kept: bool


@dataclass(frozen=True)
class Tuning:
    """In one sentence, and in full as the target says it."""

    summary: str
    kept: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Report:
    """`seconds` by stage, `certificate` its one sentence, `commands` by section what measures its figures again.

    `layer_samples` is how many samples the layers' SQNR and `histograms`, of the layers that lose most, are of. `date`
    is that of the compile, ISO 8601 in UTC. `notes` are for the user: said once, and kept here.
    """

    model: str
    precision: str
    certificate: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    layer_samples: int | None = None
    histograms: tuple[Histogram, ...] = ()
    date: str | None = None
    machine: Machine | None = None
    used: Used | None = None
    peak: Peak | None = None
    comparison: Comparison | None = None
    selection: Chosen | None = None
    latency: Latency | None = None
    sensitivity: Ranking | None = None
    refine: tuple[Gain, ...] = ()
    equalized: Equalizing | None = None
    tune: Tuning | None = None
    commands: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line: a report has a row for every layer."""
        measured = "" if self.comparison is not None else ", nothing measured"
        count = sum(bool(one.activation) for one in self.layers)  # the boundary has rows, too
        layers = f"{count} layer{'' if count == 1 else 's'}"
        return f"<Report of {self.model[:100]}: {self.precision}, {layers}{measured}>"

    def _repr_html_(self) -> str:
        """For notebooks: what came out, as the artifact shows it."""
        from dyadic.compiler.display import as_html  # which is made of records

        return as_html(self)  # pyright: ignore[reportArgumentType]  # one class, found by two paths

    def to_json(self) -> dict[str, Any]:
        """With its schema, for the artifact and for `dyadic report --json`."""
        return {"schema": SCHEMA, **to_json(self)}

    def __getitem__(self, name: str) -> Any:
        """A field as JSON, for scripts that read reports of saved artifacts and of fresh ones alike."""
        return self.to_json()[name]

    def get(self, name: str, otherwise: Any = None) -> Any:
        """The same, where it may be missing."""
        return self.to_json().get(name, otherwise)

    @staticmethod
    def from_json(said: object, whose: str) -> Report:
        """What `to_json` gave. `whose` is the file.

        Raises:
            ArtifactError: it is of another schema, or no report.
        """
        if not isinstance(said, dict):
            raise ArtifactError(f"'{whose}' cannot be reported on: its report is not a record; compile the model again")
        schema = said.get("schema", 1)
        if schema != SCHEMA or isinstance(schema, bool):
            raise ArtifactError(
                f"'{whose}' has a report of schema {schema}, this version reads schema {SCHEMA}: compile the model "
                "again, or read it with the version that made it"
            )
        try:
            return from_json(Report, {name: value for name, value in said.items() if name != "schema"})
        except WrongRecord as wrong:
            raise ArtifactError(f"'{whose}' has a damaged report: {wrong}; compile the model again") from None
