"""Moves on GPUs put every integer where its operator does, and nothing else anywhere."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.effort import SEED
from support.ptx.gpu import Gpu
from support.ptx.operators import Case, Gap, prepared, quantized, tensor

from dyadic.passes.lower.cuda.kernels.families.copy import CopySpec, pack_params
from dyadic.passes.lower.cuda.kernels.families.transpose import TransposeSpec

Gaps = Sequence[Gap]


def numbers(values: Sequence[int]) -> str:
    return f"array<i64: {', '.join(str(n) for n in values)}>"


def move(name: str, dims: Sequence[int], out: Sequence[int], entries: str, bits: int, gaps: Gaps, seed: int) -> Case:
    """Of sizes behind the batch."""
    source, made = (tensor([1, *each], quantized(bits, 7)) for each in (dims, out))
    placed = "qi.placed = array<i64: 0>"
    text = f'%out = "qi.{name}"(%x0) {{{", ".join(one for one in (entries, placed) if one)}}} : ({source}) -> {made}'
    return Case(text, [source], gaps, seed)


def concat(
    dims: Sequence[int],
    axis: int,
    more: int,
    bits: int = 8,
    gaps: Gaps = (),
    placed: Sequence[int] = (0, 0),
    seed: int = 0,
) -> Case:
    other = [more if d == axis else n for d, n in enumerate(dims)]
    out = [n + more if d == axis else n for d, n in enumerate(dims)]
    a, b, made = (tensor([1, *each], quantized(bits, 7)) for each in (dims, other, out))
    entries = f"axis = {axis + 1} : i64, qi.placed = {numbers(placed)}"
    return Case(f'%out = "qi.concat"(%x0, %x1) {{{entries}}} : ({a}, {b}) -> {made}', [a, b], gaps, seed)


def slice_(
    dims: Sequence[int], starts: Sequence[int], steps: Sequence[int], out: Sequence[int], bits: int = 8,
    gaps: Gaps = (), seed: int = 0,
) -> Case:  # fmt: skip
    entries = f"starts = {numbers([0, *starts])}, steps = {numbers([1, *steps])}"
    return move("slice", dims, out, entries, bits, gaps, seed)


def transpose(dims: Sequence[int], order: Sequence[int], bits: int = 8, gaps: Gaps = (), seed: int = 0) -> Case:
    """order: of the dimensions behind the batch, from 0."""
    entries = f"permutation = {numbers([0, *(d + 1 for d in order)])}"
    return move("transpose", dims, [dims[d] for d in order], entries, bits, gaps, seed)


def reshape(dims: Sequence[int], out: Sequence[int], bits: int = 8, gaps: Gaps = (), seed: int = 0) -> Case:
    return move("reshape", dims, out, "", bits, gaps, seed)


def pad(
    dims: Sequence[int], low: Sequence[int], high: Sequence[int], bits: int = 8, gaps: Gaps = (), seed: int = 0
) -> Case:
    out = [lo + n + hi for lo, n, hi in zip(low, dims, high, strict=True)]
    value = -300 if bits == 16 else 9
    entries = f"low = {numbers([0, *low])}, high = {numbers([0, *high])}, value = {value} : i64"
    return replace(move("pad", dims, out, entries, bits, gaps, seed), text=_unplaced(dims, out, entries, bits))


def _unplaced(dims: Sequence[int], out: Sequence[int], entries: str, bits: int) -> str:
    source, made = (tensor([1, *each], quantized(bits, 7)) for each in (dims, out))
    return f'%out = "qi.pad"(%x0) {{{entries}}} : ({source}) -> {made}'


def repeat(dims: Sequence[int], times: Sequence[int], bits: int = 8, gaps: Gaps = (), seed: int = 0) -> Case:
    out = [n * t for n, t in zip(dims, times, strict=True)]
    return move("repeat", dims, out, f"times = {numbers([1, *times])}", bits, gaps, seed)


def take(dims: Sequence[int], axis: int, places: Sequence[int], bits: int = 8, gaps: Gaps = (), seed: int = 0) -> Case:
    out = [len(places) if d == axis else n for d, n in enumerate(dims)]
    return move("take", dims, out, f"axis = {axis + 1} : i64, places = {numbers(places)}", bits, gaps, seed)


DENSE = (Gap(1), Gap(1))
CASES = {
    "concat of rows": concat([3, 5, 20], 0, 2),
    "concat of channels": concat([3, 5, 7], 2, 4),
    "concat of 16 bits": concat([4, 8], 0, 3, 16),
    "slice": slice_([7, 9, 24], [1, 2, 0], [2, 3, 1], [3, 2, 24]),
    "slice of channels": slice_([4, 5, 20], [0, 0, 3], [1, 1, 2], [4, 5, 8]),
    "slice of 16 bits": slice_([4, 5, 12], [1, 0, 2], [1, 2, 3], [3, 3, 4], 16),
    "transpose of heads": transpose([6, 3, 16], [1, 0, 2]),
    "channels first": transpose([5, 6, 24], [2, 0, 1], gaps=(Gap(), Gap(4))),
    "channels last": transpose([24, 5, 8], [1, 2, 0], gaps=(Gap(4), Gap())),
    "ragged": transpose([13, 21], [1, 0], gaps=(Gap(4), Gap(8))),
    "ragged of 16 bits": transpose([3, 37, 22], [0, 2, 1], 16, (Gap(4), Gap(4, row=4))),
    "transpose at odd places": transpose([5, 9], [1, 0], gaps=(Gap(1), Gap(1, start=5))),
    "transpose of a few": transpose([3, 50], [1, 0]),
    "reshape": reshape([4, 6, 5], [4, 30]),
    "reshape of channels": reshape([4, 6, 6], [4, 3, 2, 6], 16),
    "pad": pad([5, 6, 24], [1, 2, 0], [1, 0, 0]),
    "pad and crop": pad([5, 6, 10], [-1, 2, 0], [3, -2, 0]),
    "pad of channels": pad([5, 6, 10], [0, 0, 3], [1, 1, 2], 16),
    "pad of a signal": pad([37], [4], [5]),
    "a border alone": pad([2, 3, 8], [-2, 0, 0], [4, 1, 0], 16),
    "repeat": repeat([3, 4, 16], [2, 2, 1]),
    "repeat of channels": repeat([3, 4, 5], [1, 2, 3], 16),
    "take": take([6, 5, 24], 0, [5, 0, 0, 2]),
    "take of pixels": take([3, 6, 10], 1, [0, 0, 1, 3, 3, 5], 16),
    "take of channels": take([3, 2, 9], 2, [8, 0, 3, 3, 1]),
    "even places": take([3, 8, 9], 1, [6, 4, 2]),
    "5 dimensions": transpose([2, 3, 4, 5, 8], [2, 0, 3, 1, 4]),
    "dense": slice_([6, 8], [1, 0], [1, 1], [4, 8], gaps=DENSE),
}
WIDTHS = {
    "8 at once": replace(slice_([7, 9, 24], [1, 2, 0], [2, 3, 1], [3, 2, 24]), change={"width": 8, "in_bytes": 8}),
    "16 at once": replace(pad([5, 6, 40], [1, 2, 0], [1, 0, 0], 16), change={"width": 16, "in_bytes": 16}),
}
EVERY = CASES | WIDTHS
Kernels = tuple[str, dict[CopySpec | TransposeSpec, str]]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    return prepared(list(EVERY.values()))


@pytest.mark.parametrize("name", EVERY)
def test_it_is_the_operator(gpu: Gpu, kernels: Kernels, name: str) -> None:
    for batch in (1, 3):
        EVERY[name].check(gpu, *kernels, batch)


def test_blocks_are_turned_where_words_are_possible(kernels: Kernels) -> None:
    turned = {name for name, case in CASES.items() for one in case.launches if isinstance(one.spec, TransposeSpec)}
    assert turned == {"channels first", "channels last", "ragged", "ragged of 16 bits"}


def test_what_is_in_its_place_is_not_moved() -> None:
    case = concat([4, 8], 0, 3, placed=(1, 0))
    case.prepare()
    assert len(case.launches) == 1


def test_whole_rows_are_one(kernels: Kernels) -> None:
    (launch,) = CASES["dense"].launches
    assert launch.spec.sizes == (32,)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ins": (1,)}, "strides for every size"),
        ({"outs": (8, 2)}, "results are neighbours"),
        ({"width": 3}, "a width of"),
        ({"in_plane": 64}, "as many planes"),
        ({"padded": (0, 1)}, "three numbers"),
        ({"padded": (0, 1, 2), "axis": 0}, "places have no border"),
    ],
)
def test_there_is_no_copy_of_another_kind(change: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(CopySpec((4, 8), (8, 1), (8, 1)), **change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sizes": (8,)}, "strides for every size"),
        ({"ins": (8, 1)}, "neighbours on each side"),
        ({"out_plane": 64}, "as many planes"),
        ({"outs": (6, 1)}, "words on both sides"),
    ],
)
def test_there_is_no_transpose_of_another_kind(change: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(TransposeSpec((8, 8), (1, 8), (8, 1)), **change)


def test_places_are_not_too_far() -> None:
    with pytest.raises(ValueError, match="leave 32 bits"):
        pack_params(places=[1 << 20], stride=1 << 20)


def random_case(choose: random.Random, seed: int) -> Case:
    rank = choose.randrange(1, 5)
    dims = [choose.choice([1, 2, 3, 4, 5, 6]) for _ in range(rank - 1)] + [choose.choice([1, 3, 8, 10, 16, 33])]
    bits, gaps = choose.choice([8, 8, 16]), [Gap.random(choose) for _ in range(2)]
    kind, axis = choose.randrange(6), choose.randrange(rank)
    if kind == 0:
        return transpose(dims, choose.sample(range(rank), rank), bits, gaps, seed)
    if kind == 1:
        steps = [choose.choice([1, 1, 2]) for _ in dims]
        starts = [choose.randrange(n) for n in dims]
        ends = zip(dims, starts, steps, strict=True)
        out = [choose.randrange(1, -(-(n - start) // step) + 1) for n, start, step in ends]
        return slice_(dims, starts, steps, out, bits, gaps, seed)
    if kind == 2:
        low, high = ([choose.choice([0, 0, 1, 3]) for _ in dims] for _ in range(2))
        low = [-choose.randrange(n) if choose.random() < 0.2 else lo for n, lo in zip(dims, low, strict=True)]
        return pad(dims, low, high, bits, gaps, seed)
    if kind == 3:
        return repeat(dims, [choose.choice([1, 1, 2, 3]) for _ in dims], bits, gaps, seed)
    if kind == 4:
        return take(dims, axis, [choose.randrange(dims[axis]) for _ in range(choose.randrange(1, 6))], bits, gaps, seed)
    return concat(dims, axis, choose.randrange(1, 6), bits, [*gaps, Gap.random(choose)], seed=seed)


@pytest.mark.slow
def test_random_moves(gpu: Gpu) -> None:
    seed = int(SEED or 0)
    choose = random.Random(seed)
    cases = [random_case(choose, n) for n in range(60)]
    found = prepared(cases)
    for n, case in enumerate(cases):
        print(f"seed {seed}, {n}: {case.text} {case.gaps} {[launch.spec for launch in case.launches]}")
        case.check(gpu, *found, choose.choice([1, 3, 8]))
