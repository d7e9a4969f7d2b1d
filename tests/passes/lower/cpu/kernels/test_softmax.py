"""A softmax that stands alone gives the bits of `qi.softmax`, whatever its rows hold and wherever they lie."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.effort import examples
from support.row_tensors import Tensor, rows_of

from dyadic.dialects import tabulated_softmax as rule
from dyadic.passes.lower.cpu.kernels.families import softmax
from dyadic.passes.lower.cpu.kernels.vocabulary import requantize

LENGTHS = [1, 2, 3, 15, 17, 33, 63, 64, 65, 197, 320, 1000]


def case(kernels: Any, draw: Any, rng: np.random.Generator, n: int) -> Any:
    sizes = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 5)), n)
    wide_x, wide_out = draw(st.booleans()), draw(st.booleans())
    x, out = Tensor(draw, rng, sizes, wide_x), Tensor(draw, rng, sizes, wide_out)
    low, high = (-32768, 32767) if wide_x else (0, 255)
    values = rows_of(rng, int(np.prod(sizes[:-1])), n, low, high).reshape(sizes)
    x.write(kernels.view, values, wide_x)
    # from rows in which all are alike to rows in which one is all
    table = rule.table(Fraction(10.0 ** draw(st.floats(-7, 1))), wide=wide_x)
    m, s = draw(st.integers(1 << 30, (1 << 31) - 1)), draw(st.sampled_from([2, 15, 23, 30, 40, 62]))
    least, most = (-32768, 32767) if wide_out else (0, 255)
    if draw(st.booleans()):
        least, most = sorted(int(v) for v in rng.integers(least, most + 1, 2))
    header = [0 if wide_out else draw(st.sampled_from([0, 0, 7, 255])), least, most]
    made = np.clip(rule.softmax(table, values, m, s) + header[0], *header[1:])
    before = out.bytes.copy()
    out.write(kernels.view, made, wide_out)
    spec = softmax.SoftmaxSpec(
        rows=sizes[2],
        channels=n,
        unit_rows=draw(st.integers(1, sizes[2])),
        x=x.strided,
        out=out.strided,
        clamp=requantize.clamps(least, most, wide=wide_out),
        outer=sizes[1:2],
    )
    data = {"weights": softmax.pack_table(table), "params": softmax.pack_params(m, s, header)}
    memory = [(x.bytes, x.offset)]
    return kernels.Case(spec, memory, before, out.bytes, out_offset=out.offset, images=sizes[0], **data)


@examples(2)
@given(st.data())
def test_softmax_equals_its_op(kernels: Any, data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    kernels.check([case(kernels, data.draw, rng, n) for n in LENGTHS], rng)
