"""The norm of a product's results, where a block has whole rows of them: a warp a row, read where results are gathered.

So a layer and the norm behind it are one launch, and numbers that nothing else reads are never written.
"""

from torch_mlir import ir
from torch_mlir.dialects import scf

from dyadic.passes.lower.cuda.kernels.families.layer_norm import Normalization
from dyadic.passes.lower.cuda.kernels.families.product_results import Results
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    add,
    at,
    below,
    const,
    div,
    integer,
    least,
    load,
    signed_wide,
    sub,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import with_params
from dyadic.passes.lower.cuda.kernels.vocabulary.rows import RowThread

WARP = 32
HEADER_BYTES = 16  # before the norm's own parameters


def normalize(results: Results) -> None:
    """All rows of the block, once they are gathered."""
    spec, block = results.spec, results.block
    arguments, norm = block.arguments, spec.norm
    header = at(arguments.params, 4 * spec.norm_word)
    first = at(arguments.out, signed_wide(load(integer(32), header, 4)))
    own = with_params(arguments, at(header, HEADER_BYTES))
    warps = spec.threads // WARP
    loop = scf.ForOp(div(block.thread, WARP), const(spec.block_rows), const(warps))
    with ir.InsertionPoint(loop.body):
        row = loop.induction_variable
        pixel = add(block.first_row, row)
        place = block.place(least(pixel, sub(block.pixels, 1)), arguments.out_image, spec.norm_row, spec.norm_pixel)
        source = results.gathered.at(row, const(0))
        there = below(pixel, block.pixels)
        Normalization(norm, own, RowThread(norm, block.lane, there, source, at(first, place))).write()
        scf.yield_([])
