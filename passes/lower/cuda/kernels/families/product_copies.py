"""Requantized copies of a product's results, or of some channels of them, each in a place of its own: made of the bytes
that are gathered in shared memory, where no sum needs a register any more, so that their stores are wide, too."""

from torch_mlir.dialects import arith

from dyadic.passes.lower.cuda.kernels.families.product_results import Results
from dyadic.passes.lower.cuda.kernels.families.product_spec import CopyPlace
from dyadic.passes.lower.cuda.kernels.vocabulary.code import Value, add, at, below, sub, when, wide
from dyadic.passes.lower.cuda.kernels.vocabulary.copies import WORDS, RequantizedCopy
from dyadic.passes.lower.cuda.kernels.vocabulary.words import bytes_of, load_words, packed, store_words


def write_copies(results: Results) -> None:
    """All of a block, once its results are gathered."""
    spec, arguments = results.spec, results.block.arguments
    for number, lies in enumerate(spec.copy_places):
        words = at(arguments.params, 4 * (spec.copies_word + number * WORDS))
        _write(results, lies, RequantizedCopy(words, arguments.out))


def _write(results: Results, lies: CopyPlace, copy: RequantizedCopy) -> None:
    spec, block, size = results.spec, results.block, lies.store_bytes

    def move(row: Value, column: Value) -> None:
        pixel, own = add(block.first_row, row), add(block.first_column, column)
        channel = sub(results.of_group(own), lies.first)

        def write() -> None:
            made = copy.of(bytes_of(load_words(results.gathered.at(row, column), size), size))
            place = block.place(pixel, block.arguments.out_image, lies.row, lies.pixel)
            store_words(packed(made), at(at(copy.first, place), wide(channel)), size)

        inside = arith.andi(below(own, spec.channels), below(channel, lies.channels))
        when(arith.andi(below(pixel, block.pixels), inside), write)

    results.gathered.each_piece(size, move)
