"""Attention gives the bits of `qi.attention`, wherever heads lie, whatever counts and however far scores are apart."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.dialects import integer_softmax as softmax
from dyadic.dialects.nonlinear import EXPONENTIALS
from dyadic.dialects.qi.attention import NEVER
from dyadic.passes.lower.cpu.kernels.families import attention
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.memory.strided import Strided
from dyadic.runtime import fixedpoint

ROWS = [1, 2, 5, 13, 14, 15, 29, 40]
KEYS = [1, 2, 3, 15, 16, 17, 33, 49, 64, 65, 100, 197, 300, 520]
DEPTHS = [1, 3, 4, 8, 17, 32, 33, 64, 150]


class Grid:
    """A random attention: [image, outer.., row or key, column]."""

    def __init__(self, kernels: Any, draw: Any, rng: np.random.Generator) -> None:
        self.kernels, self.draw, self.rng = kernels, draw, rng
        self.images = draw(st.integers(1, 2))
        self.outer = tuple(draw(st.sampled_from([(), (1,), (3,), (2, 2)])))
        self.rows, self.keys = draw(st.sampled_from(ROWS)), draw(st.sampled_from(KEYS))
        self.depth, self.width = draw(st.sampled_from(DEPTHS)), draw(st.sampled_from(DEPTHS))

    def strides(self, rows: int, columns: int) -> tuple[Strided, list[int], int]:
        """Heads one after the other, or beside each other in rows of the model's; numpy's strides; bytes of all."""
        gap = self.draw(st.sampled_from([0, 3, 8]))
        if self.draw(st.booleans()):
            row = columns + gap
            steps = [row * rows * int(np.prod(self.outer[d + 1 :])) for d in range(len(self.outer))]
            image = row * rows * int(np.prod(self.outer)) + gap
        else:
            steps = [columns * int(np.prod(self.outer[d + 1 :])) for d in range(len(self.outer))]
            row = columns * int(np.prod(self.outer)) + gap
            image = row * rows + gap
        return Strided(1, row, image, outer=tuple(steps)), [image, *steps, row, 1], self.images * image

    def operand(self, rows: int, columns: int) -> tuple[tuple[Any, int], Strided, Any]:
        """(buffer, offset), how it lies, and its bytes."""
        lies, steps, size = self.strides(rows, columns)
        kind = self.draw(st.sampled_from(["any", "any", "ends", "one"]))
        pick = {"any": range(256), "ends": [0, 255], "one": [int(self.rng.integers(256))]}[kind]
        buffer = self.rng.choice(np.array(pick, np.uint8), size + 9 + 64)
        view = self.kernels.view(buffer, 9, (self.images, *self.outer, rows, columns), steps)
        return (buffer, 9), lies, view.astype(np.int64)


def attend(
    q: Any, k: Any, v: Any, bias: Any, valid: Any, rule: Any, curve: Any, zeros: Any, m: int, s: int, header: Any
) -> Any:
    """As the op's `evaluate` does it, all of it in int64."""
    zq, zk, zv = zeros
    scores = (q - zq) @ np.swapaxes(k - zk, -1, -2) + bias
    weights, total = softmax.weights(scores, valid, rule, curve)
    inverse, log2 = softmax.reciprocal(np.maximum(total, 255))
    return fixedpoint.requant(weights @ (v - zv), (m * inverse) >> 16, s + log2, *header)


def case(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    g = Grid(kernels, draw, rng)
    (q_memory, q_lies, q), (k_memory, k_lies, k) = g.operand(g.rows, g.depth), g.operand(g.keys, g.depth)
    v_memory, v_lies, v = g.operand(g.keys, g.width)
    zeros = [draw(st.one_of(st.sampled_from([0, 128, 255]), st.integers(0, 255))) for _ in range(3)]
    wide, low, high = draw(st.booleans()), 0, 255
    if wide:
        low, high = fixedpoint.S16_MIN, fixedpoint.S16_MAX
    elif draw(st.booleans()):
        low, high = sorted(draw(st.tuples(st.integers(0, 255), st.integers(0, 255))))
    header = [0 if wide else draw(st.integers(0, 255)), low, high]
    form = draw(st.sampled_from([requantize.HIGH, requantize.HIGH, requantize.SMALL_SHIFT]))
    m = draw(st.integers(fixedpoint.WIDE_MIN, fixedpoint.WIDE_END - 1))
    s = draw(st.integers(26, 34) if form == requantize.HIGH else st.integers(20, 40))
    span = 2 * 255 * 255 * g.depth
    # from scores that are all alike to one that is all
    step = Fraction(10.0 ** draw(st.floats(-9, 2))) / draw(st.sampled_from([1, g.depth]))
    rule = softmax.distances(step, span + (1 << 20))
    curve = draw(st.sampled_from([one.curve for one in EXPONENTIALS.values()]))
    scores = (*g.outer, g.rows, g.keys)
    options: dict[str, Any] = {"curve": tuple(curve)}
    tables: list[Any] = []
    bias, valid, memory = np.zeros(1, np.int64), np.ones(1, bool), [q_memory, k_memory, v_memory]

    def spread(own: tuple[int, ...], row_bytes: int) -> Strided:
        steps = [row_bytes * int(np.prod(own[d + 1 : -1])) if n > 1 else 0 for d, n in enumerate(own[:-1])]
        return Strided(0, steps[-1], 0, 1, 0, tuple(steps[:-1]))

    def part() -> tuple[int, ...]:
        return (*(n if draw(st.booleans()) else 1 for n in scores[:-1]), g.keys)

    row_bytes = attention.padded(g.keys)
    kinds = ["none", "none", "bias", "mask", "computed", "computed and bias", "computed and mask"]
    kind = draw(st.sampled_from(kinds))
    if "bias" in kind:
        bias = rng.integers(-(1 << 20), 1, part())
        tables.append(attention.pack_table(bias, np.int32))
        options["bias"] = spread(bias.shape, 4 * row_bytes)
    share = draw(st.sampled_from([0.0, 0.1, 0.9, 1.0]))
    if "mask" in kind:
        valid = rng.random(part()) >= share
        tables.append(attention.pack_table(np.where(valid, 0, NEVER), np.int32))
        tables.append(attention.pack_table(-valid.astype(np.int8), np.int8))
        options |= {"bias": spread(valid.shape, 4 * row_bytes), "mask": spread(valid.shape, row_bytes)}
        options["mask_offset"] = tables[0].size
    if "computed" in kind:
        bytes_ = rng.integers(1, 256, (g.images, g.keys + 7)) * (rng.random((g.images, g.keys + 7)) >= share)
        memory.append((np.concatenate([bytes_.astype(np.uint8).reshape(-1), np.ones(64, np.uint8)]), 0))
        valid = valid & (bytes_[:, : g.keys] != 0).reshape(g.images, *[1] * len(g.outer), 1, g.keys)
        options["valid"] = Strided(1, 0, g.keys + 7, 1, 0, (0,) * len(g.outer))
    out, steps, size = g.strides(g.rows, g.width)
    if wide:  # the high bytes of all images behind the low ones
        out = Strided(1, out.row, out.image, 1, size + 16, out.outer)
    spec = attention.AttentionSpec(
        rows=g.rows,
        keys=g.keys,
        depth=g.depth,
        width=g.width,
        unit_rows=draw(st.integers(1, g.rows)),
        q=q_lies,
        k=k_lies,
        v=v_lies,
        out=out,
        form=form,
        clamp=requantize.clamps(low, high, wide=wide),
        outer=g.outer,
        **options,
    )
    made = attend(q, k, v, bias, valid, rule, curve, zeros, m, s, header)
    before = rng.integers(0, 256, 2 * size + 64, np.uint8)
    expected = before.copy()
    planes = fixedpoint.planes(made.astype(np.int16 if wide else np.uint8))
    for i, plane in enumerate(planes):
        kernels.view(expected, 3 + i * out.plane, made.shape, steps)[:] = plane
    params = attention.pack_params(rule, zeros[0], zeros[2], m, s, header)
    weights = np.concatenate(tables) if tables else np.zeros(64, np.int8)
    return kernels.Case(
        spec, memory, before=before, expected=expected, out_offset=3, weights=weights, params=params, images=g.images
    )


@examples(3)
@given(st.data())
def test_attention_equals_its_op(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([case(kernels, data.draw, rng) for _ in range(8)], rng, every_level=True)


@examples(2)
@given(st.data())
def test_attention_on_emulated_tiles(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check_emulated([case(kernels, data.draw, rng) for _ in range(12)], rng)
