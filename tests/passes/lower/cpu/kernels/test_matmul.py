"""Products of two computed tensors give the bits of `qi.matmul`, wherever their rows lie."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples

from dyadic.passes.lower.cpu.kernels.families import matmul
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize
from dyadic.passes.lower.memory.strided import Strided
from dyadic.runtime import fixedpoint

ROWS = [1, 2, 5, 13, 14, 15, 29, 40]
SIZES = [1, 2, 3, 4, 7, 15, 16, 17, 31, 33, 64, 100, 197]
FORMS = {requantize.HIGH: (33, 53), requantize.WIDE: (32, 62), requantize.SMALL_SHIFT: (2, 31)}


class Grid:
    """A random product: [image, outer.., row, column]."""

    def __init__(self, kernels: Any, draw: Any, rng: np.random.Generator) -> None:
        self.kernels, self.draw, self.rng = kernels, draw, rng
        self.images = draw(st.integers(1, 2))
        self.outer = tuple(draw(st.sampled_from([(), (1,), (3,), (2, 2)])))

    def strides(self, rows: int, columns: int, *, wide: bool = False) -> tuple[Strided, list[int], int]:
        """Matrices one after the other, or beside each other in rows; numpy's strides; bytes of all."""
        gap, count = self.draw(st.sampled_from([0, 3, 8])), int(np.prod(self.outer))
        inner = [int(np.prod(self.outer[d + 1 :])) for d in range(len(self.outer))]
        if self.draw(st.booleans()):
            row, steps = columns + gap, [n * (columns + gap) * rows for n in inner]
            image = row * rows * count + gap
        else:
            row, steps = columns * count + gap, [n * columns for n in inner]
            image = row * rows + gap
        plane = self.images * image + 16 if wide else 0
        return Strided(1, row, image, 1, plane, tuple(steps)), [image, *steps, row, 1], self.images * image

    def operand(self, rows: int, columns: int) -> tuple[tuple[Any, int], Strided, Any]:
        lies, steps, size = self.strides(rows, columns)
        kind = self.draw(st.sampled_from(["any", "any", "ends", "one"]))
        pick = {"any": range(256), "ends": [0, 255], "one": [int(self.rng.integers(256))]}[kind]
        buffer = self.rng.choice(np.array(pick, np.uint8), size + 9 + 64)
        view = self.kernels.view(buffer, 9, (self.images, *self.outer, rows, columns), steps)
        return (buffer, 9), lies, view.astype(np.int64)


def case(kernels: Any, draw: Any, rng: np.random.Generator) -> Any:
    g = Grid(kernels, draw, rng)
    rows, depth, columns = draw(st.sampled_from(ROWS)), draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
    (a_memory, a_lies, a), (b_memory, b_lies, b) = g.operand(rows, depth), g.operand(depth, columns)
    zero_a, zero_b = (draw(st.sampled_from([0, 128, 255, int(rng.integers(256))])) for _ in range(2))
    wide = draw(st.booleans())
    low, high = (fixedpoint.S16_MIN, fixedpoint.S16_MAX) if wide else (0, 255)
    if draw(st.booleans()):
        low, high = sorted(int(v) for v in rng.integers(low, high + 1, 2))
    header = [0 if wide else draw(st.integers(0, 255)), low, high]
    form = draw(st.sampled_from(list(FORMS)))
    m = draw(st.one_of(st.just(0), st.integers(fixedpoint.WIDE_MIN, fixedpoint.WIDE_END - 1)))
    s = draw(st.one_of(st.sampled_from(FORMS[form]), st.integers(FORMS[form][0], min(FORMS[form][1], 48))))
    made = fixedpoint.requant((a - zero_a) @ (b - zero_b), m, s, *header)
    out, steps, size = g.strides(rows, columns, wide=wide)
    spec = matmul.MatmulSpec(
        rows=rows,
        depth=depth,
        columns=columns,
        unit_rows=draw(st.integers(1, rows)),
        a=a_lies,
        b=b_lies,
        out=out,
        form=form,
        clamp=requantize.clamps(low, high, wide=wide),
        left_moved=zero_a != 0,
        right_moved=zero_b != 128,
        outer=g.outer,
    )
    before = rng.integers(0, 256, 2 * size + 64, np.uint8)
    expected = before.copy()
    for i, plane in enumerate(fixedpoint.planes(made.astype(np.int16 if wide else np.uint8))):
        kernels.view(expected, 3 + i * out.plane, made.shape, steps)[:] = plane
    params = matmul.pack_params(spec, m, s, zero_a, zero_b, header)
    memory = [a_memory, b_memory]
    return kernels.Case(spec, memory, before, expected, out_offset=3, params=params, images=g.images)


@examples(2)
@given(st.data())
def test_a_product_equals_its_op(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([case(kernels, data.draw, rng) for _ in range(12)], rng, every_level=True)
