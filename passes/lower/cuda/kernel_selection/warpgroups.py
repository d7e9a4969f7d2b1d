"""Which products four warps multiply together, where code is for sm_90a alone, and in which tiles.

Such a kernel reads the same weights and parameters and gives the same bits as the one that every GPU has; only what a
block computes is different, so that it is launched differently. It pays where blocks are many and steps along k are:
a simple model says so, which no GPU has confirmed. Where it says that two blocks should share what they read of the
weights, these are stored in tiles, for all kernels.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dyadic.passes.lower.cuda.kernel_selection.product_tiles import (
    ALL_COPIED,
    BATCHES,
    BLOCK,
    COPIED,
    PROCESSORS,
    RESULT,
    STEP_LATENCY,
)
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec
from dyadic.passes.lower.cuda.kernels.families.product_weights import STEP

ARCHITECTURE = "sm_90a"
SHAPES = ((192, 256), (128, 256), (128, 192), (128, 128))  # rows and columns of a block; four warps for 64 rows
LEAVES_REGISTERS = 128  # rows of a block, for anything
STAGES = 8  # steps in shared memory
AT_ONCE = 2  # steps side by side, where all of them are a multiple
PRODUCTS_TOGETHER, PRODUCTS_ALONE = 3300, 2500  # of a processor in a cycle, of 4096 that there are
CLUSTERS = (1, 2)  # blocks that share their weights
LEAST_GAIN = 1.1


def suited_to(architecture: str, spec: Any) -> Any:
    """The kernel that code for an architecture has in place of one that all have, or that one itself."""
    if architecture != ARCHITECTURE or not isinstance(spec, ProductSpec):
        return spec
    best = min(together(spec), key=lambda one: _loss(one, spec), default=spec)
    return best if _loss(best, spec) * LEAST_GAIN < 1 else spec


def stored_for(spec: ProductSpec) -> ProductSpec:
    """The same with its weights in tiles, where the kernel of that architecture reads them so."""
    try:
        tiled = replace(spec, tiled=True)
    except ValueError:  # of other weights
        return spec
    return tiled if suited_to(ARCHITECTURE, tiled).cluster > 1 else spec


def together(spec: ProductSpec) -> Iterator[ProductSpec]:
    """The same product by groups of four warps, in every tile that there is."""
    at_once = AT_ONCE if spec.steps % AT_ONCE == 0 else 1
    other = spec.norm_bits or spec.in_plane  # of two walks along k the assembler would make products wait
    for rows, columns in () if other else SHAPES:
        if rows > LEAVES_REGISTERS and spec.channels % columns:
            continue  # places of weights would be one by one
        tile = {"block_rows": rows, "block_columns": columns, "warps_down": rows // 16, "warps_across": 1}
        tile |= {"warps_deep": 1, "wgmma": at_once, "stages": STAGES}
        for cluster in CLUSTERS if spec.tiled else (1,):
            try:
                yield replace(spec, **tile, cluster=cluster)
            except ValueError:  # there is no such kernel
                continue


def _loss(one: ProductSpec, other: ProductSpec) -> float:
    """How much longer it takes than another one, for batches that it should be fast for alike."""
    return sum(cycles(one, batch) / cycles(other, batch) for batch in BATCHES) / len(BATCHES)


def cycles(spec: ProductSpec, batch: int) -> float:
    """Of a processor of sm_90, for so many images."""
    blocks = -(-batch * spec.items // spec.block_items) * spec.grid_y
    results, steps = spec.block_rows * spec.block_columns, spec.steps * spec.planes
    products = results * 64 / (PRODUCTS_TOGETHER if spec.wgmma else PRODUCTS_ALONE)
    asked = STEP * (spec.block_rows + spec.block_columns / spec.cluster)  # bytes of the second cache, for a block
    copies = max(spec.step_bytes / COPIED, asked * min(blocks, PROCESSORS) / ALL_COPIED)
    each = steps * max(products, copies) + RESULT * results
    return BLOCK + steps // spec.warps_deep * STEP_LATENCY + -(-blocks // PROCESSORS) * each
