"""Weights that a file holds for another target are not stored again for GPUs: where each goes is, in a few boxes.

Both targets order the numbers of a layer in their own way, and both orders are known: every number of a weight has a
place on either side. Numbers next to each other are mostly as far apart on one side as on the other again and again, so
that a handful of boxes says where all of them go (`runtime/cuda/constants.py`). What cannot be had this way stays in
the section of constants: biases, multipliers and tables, scales of groups, weights that are stored in other widths for
GPUs (groups of other sizes than 32 and 64 are multiplied out there), and what does not come out in every byte.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.compiler.targets.cuda.emit import CudaEmitted, Packed
from dyadic.compiler.targets.emitted import Stored
from dyadic.compiler.targets.weight_readers import constant_of, weight_readers
from dyadic.dialects import qi
from dyadic.dialects.tensor_types import shape
from dyadic.passes.lower.cuda.gather_projections import gather_projections
from dyadic.passes.lower.cuda.join_tables import has_product
from dyadic.passes.lower.cuda.kernel_selection.matrix import constant_weights
from dyadic.passes.lower.cuda.kernel_selection.together import TOGETHER
from dyadic.passes.lower.cuda.kernels.families import depthwise, excite, recurrence, squeeze
from dyadic.passes.lower.cuda.kernels.families.depthwise import DepthwiseSpec
from dyadic.passes.lower.cuda.kernels.families.embedding import EmbeddingSpec
from dyadic.passes.lower.cuda.kernels.families.excite import ExciteSpec
from dyadic.passes.lower.cuda.kernels.families.product_spec import ProductSpec
from dyadic.passes.lower.cuda.kernels.families.product_weights import CHUNK, STEP, in_tiles
from dyadic.passes.lower.cuda.kernels.families.recurrence import RecurrenceSpec
from dyadic.passes.lower.cuda.kernels.families.squeeze import SqueezeSpec
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.cuda.code_sections import stored as deflated
from dyadic.runtime.cuda.constants import Box, Bytes, Dim, Gather, Own, Taken

Places = npt.NDArray[np.int64]
GATHER = "cuda/gather"
NUMBER = "qi.number"  # of a layer among all, in a copy that is thrown away
SAMPLE = 1 << 14  # numbers by which the commonest distance is found
FEW = 64  # boxes of a weight: with more it is stored again


class Read(NamedTuple):
    """What a layer reads: the sizes of its weights as its kernel orders them, and where the processor has them."""

    dims: list[int]
    stored: Stored


def share(
    emitted: CudaEmitted, integer: ir.Operation, source: str, content: Any, stored: Sequence[Stored | None]
) -> CudaEmitted:
    """The same without the weights that a section of another target's has, in the same file.

    Args:
        integer: the network that both are of.
        source: the section, and `content` its bytes.
        stored: where it has the weights of every layer and table of `integer`, in order.
    """
    program = emitted.program
    constants = np.frombuffer(emitted.sections[program.constants], np.uint8)
    other = np.frombuffer(content, np.uint8)
    reads = _reads(integer, stored)
    taken: list[Taken] = []
    for packed in emitted.packed:
        piece = _piece(packed, reads.get((packed.op, packed.layer), []), constants, other)
        if piece is not None:
            taken.append(piece)
    if not taken:
        return emitted
    taken.sort(key=lambda piece: piece.to)
    gather = Gather(tuple(_rest(taken, len(constants))), tuple(taken))
    own = np.concatenate([constants[one.to : one.to + one.length] for one in gather.own])
    said = {"gather": GATHER, "source": source, "constants_bytes": len(constants)}
    return replace(
        emitted,
        program=replace(program, **said),
        others=tuple(replace(one, **said) for one in emitted.others),  # pyright: ignore[reportArgumentType]
        sections=emitted.sections | {program.constants: own.tobytes(), GATHER: deflated(gather.encoded())},
    )


def _rest(taken: Sequence[Taken], size: int) -> Iterator[Own]:
    """What lies between the pieces that are taken, one after the other in the program's own section."""
    position = source = 0
    for to, length in (*((one.to, one.length) for one in taken), (size, 0)):
        if to > position:
            yield Own(position, source, to - position)
            source += to - position
        position = to + length


def _reads(integer: ir.Operation, stored: Sequence[Stored | None]) -> dict[tuple[str, str], list[list[Read]]]:
    """By operator and layer, as launches name them: what there may be to read, of layers of one product together."""
    with integer.context, ir.Location.unknown():
        copy = integer.operation.clone()
        readers = weight_readers(copy)
        reads = [where and _read(op, where) for op, where in zip(readers, stored, strict=True)]
        for number, op in enumerate(readers):
            op.operation.attributes[NUMBER] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)
        gather_projections.run(copy)
        groups: dict[int, list[Any]] = {}
        for op in weight_readers(copy):
            groups.setdefault(-1 - _number(op, NUMBER), []).append(op)
            if TOGETHER in op.operation.attributes:
                groups.setdefault(_number(op, TOGETHER), []).append(op)
        found: dict[tuple[str, str], list[list[Read]]] = {}
        for group in groups.values():
            each = [reads[_number(op, NUMBER)] for op in group]
            if all(each):
                for op in (group[-1], *_averages(group)):
                    key = op.operation.name, layer_name(op)
                    found.setdefault(key, []).append([read for read in each if read])
    return found


def _averages(group: Sequence[Any]) -> Iterator[Any]:
    """What a layer reads whose launch may have the layer in it."""
    if len(group) == 1 and isinstance(op := group[0], qi.Conv2dOp) and isinstance(defining(op.x), qi.AvgPoolOp):
        yield defining(op.x)


def _number(op: Any, name: str) -> int:
    return op.operation.attributes[name].value


def _read(op: Any, stored: Stored) -> Read:
    dims = shape(constant_of(op).results[0])
    if isinstance(op, qi.Convolution) or not has_product(op):
        return Read(dims, stored)
    _, _, scales = constant_weights(op.weight)
    runs = 1 if scales is None else scales.shape[1]
    return Read([dims[0], 1, runs, dims[1] // runs], stored)


def _piece(packed: Packed, candidates: Sequence[Sequence[Read]], constants: Bytes, other: Bytes) -> Taken | None:
    """What `packed` is of what one of the candidates reads, if it is that in every byte."""
    count = len(getattr(packed.spec, "parts", ())) or 1
    for reads in candidates:
        if len(reads) != count:
            continue
        dims = [sum(read.dims[0] for read in reads), *reads[0].dims[1:]]
        ordered = _ordered(packed.spec, dims)
        bits, zero = reads[0].stored.bits, reads[0].stored.zero
        if ordered is None:
            continue
        places = np.concatenate([read.stored.places for read in reads])
        numbered = np.flatnonzero(ordered.numbers)
        if len(numbered) != len(places):
            continue
        to = np.zeros(len(places), np.int64)
        to[ordered.numbers[numbered] - 1] = numbered
        boxes = boxes_of(to, places)
        length = len(ordered.numbers) * ordered.bits // 8
        if len(boxes) > FEW:
            continue
        add = (ordered.zero - zero) % (1 << ordered.bits)
        piece = Taken(packed.offset, length, ordered.bits, bits, ordered.zero, add, tuple(boxes))
        alone = Gather((), (replace(piece, to=0),)).constants(other[:0], other, length)
        if np.array_equal(alone, constants[piece.to : piece.to + length]):
            return piece
    return None


class Ordered(NamedTuple):
    """For every field of weights as a kernel reads them: the number that lies there, counted from 1; 0 is none."""

    bits: int
    zero: int
    numbers: Places


def _ordered(spec: Any, dims: list[int]) -> Ordered | None:
    """For weights of these sizes; None where the kernel reads others."""
    numbers = np.arange(1, prod(dims) + 1)
    match spec:
        case ProductSpec() if dims[0] == spec.groups * spec.channels and len(dims) == 4:
            lengths = spec.lengths(dims)
            if -(-lengths.runs * lengths.chunks * CHUNK // STEP) != spec.steps:
                return None
            every = in_tiles(spec, spec.ordered(numbers.reshape(dims), spec.chunks))
            bits, zero = spec.format.bits, spec.format.offset if spec.format.bits < 8 else 0
            return Ordered(bits, zero, every.reshape(-1, 8 // bits, CHUNK).swapaxes(1, 2).reshape(-1))
        case DepthwiseSpec() if dims == [spec.channels, spec.taps_y, spec.taps_x, 1]:
            return Ordered(8, 0, depthwise.pack_weights(spec, numbers.reshape(dims)))
        case RecurrenceSpec() if dims == [spec.outputs, spec.hidden]:
            return Ordered(8, 0, recurrence.pack_weights(spec, numbers.reshape(dims)))
        case SqueezeSpec() if dims == [spec.outputs, 1, 1, spec.channels]:
            return Ordered(8, 0, squeeze.pack_weights(spec, numbers.reshape(dims)))
        case ExciteSpec() if dims == [spec.channels, 1, 1, spec.inner]:
            return Ordered(8, 0, excite.pack_weights(spec, numbers.reshape(dims)))
        case EmbeddingSpec() if dims[1:] == [spec.channels]:
            return Ordered(8, 0, numbers)
    return None


def boxes_of(to: Places, source: Places) -> list[Box]:
    """Boxes that copy number after number from `source` to `to`.

    The commonest distance between neighbours is a dimension of both, again and again; boxes of one kind that others
    lie between are neighbours, too."""
    dims: list[tuple[Dim, ...]] = [()]  # of each kind of box
    kind = np.zeros(len(to), np.int64)
    while len(to) > 1:
        apart = np.stack([np.diff(to), np.diff(source)])
        alike = (kind[1:] == kind[:-1]) & (apart >= 0).all(0)
        if not alike.any():
            break
        first = apart[:, np.flatnonzero(alike)[:SAMPLE]]
        pairs, places, counts = np.unique(first, axis=1, return_index=True, return_counts=True)
        step = pairs[:, max(range(len(counts)), key=lambda i: (counts[i], -places[i]))]  # of several the first
        joined = alike & (apart == step[:, None]).all(0)
        starts = np.flatnonzero(np.concatenate([[True], ~joined]))
        lengths = np.diff(np.append(starts, len(to)))
        kinds, number = np.unique(np.stack([kind[starts], lengths]), axis=1, return_inverse=True)
        dims = [
            (*((Dim(int(length), int(step[0]), int(step[1])),) if length > 1 else ()), *dims[before])
            for before, length in kinds.T
        ]
        order = np.argsort(number.reshape(-1), kind="stable")
        to, source, kind = (each[order] for each in (to[starts], source[starts], number.reshape(-1)))
    return [Box(int(a), int(b), dims[k]) for a, b, k in zip(to, source, kind, strict=True)]
