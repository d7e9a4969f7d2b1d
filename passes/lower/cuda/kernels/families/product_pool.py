"""A pool without overlap in the kernel of the layer before it: the largest of a product's results in each window.

Rows of the product are numbered by windows, so that a block has whole ones. A thread reads a piece of each of a
window's rows where results are gathered, and stores the largest numbers. So layer and pool are one launch, and what
nothing else reads is never written.
"""

from torch_mlir import ir
from torch_mlir.dialects import arith, scf

from dyadic.passes.lower.cuda.kernels.families.product_results import Results
from dyadic.passes.lower.cuda.kernels.vocabulary import largest
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    const,
    div,
    integer,
    load,
    mul,
    rem,
    signed_wide,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.words import load_words, store_words


def store_windows(results: Results) -> None:
    """Those of the block, once its results are gathered."""
    spec, block = results.spec, results.block
    first = at(block.arguments.out, signed_wide(load(integer(32), at(block.arguments.params, 4 * spec.norm_word), 4)))
    pieces, windows = spec.block_columns // spec.pool_width, spec.block_rows // spec.window
    loop = scf.ForOp(block.thread, const(windows * pieces), const(spec.threads))
    with ir.InsertionPoint(loop.body):
        window, column = div(loop.induction_variable, pieces), rem(loop.induction_variable, pieces)
        row, column = mul(window, spec.window), mul(column, spec.pool_width)
        pixel, channel = add(block.first_row, row), add(block.first_column, column)

        def write() -> None:
            place = at(at(first, _place(results, pixel)), wide(results.of_group(channel)))
            for plane, words in enumerate(_largest(results, row, column)):
                store_words(words, at(place, plane * spec.pool_plane), spec.pool_width)

        when(arith.andi(below(pixel, block.pixels), below(channel, spec.channels)), write)
        scf.yield_([])


def _place(results: Results, pixel: Value) -> Value:
    """Where the result of the window is that begins with a pixel, from the first one's place: 64 bits."""
    spec, image = results.spec, results.block.arguments.out_image
    number, across = div(rem(pixel, spec.items), spec.window), spec.columns // spec.window_columns
    inside = add(mul(div(number, across), spec.pool_row), mul(rem(number, across), spec.pool_pixel))
    return add(wide(inside), mul(wide(div(pixel, spec.items)), wide(image)))


def _largest(results: Results, row: Value, column: Value) -> list[list[Value]]:
    """Words of every plane of the window that begins in a row of the block."""
    spec, gathered = results.spec, results.gathered
    found: list[Value] = []
    for cell in range(spec.window):
        source = gathered.at(add(row, cell), column)
        planes = [load_words(at(source, plane * gathered.plane), spec.pool_width) for plane in range(results.planes)]
        keys = largest.keys(planes)[: spec.pool_width]
        found = largest.larger(found, keys) if found else keys
    return list(largest.numbers(found, wide=spec.out_plane > 0))
