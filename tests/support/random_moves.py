"""Random `qd` graphs of tensors of any rank: moves, broadcasts of both operands, and here and there a layer."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.dialects import qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import building
from dyadic.passes.building import constant

MOST = 700  # elements of a tensor
RANKS = (2, 3, 4, 4, 5, 6, 7)  # with the batch


class Moves:
    """A function under construction: any value may be read again."""

    def __init__(self, random: np.random.Generator, x: ir.Value) -> None:
        self.random, self.values = random, [x]

    def pick(self) -> ir.Value:
        """Mostly the newest."""
        recent = self.values[-1] if self.random.random() < 0.7 else self.values[self.below(len(self.values))]
        return recent

    def below(self, count: int) -> int:
        return int(self.random.integers(count))

    def factors(self, total: int, rank: int) -> list[int]:
        """`rank` sizes whose product is `total`."""
        dims = []
        for _ in range(rank - 1):
            divisors = [n for n in range(1, total + 1) if total % n == 0 and n <= 8]
            dims.append(divisors[self.below(len(divisors))])
            total //= dims[-1]
        return [int(n) for n in self.random.permutation([*dims, total])]

    def reshape(self, x: ir.Value) -> ir.Value:
        rank = RANKS[self.below(len(RANKS))] - 1
        return building.reshape(x, [1, *self.factors(prod(shape(x)), rank)])

    def transpose(self, x: ir.Value) -> ir.Value:
        order = [int(d) + 1 for d in self.random.permutation(len(shape(x)) - 1)]
        return building.transpose(x, [0, *order])

    def slice_(self, x: ir.Value) -> ir.Value:
        dims = shape(x)[1:]
        starts, steps = [self.below(n) for n in dims], [1 + self.below(2) for _ in dims]
        counts = [-(-(n - s) // step) for n, s, step in zip(dims, starts, steps, strict=True)]
        return building.slice_(x, [0, *starts], [1, *steps], [1, *counts])

    def repeat(self, x: ir.Value) -> ir.Value:
        return building.repeat(x, [1, *(1 + self.below(2) for _ in shape(x)[1:])])

    def take(self, x: ir.Value) -> ir.Value:
        axis = 1 + self.below(len(shape(x)) - 1)
        places = [self.below(shape(x)[axis]) for _ in range(1 + self.below(6))]
        return building.take(x, axis, sorted(places) if self.below(2) else places)

    def pad(self, x: ir.Value) -> ir.Value:
        low, high = ([0, *(self.below(2) for _ in shape(x)[1:])] for _ in range(2))
        return building.pad(x, low, high, [0.0, 0.7][self.below(2)])

    def concat(self, x: ir.Value) -> ir.Value:
        axis = 1 + self.below(len(shape(x)) - 1)
        return building.concat([x, self.activation(x), x][: 2 + self.below(2)], axis)

    def activation(self, x: ir.Value) -> ir.Value:
        kinds = [qd.SigmoidOp, qd.TanhOp]
        return building.unary(kinds[self.below(2)], x) if self.random.random() < 0.6 else building.clamp(x, -0.5, 2.0)

    def means(self, x: ir.Value) -> ir.Value:
        """Of some dimensions, which stay with size 1."""
        rank = len(shape(x))
        axes = {1 + self.below(rank - 1) for _ in range(1 + self.below(rank - 1))}
        return building.reduce_mean(x, sorted(axes), True)

    def broadcast(self, x: ir.Value) -> ir.Value:
        """With means of itself, sometimes on both sides, or with a constant of the same or a lower rank."""
        kind = [qd.AddOp, qd.SubOp, qd.MulOp][self.below(3)]
        which = self.below(3)
        if which == 0:
            dims = [n if self.random.random() < 0.5 else 1 for n in shape(x)[1:]]
            dims = dims[self.below(len(dims)) :] if self.random.random() < 0.3 else [1, *dims]
            other = constant(self.random.standard_normal(dims).astype(np.float32))
        else:
            other = self.means(x)
        pair = [self.means(x) if which == 2 else x, other]
        return building.elementwise(kind, *(pair if self.random.random() < 0.5 else pair[::-1]))

    def linear(self, x: ir.Value) -> ir.Value:
        depth, out = shape(x)[-1], 1 + self.below(6)
        weight = self.random.standard_normal((out, depth)).astype(np.float32) / depth**0.5
        return building.linear(x, constant(weight), constant(self.random.standard_normal(out).astype(np.float32)))

    def window(self, x: ir.Value) -> ir.Value:
        """A convolution or a pool, of images."""
        if len(shape(x)) != 4:
            return self.transpose(x)
        _, channels, *size = shape(x)
        if self.random.random() < 0.3:
            kernel = [min(2, n) for n in size]
            out = [n // k for n, k in zip(size, kernel, strict=True)]
            return building.max_pool(x, kernel, kernel, [0] * 4, [1, 1], out)
        weight = self.random.standard_normal((1 + self.below(8), channels, 3, 3)).astype(np.float32) / channels
        bias = self.random.standard_normal(len(weight)).astype(np.float32)
        return building.conv2d(x, constant(weight), constant(bias), [1, 1], [1] * 4, [1, 1], 1)


LAYERS: tuple[Callable[[Moves, ir.Value], ir.Value], ...] = (
    Moves.reshape,
    Moves.reshape,
    Moves.reshape,
    Moves.transpose,
    Moves.transpose,
    Moves.transpose,
    Moves.slice_,
    Moves.repeat,
    Moves.take,
    Moves.pad,
    Moves.concat,
    Moves.activation,
    Moves.broadcast,
    Moves.broadcast,
    Moves.broadcast,
    Moves.linear,
    Moves.window,
    Moves.window,
)


def grow(seed: int, layers: int) -> ir.Module:
    """A `qd` module of one argument and two results; needs a current context."""
    random = np.random.default_rng(seed)
    with ir.Location.unknown():
        module = ir.Module.create()
        dims = [1, *(int(n) for n in random.integers(1, 7, RANKS[int(random.integers(len(RANKS)))] - 1))]
        dims = dims if prod(dims) <= MOST else dims[:5]
        with ir.InsertionPoint(module.body):
            function = func.FuncOp("main", ir.FunctionType.get([building.tensor_type(dims)], []))
        block = function.add_entry_block()
        moves = Moves(random, block.arguments[0])
        with ir.InsertionPoint(block):
            while len(moves.values) <= layers:
                made = LAYERS[moves.below(len(LAYERS))](moves, moves.pick())
                if prod(shape(made)) <= MOST:
                    moves.values.append(made)
            results: Sequence[ir.Value] = [moves.values[-1], moves.values[moves.below(layers) + 1]]
            func.return_(list(results))
        kind = ir.FunctionType.get([building.tensor_type(dims)], [v.type for v in results])
        function.operation.attributes["function_type"] = ir.TypeAttr.get(kind)
    return module
