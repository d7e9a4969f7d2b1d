"""Attention in one kernel: scores, their softmax and the weighted values, none of which leaves the registers.

    score   = sum (q - zq) * (k - zk) + bias
    weights = integer softmax of a row's scores, the largest 255             (dialects/integer_softmax.py)
    out     = clamp(((sum weights * (v - zv)) * ((m*R) >> 16) + 2^(s+k-1) >> s+k) + zp, low, high)

A warp has 16 rows of q and walks along the keys twice, 64 at a time: first for the largest score, then for weights and
what is weighted. So any number of keys is exact, and no score is ever stored. Zero points are taken off by sums: those
of q's rows in registers, those of keys, once a block, in shared memory, together with the bias that is the same for all
rows; a key that does not count has NEVER there. Keys lie in such an order that a lane's four scores of neighbouring
pairs of tiles are a word of four neighbouring weights, as the second product wants them.
"""

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm, scf

from dyadic.dialects.integer_softmax import LARGEST_WEIGHT, Curve
from dyadic.dialects.qi.attention import NEVER
from dyadic.passes.lower.cuda.kernels.families.attention_spec import TILE, WARP_ROWS, AttentionSpec
from dyadic.passes.lower.cuda.kernels.vocabulary.any_address import load_any
from dyadic.passes.lower.cuda.kernels.vocabulary.code import (
    Value,
    add,
    at,
    below,
    clamp_between,
    const,
    div,
    integer,
    least,
    load,
    loop,
    mul,
    rem,
    signed_wide,
    store,
    sub,
    when,
    wide,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.exponential import Rule, reciprocal, row_multiplier, weight
from dyadic.passes.lower.cuda.kernels.vocabulary.gathered import Gathered
from dyadic.passes.lower.cuda.kernels.vocabulary.items import coordinates, distance, param
from dyadic.passes.lower.cuda.kernels.vocabulary.kernel import RESIDENT, Arguments, block, kernel, ring, thread
from dyadic.passes.lower.cuda.kernels.vocabulary.lanes import over_four
from dyadic.passes.lower.cuda.kernels.vocabulary.requantize import Rescale, quantized
from dyadic.passes.lower.cuda.kernels.vocabulary.staged import (
    ANY_ADDRESS,
    STEP,
    Columns,
    Rows,
    first_bytes,
    swapped,
)
from dyadic.passes.lower.cuda.kernels.vocabulary.tensor_cores import commit, load_matrices, multiply, wait
from dyadic.passes.lower.cuda.kernels.vocabulary.words import dot
from dyadic.passes.lower.memory.strided import Strided

ONES = 0x01010101
GROUP = 32  # keys of one multiplication with values
Pair = list[Value]  # of a lane's two rows


def generate(spec: AttentionSpec, symbol: str) -> None:
    """The kernel for `spec`, in a gpu.module."""
    kernel(spec, symbol, lambda arguments: _Attention(spec, arguments).write(), resident=RESIDENT // spec.threads)


def key_order(place: Value) -> Value:
    """Which key of a tile lies in a place: bits 1 and 2 of its number trade places with bit 3."""
    pairs = arith.shli(arith.andi(place, const(6)), const(1))
    return arith.ori(
        arith.ori(arith.andi(place, const(~14)), pairs), arith.andi(arith.shrui(place, const(2)), const(2))
    )


class _Attention:
    """One kernel's parts, and the values that they share."""

    def __init__(self, spec: AttentionSpec, arguments: Arguments) -> None:
        self.spec, self.arguments = spec, arguments
        self.thread, self.terms = thread(), ring()
        self.stages = at(self.terms, spec.terms_bytes)
        self.lane, self.warp = rem(self.thread, 32), div(self.thread, 32)
        across, down = block(gpu.Dimension.y), block(gpu.Dimension.x)
        self.image, self.head = div(down, spec.items), coordinates(div(across, spec.width_blocks), spec.outer or (1,))
        self.first_row = mul(rem(down, spec.items), spec.block_rows)
        self.first_column = mul(rem(across, spec.width_blocks), spec.block_width)
        self.q, self.k, self.v = (self.of_head(n, where) for n, where in enumerate((spec.q, spec.k, spec.v)))
        names = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
        numbers = [param(arguments, n) for n in names]
        self.zero_point, self.low, self.high, self.multiplier, self.shift = numbers[:5]
        self.zero_q, self.zero_k, self.zero_v, self.both, *rule = numbers[5:]
        self.rule, self.curve = Rule.of(*rule), Curve(*spec.curve)
        self.column = mul(rem(self.lane, 4), 4)  # of a lane's first word of weights

    def of_head(self, number: int, where: Strided) -> Value:
        """Where an operand's matrix begins."""
        start = mul(wide(self.image), wide(self.arguments.in_images[number]))
        inside = signed_wide(distance(self.head, where.outer or (0,)))
        return at(self.arguments.inputs[number], add(start, inside))

    def write(self) -> None:
        queries = self.queries()
        self.write_terms()
        sums = [const(0)] * 2
        for words_ in queries:
            sums = [dot(words_[h + 2], ONES, dot(words_[h], ONES, sums[h])) for h in range(2)]
        rows = [sub(self.both, mul(over_four(each), self.zero_k)) for each in sums]
        gpu.barrier()  # terms are there, and all have read their queries
        largest = self.largest(queries, rows)
        gpu.barrier()  # all have read the stages, where keys go again
        totals, context = self.weighted(queries, rows, largest)
        gpu.barrier()  # all have read the stages, where results go
        gathered = Gathered(self.stages, self.thread, self.spec.threads, self.spec.block_rows, self.spec.block_width)
        self.gather(gathered, [over_four(each) for each in totals], context)
        gpu.barrier()
        self.store(gathered)

    def queries(self) -> list[list[Value]]:
        """This warp's rows, 32 of their depth in each entry."""
        spec = self.spec
        copied = (self.first_row, spec.block_rows, self.thread, spec.threads)
        rows = Rows(self.q, spec.q.row, spec.rows, spec.depth, spec.q_granule, *copied)
        for step in range(spec.depth_steps):
            stage = at(self.stages, step * Rows.size(spec.block_rows))
            rows.begin(const(step), stage)
            rows.finish(rows.loaded(const(step)), stage)
        commit()
        wait(0)
        gpu.barrier()
        row, found = add(mul(self.warp, WARP_ROWS), rem(self.lane, 16)), []
        for step in range(spec.depth_steps):
            for half in range(2):
                place = swapped(row, add(div(self.lane, 16), 2 * half))
                found.append(load_matrices(at(self.stages, add(place, step * Rows.size(spec.block_rows)))))
        return found

    # --- what each key adds to its scores

    def write_terms(self) -> None:
        spec = self.spec

        def one(number: Value, _: list[Value]) -> list[Value]:
            key = add(mul(number, spec.threads), self.thread)
            inside = below(key, spec.keys)
            there = arith.select(inside, key, const(0))
            term = const(0)
            if spec.key_sums:
                term = sub(term, mul(self.key_sum(there), self.zero_q))
            if spec.valid is not None:
                place = at(self.of_head(3, spec.valid), wide(there))
                counts = arith.extui(integer(32), load(integer(8), place, 1))
                inside = arith.andi(inside, below(const(0), counts))
            if spec.bias is not None and not spec.bias.row:
                bias = load(integer(32), at(self.bias_row(const(0)), wide(mul(there, 4))), 4)
                inside = arith.andi(inside, arith.cmpi(arith.CmpIPredicate.ne, bias, const(NEVER)))
                term = add(term, bias)
            term = arith.select(inside, term, const(NEVER))
            when(below(key, spec.tiles * TILE), lambda: store(term, at(self.terms, mul(key, 4)), 4))
            return []

        loop(-(-spec.tiles * TILE // spec.threads), one)

    def key_sum(self, key: Value) -> Value:
        spec = self.spec
        start = at(self.k, signed_wide(mul(key, spec.k.row)))

        def add_word(number: Value, carried: list[Value]) -> list[Value]:
            place = mul(number, 4)
            source = at(start, wide(place))
            word = load_any(source, 1)[0] if spec.k_granule == ANY_ADDRESS else load(integer(32), source, 4)
            if spec.depth % 4:
                word = arith.andi(word, first_bytes(clamp_between(sub(const(spec.depth), place), 0, 4)))
            return [dot(word, ONES, carried[0])]

        return loop(-(-spec.depth // 4), add_word, [const(0)])[0]

    def bias_row(self, row: Value) -> Value:
        """Where the biases of a row are."""
        assert self.spec.bias is not None
        inside = add(distance(self.head, self.spec.bias.outer or (0,)), mul(row, self.spec.bias.row))
        return at(self.arguments.weights, signed_wide(inside))

    # --- scores

    def largest(self, queries: list[list[Value]], rows: Pair) -> Pair:
        """Of both rows; NEVER where nothing counts."""
        every: list[Value] = [const(NEVER)] * 2

        def tile(number: Value, stage: Value, carried: list[Value]) -> list[Value]:
            for group in range(TILE // GROUP):
                scores, valid = self.scores(queries, rows, number, stage, group)
                for h in range(2):
                    for score, counts in zip(scores[h], valid[h], strict=True):
                        carried[h] = arith.maxsi(carried[h], arith.select(counts, score, const(NEVER)))
            return carried

        found = self.each_tile(tile, every, values=False)
        return [over_four(each, arith.maxsi) for each in found]

    def weighted(self, queries: list[list[Value]], rows: Pair, largest: Pair) -> tuple[Pair, list[Value]]:
        """(this lane's part of both rows' sums of weights, sums of weights times values by tiles of 8 columns)."""
        spec = self.spec
        tiles = spec.block_width // 8

        def tile(number: Value, stage: Value, carried: list[Value]) -> list[Value]:
            for group in range(TILE // GROUP):
                scores, valid = self.scores(queries, rows, number, stage, group)
                made = [
                    [
                        arith.select(counts, weight(self.rule.logarithm(sub(largest[h], score)), self.curve), const(0))
                        for score, counts in zip(scores[h], valid[h], strict=True)
                    ]
                    for h in range(2)
                ]
                a = [_packed(made[h][4 * part : 4 * part + 4]) for part in range(2) for h in range(2)]
                for h in range(2):
                    carried[h] = dot(a[h + 2], ONES, dot(a[h], ONES, carried[h]))
                for x in range(tiles):
                    columns = self.columns.fragment(at(stage, spec.keys_bytes), self.lane, const(8 * x), group)
                    place = 2 + 4 * x
                    carried[place : place + 4] = multiply(a, columns, carried[place : place + 4], "u8")
            return carried

        found = self.each_tile(tile, [const(0)] * (2 + 4 * tiles), values=True)
        return found[:2], found[2:]

    def scores(
        self, queries: list[list[Value]], rows: Pair, tile: Value, stage: Value, group: int
    ) -> tuple[list[list[Value]], list[list[Value]]]:
        """(scores, whether they count) of 32 keys, of both rows: those of words `column` and `column + 16`."""
        products = [[const(0)] * 4 for _ in range(GROUP // 8)]
        place, matrix = rem(self.lane, 8), div(self.lane, 8)
        for step in range(self.spec.depth_steps):
            for half in range(2):
                if step * STEP + half * GROUP >= self.spec.depth:
                    continue
                for pair in range(0, len(products), 2):
                    row = add(place, add(mul(div(matrix, 2), 8), GROUP * group + 8 * pair))
                    where = add(swapped(row, add(rem(matrix, 2), 2 * half)), step * Rows.size(TILE))
                    four = load_matrices(at(stage, where))
                    for n in range(2):
                        b = four[2 * n : 2 * n + 2]
                        products[pair + n] = multiply(queries[2 * step + half], b, products[pair + n], "u8")
        first = add(add(mul(tile, TILE), GROUP * group), self.column)
        terms = [word for part in range(2) for word in _four(at(self.terms, mul(add(first, 16 * part), 4)))]
        never = [arith.cmpi(arith.CmpIPredicate.ne, term, const(NEVER)) for term in terms]
        scores, valid = [], []
        for h in range(2):
            sums = [products[i][2 * h + j] for i in range(len(products)) for j in range(2)]
            found = [add(add(total, rows[h]), term) for total, term in zip(sums, terms, strict=True)]
            counts = never
            if self.spec.bias is not None and self.spec.bias.row:
                start = at(self.bias_row(self.row(h)), wide(mul(first, 4)))
                biases = [word for part in range(2) for word in _four(at(start, 64 * part))]
                found = [add(score, bias) for score, bias in zip(found, biases, strict=True)]
                counts = [
                    arith.andi(known, arith.cmpi(arith.CmpIPredicate.ne, bias, const(NEVER)))
                    for known, bias in zip(never, biases, strict=True)
                ]
            scores.append(found)
            valid.append(counts)
        return scores, valid

    def row(self, h: int) -> Value:
        """The number of one of this lane's rows, or of the last one where that is none."""
        local = add(mul(self.warp, WARP_ROWS), add(div(self.lane, 4), 8 * h))
        return least(add(self.first_row, local), self.spec.rows - 1)

    def each_tile(
        self, body: Callable[[Value, Value, list[Value]], list[Value]], start: Sequence[Value], *, values: bool
    ) -> list[Value]:
        """`body(tile, its stage, carried)`, while the next one is copied."""
        spec = self.spec
        copied = (self.thread, spec.threads)

        def keys(tile: Value) -> Rows:
            first = mul(tile, TILE)
            return Rows(self.k, spec.k.row, spec.keys, spec.depth, spec.k_granule, first, TILE, *copied, key_order)

        self.columns = Columns(
            self.v, spec.v.row, spec.width, spec.keys, spec.v_granule, self.first_column, spec.block_width, *copied
        )

        def begin(tile: Value, stage: Value) -> None:
            for step in range(spec.depth_steps):
                keys(tile).begin(const(step), at(stage, step * Rows.size(TILE)))

        def loaded(tile: Value) -> list[list[list[Value]]]:
            every = [keys(tile).loaded(const(step)) for step in range(spec.depth_steps)]
            return [*every, self.columns.loaded(tile)] if values else every

        def finish(pending: list[list[list[Value]]], tile: Value, stage: Value) -> None:
            for step in range(spec.depth_steps):
                keys(tile).finish(pending[step], at(stage, step * Rows.size(TILE)))
            if values:
                self.columns.finish(pending[-1], at(stage, spec.keys_bytes))

        begin(const(0), self.stages)
        finish(loaded(const(0)), const(0), self.stages)
        commit()
        every = scf.ForOp(const(0), const(spec.tiles), const(1), [*start, const(0)])
        with ir.InsertionPoint(every.body):
            *carried, reads = every.inner_iter_args
            wait(0)
            gpu.barrier()  # this tile is here, and all are done with the other stage
            writes = sub(const(spec.stage_bytes), reads)
            source, target = at(self.stages, reads), at(self.stages, writes)
            later = add(every.induction_variable, 1)
            when(below(later, spec.tiles), lambda: begin(later, target))
            commit()
            later = least(later, spec.tiles - 1)  # what is copied once too often, nobody reads
            pending = loaded(later)
            found = body(every.induction_variable, source, list(carried))
            finish(pending, later, target)
            scf.yield_([*found, writes])
        return list(every.results)[:-1]

    # --- results

    def gather(self, gathered: Gathered, totals: Pair, context: list[Value]) -> None:
        spec = self.spec
        row, first = add(mul(self.warp, WARP_ROWS), div(self.lane, 4)), mul(rem(self.lane, 4), 2)
        for h in range(2):
            inverse, log2 = reciprocal(arith.maxsi(totals[h], const(LARGEST_WEIGHT)))
            multiplier = arith.trunci(integer(32), row_multiplier(self.multiplier, inverse))
            rescale = Rescale.of(multiplier, add(self.shift, log2), spec.form)
            moved = mul(totals[h], self.zero_v)
            for x in range(spec.block_width // 8):
                both = [
                    quantized(rescale.rescaled(sub(context[4 * x + 2 * h + j], moved)), *self.bounds) for j in range(2)
                ]
                gathered.put(both, gathered.at(add(row, 8 * h), add(first, 8 * x)), wide=spec.out.plane > 0)

    @property
    def bounds(self) -> tuple[Value, Value, Value]:
        return self.zero_point, self.low, self.high

    def store(self, gathered: Gathered) -> None:
        spec = self.spec
        start = mul(wide(self.image), wide(self.arguments.out_image))
        out = at(self.arguments.out, add(start, signed_wide(distance(self.head, spec.out.outer or (0,)))))
        gathered.store(out, spec.out, (self.first_row, self.first_column), (spec.rows, spec.width), spec.store_bytes)


def _packed(four: Sequence[Value]) -> Value:
    """Bytes 0 to 255 as a word."""
    low = arith.ori(four[0], arith.shli(four[1], const(8)))
    high = arith.ori(four[2], arith.shli(four[3], const(8)))
    return arith.ori(low, arith.shli(high, const(16)))


def _four(source: Value) -> list[Value]:
    """Words from an address that is a multiple of 16."""
    vector = load(ir.VectorType.get([4], integer(32)), source, 16)
    return [llvm.extractelement(vector, const(n)) for n in range(4)]
