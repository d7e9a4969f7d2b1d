"""Random `qi.attention`, for `selected.py`."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from support.ptx.layers import i64, i64s
from support.ptx.selected import Selected, activation, constant, selected
from torch_mlir import ir

from dyadic.dialects import integer_softmax, qi
from dyadic.dialects.qi.attention import NEVER

BITS = "!quant.uniform<u8<0:1>:f32, 1.0>"


@dataclass(frozen=True)
class Attention:
    """q [heads, rows, depth], k [heads, keys, depth], v [heads, keys, width]."""

    rows: int
    keys: int
    depth: int
    width: int
    heads: int = 1
    apart: bool = False  # heads are slices of rows
    bias: str = ""  # "keys", "rows" or "heads": what it is different for
    causal: bool = False  # keys behind the row's never count
    mask: str = ""  # "constant", or "computed": of each image, the same for all heads
    zeros: tuple[int, int, int] = (120, 130, 7)
    out_bits: int = 8
    curve: bool = False  # another one than the exponential's

    def selected(self, seed: int = 0) -> Selected:
        sizes = (self.rows, self.depth), (self.keys, self.depth), (self.keys, self.width)
        kinds = [activation([1, self.heads, *each], 8, zero) for each, zero in zip(sizes, self.zeros, strict=True)]
        given = kinds
        if self.apart:
            given = [activation([1, n, self.heads, d], 8, zero) for (n, d), zero in zip(sizes, self.zeros, strict=True)]
        computed = [f"tensor<1x1x1x{self.keys}x{BITS}>"] if self.mask == "computed" else []
        random = np.random.default_rng(seed)
        out = [1, self.heads, self.rows, self.width]

        def build(values: list[ir.Value]) -> Any:
            operands = values[:3]
            if self.apart:
                operands = [
                    qi.TransposeOp(x=v, permutation=i64s([0, 2, 1, 3]), out=ir.Type.parse(kind)).out
                    for v, kind in zip(operands, kinds, strict=True)
                ]
            valid = np.ones([1, 1, 1, self.keys], np.int8)
            if self.mask == "constant":
                valid = random.integers(0, 2, [1, 1, 1, self.keys]).astype(np.int8)
            rule = integer_softmax.distances(Fraction(1, 300 * int(self.depth**0.5 * 8)), 1 << 24)
            op = qi.AttentionOp(
                q=operands[0], k=operands[1], v=operands[2], bias=constant(self._bias(random)),
                valid=values[3] if computed else constant(valid, BITS), acc=i64s([-(1 << 30), 1 << 30]),
                distance_multiplier=i64(rule.multiplier), distance_shift=i64(rule.shift), farthest=i64(rule.farthest),
                multiplier=i64(1 << 30 | 54321), shift=i64(22 if self.out_bits == 16 else 29),
                low=i64(-32768 if self.out_bits == 16 else 0), high=i64(32767 if self.out_bits == 16 else 255),
                out=ir.Type.parse(activation(out, self.out_bits, 100)),
            )  # fmt: skip
            if self.curve:
                op.operation.attributes["curve"] = i64s([65280, 40000, 9000])
            if self.apart:
                back = activation([1, self.rows, self.heads, self.width], self.out_bits, 100)
                qi.TransposeOp(x=op.out, permutation=i64s([0, 2, 1, 3]), out=ir.Type.parse(back))
            return op

        return selected([*given, *computed], build)

    def _bias(self, random: np.random.Generator) -> np.ndarray:
        dims = {
            "": [1], "keys": [1, 1, 1, self.keys], "rows": [1, 1, self.rows, self.keys],
            "heads": [1, self.heads, 1, self.keys],
        }[self.bias]  # fmt: skip
        bias = random.integers(-90000, 90000, dims) if self.bias else np.zeros(dims, int)
        if self.causal:
            later = np.arange(self.keys) > np.arange(self.rows)[:, None]
            bias = np.where(later, NEVER, bias)
        return bias.astype(np.int32)
