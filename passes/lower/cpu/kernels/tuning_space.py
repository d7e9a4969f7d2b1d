"""Other kernels for the same layer: same bits, same packed weights and parameters, another speed.

A spec's fields in `TUNABLE` say how work is cut and ordered. `candidates` lists what is worth measuring, the spec
itself (the static choice of `outlining/`) first. To make a family tunable: its fields and its function below.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from itertools import product
from typing import Any, Literal

from dyadic.passes.lower.cpu.kernels.families.conv import ConvSpec
from dyadic.passes.lower.cpu.kernels.families.depthwise import DepthwiseSpec
from dyadic.passes.lower.cpu.kernels.vocabulary.isa import DOTS
from dyadic.passes.lower.cpu.kernels.vocabulary.units import units_of

Effort = Literal["quick", "full"]

TUNABLE: dict[type, tuple[str, ...]] = {
    # not `pixels_outer`: what it gains shows in a whole network on several threads, not in one kernel alone
    ConvSpec: ("unit_vectors", "unit_rows", "unit_columns", "tile_vectors"),
    DepthwiseSpec: ("unit_rows",),
}
MOST: dict[Effort, int] = {"quick": 6, "full": 40}  # candidates, the static one included
UNIT_VECTORS = (1, 2, 3, 4, 8)
PIXELS = (28, 56, 112, 224, 448, 1 << 20)  # in a unit, about
SMALL_PIXELS, MANY_PIXELS = 56, 448


def candidates(spec: Any, level: str, effort: Effort) -> list[Any]:
    """The spec itself, then others that compute the same from the same data; only itself where nothing is tunable."""
    other = OTHERS.get(type(spec))
    return [spec] if other is None else distinct([spec, *other(spec, level, effort)])[: MOST[effort]]


def tunables(spec: Any) -> dict[str, Any]:
    """The fields that may change."""
    return {name: getattr(spec, name) for name in TUNABLE.get(type(spec), ())}


def shape(spec: Any) -> dict[str, Any]:
    """The fields that may not."""
    return {name: value for name, value in asdict(spec).items() if name not in TUNABLE.get(type(spec), ())}


def distinct(specs: Iterable[Any]) -> list[Any]:
    """Each once, in order."""
    return list(dict.fromkeys(specs))


def convolutions(spec: ConvSpec, level: str, effort: Effort) -> Iterator[ConvSpec]:
    """A few that have won somewhere; then, for `full`, all, those first that differ least from the static choice."""
    yield from likely(spec, level)
    if effort == "full":
        yield from sorted(grid(spec, level), key=lambda other: differences(spec, other))


def likely(spec: ConvSpec, level: str) -> Iterator[ConvSpec]:
    """What `full` has found better than the static choice, the most frequent first."""
    others = [
        *(replace(spec, unit_vectors=min(vectors, spec.vectors)) for vectors in (2, 3, 1, 4)),
        *(replace(spec, **unit_of(spec, pixels)) for pixels in (SMALL_PIXELS, MANY_PIXELS)),
    ]
    return (other for other in others if is_another(spec, other, level))


def grid(spec: ConvSpec, level: str) -> Iterator[ConvSpec]:
    """Every register tile and unit."""
    for tile, vectors, pixels in product(
        range(1 + min(DOTS[level].vectors, spec.vectors)),
        distinct([spec.unit_vectors, *(n for n in UNIT_VECTORS if n < spec.vectors), spec.vectors]),
        PIXELS,
    ):
        other = replace(spec, tile_vectors=tile, unit_vectors=vectors, **unit_of(spec, pixels))
        if is_another(spec, other, level):
            yield other


def is_another(spec: ConvSpec, other: ConvSpec, level: str) -> bool:
    """Not the same code by another name, no register tile that leaves a rest, and as much for threads to share."""
    widest = min(DOTS[level].vectors, other.unit_vectors)
    if other.tile_vectors and (other.tile_vectors >= widest or other.unit_vectors % other.tile_vectors):
        return False
    return not spec.pixels_outer or other.chunks != (1, 1) or spec.chunks == (1, 1)


def differences(one: ConvSpec, other: ConvSpec) -> int:
    """In how many respects two choices differ."""

    def respects(spec: ConvSpec) -> list[Any]:
        return [(spec.tile_vectors, spec.unit_vectors), (spec.unit_rows, spec.unit_columns)]

    return sum(a != b for a, b in zip(respects(one), respects(other), strict=True))


def unit_of(spec: ConvSpec, pixels: int) -> dict[str, int]:
    """A unit of about `pixels` pixels that cuts an image evenly: whole rows, or a piece of one."""
    if spec.rows == 1 or spec.columns > pixels:
        return {"unit_rows": 1, "unit_columns": even(spec.columns, pixels)}
    return {"unit_rows": even(spec.rows, pixels // spec.columns), "unit_columns": spec.columns}


def even(size: int, most: int) -> int:
    """At most `most`, so that the fewest pieces are as equal as can be.

    >>> even(56, 20), even(7, 100), even(7, 0)
    (19, 7, 1)
    """
    return -(-size // -(-size // max(1, most)))


def depthwise(spec: DepthwiseSpec, level: str, effort: Effort) -> Iterator[DepthwiseSpec]:
    """Units of fewer and of more rows; whether rows are computed in pairs is in the packing of the weights."""

    def rows_twice(other: DepthwiseSpec) -> int:
        return units_of(other) * other.unit_rows - other.rows

    def ratio(other: DepthwiseSpec) -> float:
        few, many = sorted((spec.unit_rows, other.unit_rows))
        return many / few

    counts = distinct(-(-spec.rows // pieces) for pieces in range(1, spec.rows + 1))
    others = [replace(spec, unit_rows=rows) for rows in counts]
    yield from sorted(
        (other for other in others if other.paired == spec.paired), key=lambda other: (rows_twice(other), ratio(other))
    )


OTHERS: dict[type, Callable[[Any, str, Effort], Iterator[Any]]] = {
    ConvSpec: convolutions,
    DepthwiseSpec: depthwise,
}
