"""Random products of two computed matrices as `qi.matmul`, for `selected.py`."""

from dataclasses import dataclass
from typing import Any

from support.ptx.layers import i64, i64s
from support.ptx.selected import Selected, activation, selected
from torch_mlir import ir

from dyadic.dialects import qi


@dataclass(frozen=True)
class Matmul:
    """[heads, rows, depth] times [heads, depth, columns]; heads may be between rows and columns in memory."""

    rows: int
    depth: int
    columns: int
    heads: int = 0  # 0: matrices alone
    apart: bool = False  # heads are slices of rows
    zeros: tuple[int, int] = (7, 130)
    out_bits: int = 8
    shift: int = 0  # more than what suits

    def selected(self) -> Selected:
        a, b, out = [1, self.rows, self.depth], [1, self.depth, self.columns], [1, self.rows, self.columns]
        if self.heads:
            for dims in (a, b, out):
                dims.insert(1, self.heads)
        kinds = [activation(dims, 8, zero) for dims, zero in zip((a, b), self.zeros, strict=True)]
        moved = [self._moved(dims) for dims in (a, b)] if self.apart else [a, b]
        made = [activation(dims, 8, zero) for dims, zero in zip(moved, self.zeros, strict=True)]

        def build(values: list[ir.Value]) -> Any:
            operands = values
            if self.apart:
                operands = [
                    qi.TransposeOp(x=v, permutation=i64s([0, 2, 1, 3]), out=ir.Type.parse(kind)).out
                    for v, kind in zip(values, kinds, strict=True)
                ]
            scale = 100 * 100 * self.depth**0.5 / (20000 if self.out_bits == 16 else 60)
            shift = max(2, 30 + int(scale).bit_length()) + self.shift
            low, high = (-32768, 32767) if self.out_bits == 16 else (0, 255)
            op = qi.MatmulOp(
                a=operands[0], b=operands[1], multiplier=i64(1 << 30 | 12345), shift=i64(shift), low=i64(low),
                high=i64(high), acc=i64s([-(1 << 30), 1 << 30]), out=ir.Type.parse(activation(out, self.out_bits, 100)),
            )  # fmt: skip
            if self.apart:
                back = activation(self._moved(out), self.out_bits, 100)
                qi.TransposeOp(x=op.out, permutation=i64s([0, 2, 1, 3]), out=ir.Type.parse(back))
            return op

        return selected(made, build)

    @staticmethod
    def _moved(dims: list[int]) -> list[int]:
        return [dims[0], dims[2], dims[1], dims[3]]
