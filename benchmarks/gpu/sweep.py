"""Makes kernels of products in every tile, for `tiles.py` to run: layers of a network, and large square matrices."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from torch_mlir import ir

from benchmarks.gpu.records import CUBIN, PTX, Records
from benchmarks.gpu.tiles import HIGH, MULTIPLIER, SHIFT, ZERO_POINT
from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.knobs import cache_folder
from dyadic.compiler.targets.cuda.assemble import Resources, assemble
from dyadic.compiler.targets.cuda.codegen import compile_kernels
from dyadic.compiler.targets.cuda.target import TARGET
from dyadic.compiler.targets.registry import target_of
from dyadic.dialects import new_context
from dyadic.dialects.launch import launches_of
from dyadic.passes.lower.cuda.kernel_selection.product_tiles import (
    LARGEST_TWICE,
    SHAPES,
    Tile,
    fastest_first,
    tiles_for,
)
from dyadic.passes.lower.cuda.kernel_selection.warpgroups import ARCHITECTURE, cycles, suited_to, together
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec, pack_params
from dyadic.passes.lower.cuda.kernels.families.product_weights import CHUNK
from dyadic.passes.lower.cuda.kernels.registry import REGISTRY
from dyadic.passes.lower.cuda.select_gpu_kernels import SETUP
from dyadic.runtime.artifact import open_artifact

STAGES = (3, 4)
SLICED = 6  # tiles of slices of k that are tried, those first that the model likes
TOGETHER, LARGE_BATCH = 2, 64  # kernels by wgmma that are tried for a layer, images that these are chosen for
LARGE = ((128, 128, 4, 2), (256, 64, 4, 2), (64, 256, 2, 4), (128, 256, 2, 4), (256, 128, 4, 2))  # besides SHAPES
Products = dict[int, ProductSpec]  # by step


def products_of(path: Path) -> Products:
    """Of a whole artifact, lowered once more from its integer graph, which gives the same launches."""
    with open_artifact(path, "all", copy=False) as file, new_context() as context, ir.Location.unknown():
        module = target_of(file.program.target).unpack(file, context)
        for one in TARGET.pipeline:
            one.run(module.operation)
        steps = [launch for launch in launches_of(module) if SETUP not in launch.attributes]
        specs = [REGISTRY.from_attribute(launch.spec) for launch in steps]
        (program,) = [one for one in file.programs if one.target == "cuda"]
        assert [step.kernel for step in program.timed_steps] == [launch.kernel.value for launch in steps]
    return {number: spec for number, spec in enumerate(specs) if isinstance(spec, ProductSpec)}


def prepare(products: Mapping[str, Products], sides: Sequence[int], architecture: str, most: int) -> Records:
    """Kernels for each distinct product of these networks, and for square matrices of these sides. `most`: shapes of
    tiles that are tried."""
    records, cases = Records(), []
    cache = Cache(cache_folder())
    for name, of_steps in products.items():
        seen: dict[ProductSpec, int] = {}
        for number, spec in of_steps.items():
            seen.setdefault(spec, number)
        for spec, number in seen.items():
            every = [*_tiles(spec, (*SHAPES[:most], *_sliced(spec)[:most])), *_together(spec, architecture)[:most]]
            made = _compiled(records, every, architecture, cache)
            same = [n for n, other in of_steps.items() if other == spec]
            cases.append({"network": name, "step": number, "same": same, "own": _tile(spec), "tiles": made})
    for side in sides:
        spec = square(side)
        own = [*together(spec), *_sharing(spec)][:most] if architecture == ARCHITECTURE else []
        made = _compiled(records, [*_tiles(spec, (*SHAPES, *LARGE)[:most]), *own], architecture, cache)
        numbers = params(spec)
        cases.append({"side": side, "params": records.put(numbers.tobytes()), "own": _tile(spec), "tiles": made})
    records.said = {"cases": cases}
    return records


def square(side: int) -> ProductSpec:
    """The product of two matrices of that side; rows are pixels of one image."""
    return ProductSpec(
        rows=1, columns=side, channels=side, in_pixel=side, in_row=0, out_pixel=side, out_row=0, chunks=side // CHUNK,
        granule=16, store_bytes=16, block_rows=128, block_columns=128, warps_down=2, warps_across=4,
    )  # fmt: skip


def params(spec: ProductSpec) -> np.ndarray:
    """Whatever spreads results over all of 0 to 255."""
    bias, multiplier, shift = (np.full(spec.channels, number, np.int64) for number in (0, MULTIPLIER, SHIFT))
    distances = [CHUNK * n for n in range(spec.chunks)]
    return pack_params(spec, distances, bias, multiplier, shift, [ZERO_POINT, 0, HIGH])


def _sliced(spec: ProductSpec) -> list[Tile]:
    """Tiles whose warps share sums, best first."""
    kind = {"twice": spec.acc_shift > 0, "within": gcd(*spec.parts), "narrow": spec.format.bits == 2}
    every = [one for one in tiles_for(spec.channels, spec.steps, **kind) if one.warps_deep > 1]
    return fastest_first(every, spec.items, spec.channels, spec.groups, spec.steps)[:SLICED]


def _together(spec: ProductSpec, architecture: str) -> list[ProductSpec]:
    """By groups of four warps: what the compiler chose, if it did, and what the model likes for large batches."""
    if architecture != ARCHITECTURE:
        return []
    chosen = [one for one in (suited_to(architecture, spec),) if one != spec]
    liked = sorted(together(spec), key=lambda one: cycles(one, LARGE_BATCH))
    return list(dict.fromkeys([*chosen, *liked]))[:TOGETHER]


def _tiles(spec: ProductSpec, shapes: Iterable[tuple[int, ...]]) -> Iterator[ProductSpec]:
    for one in (Tile(*shape) for shape in shapes):
        if spec.acc_shift and one.block_rows * one.block_columns > LARGEST_TWICE:
            continue
        for stages in sorted({max(2, min(n, spec.steps // one.warps_deep + 1)) for n in STAGES}):
            try:
                yield replace(spec, **one._asdict(), stages=stages)
            except ValueError:  # there is no such kernel
                continue


def _sharing(spec: ProductSpec) -> list[ProductSpec]:
    """Whose blocks share their weights, which they read in tiles."""
    return [one for one in together(replace(spec, tiled=True)) if one.cluster > 1]


def _tile(spec: ProductSpec) -> list[int]:
    """With a seventh number where groups of four warps multiply together, an eighth where blocks share weights."""
    tile = [spec.block_rows, spec.block_columns, spec.warps_down, spec.warps_across, spec.warps_deep, spec.stages]
    return tile + [spec.wgmma] * (spec.wgmma > 0) + [spec.cluster] * (spec.cluster > 1)


def _compiled(records: Records, specs: Iterable[ProductSpec], architecture: str, cache: Cache) -> list[dict[str, Any]]:
    """Every kernel as `tiles.py` reads it; those that only this architecture has apart from the others."""
    every = list(specs)
    alike, own = [one for one in every if not one.wgmma], [one for one in every if one.wgmma]
    return [
        *_of_one_text(records, alike, "sm_80", architecture, cache),
        *_of_one_text(records, own, architecture, architecture, cache),
    ]


def _of_one_text(
    records: Records, specs: Sequence[ProductSpec], made_for: str, architecture: str, cache: Cache
) -> list[dict[str, Any]]:
    if not specs:
        return []
    by_symbol = {REGISTRY.symbol_of(spec): spec for spec in specs}
    text = compile_kernels(by_symbol, made_for, cache)
    made = assemble(text, architecture)
    key = records.put_code({PTX: text.encode()} | ({CUBIN: made.cubin} if made else {}))
    resources: Mapping[str, Resources] = made.kernels if made else {}
    return [
        {
            "kernel": symbol, "code": key, "tile": _tile(spec), "threads": spec.threads, "items": spec.items,
            "block_items": spec.block_items, "grid_y": spec.grid_y, "shared_bytes": spec.shared_bytes,
            "tiled": spec.tiled,
            "resources": asdict(resources[symbol]) if symbol in resources else None,
        }
        for symbol, spec in by_symbol.items()
    ]  # fmt: skip
