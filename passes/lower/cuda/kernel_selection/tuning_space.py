"""Other tiles for the same product: same bits, same stored weights and parameters, another speed.

`candidates` lists what is worth timing on a device, the model's choice first, then by what the model says of the batch
at hand: it knows the order of magnitude, not the device.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from math import gcd
from typing import Any, Literal

from dyadic.passes.lower.cuda.kernel_selection.product_tiles import Tile, fastest_first, tiles_for
from dyadic.passes.lower.cuda.kernel_selection.warpgroups import ARCHITECTURE, suited_to, together
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec

Effort = Literal["quick", "full"]
MOST: dict[Effort, int] = {"quick": 8, "full": 30}  # candidates, the model's choice included
TUNABLE = (*Tile._fields, "stages", "wgmma", "cluster")
STAGES = (2, 3, 4)


def candidates(spec: Any, architecture: str, effort: Effort, batch: int) -> list[Any]:
    """What the model has code for an architecture use, then others that compute the same from the same data; only one
    where nothing is tunable."""
    return every_candidate(spec, architecture, effort, batch)[: MOST[effort]]


def every_candidate(spec: Any, architecture: str, effort: Effort = "full", batch: int = 1) -> list[Any]:
    """The same, however many they are."""
    first = suited_to(architecture, spec)
    if not isinstance(spec, ProductSpec):
        return [first]
    own = together(spec) if architecture == ARCHITECTURE else ()
    return list(dict.fromkeys([first, spec, *own, *_others(spec, effort, batch)]))


def tunables(spec: Any) -> dict[str, Any]:
    """The fields that may change."""
    return {name: getattr(spec, name) for name in TUNABLE}


def shape(spec: Any) -> dict[str, Any]:
    """The fields that may not."""
    return {name: value for name, value in asdict(spec).items() if name not in TUNABLE}


def _others(spec: ProductSpec, effort: Effort, batch: int) -> Iterator[ProductSpec]:
    every = tiles_for(
        spec.channels,
        spec.steps,
        twice=spec.acc_shift > 0,
        within=gcd(*spec.parts),
        whole=spec.norm_bits > 0,
        narrow=spec.format.bits == 2,
    )
    for tile in fastest_first(every, spec.items, spec.channels, spec.groups, spec.steps, [batch]):
        fields = tile.fields(spec.steps)
        stages = [fields["stages"]]
        if effort == "full":
            stages += [n for n in STAGES if n != fields["stages"] and n <= spec.steps // tile.warps_deep + 1]
        for number in stages:
            try:
                yield replace(spec, **{**fields, "stages": number})
            except ValueError:  # there is no such kernel
                continue
