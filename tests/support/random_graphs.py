"""Random `qd` graphs of every op the integer pipeline knows: odd sizes, strides, groups, paddings, extreme weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.dialects import qd
from dyadic.dialects.reference import run_qd
from dyadic.dialects.tensor_types import shape
from dyadic.passes import PIPELINE, building, usual
from dyadic.passes.building import constant, window_count


@dataclass
class Grower:
    """A function under construction: `images` are rank-4 values that later layers may read."""

    random: np.random.Generator
    images: list[ir.Value] = field(default_factory=list)
    layers: int = 0

    def pick(self) -> ir.Value:
        return self.images[int(self.random.integers(len(self.images)))]

    def integers(self, low: int, high: int, count: int) -> list[int]:
        return [int(v) for v in self.random.integers(low, high, count)]

    def weights(self, *dims: int) -> np.ndarray:
        w = self.random.standard_normal(dims).astype(np.float32) / max(1.0, float(np.prod(dims[1:])) ** 0.5)
        kind = self.random.integers(6)
        if kind == 0:
            w[self.random.integers(dims[0])] = 0.0  # a dead channel
        elif kind == 1:
            w[self.random.integers(dims[0])] *= 1e-9  # a nearly dead one
        elif kind == 2:
            w = np.sign(w) * np.float32(0.5)  # every weight at the end of its range
        return w

    def add(self, value: ir.Value) -> None:
        self.images.append(value)

    # --- layers

    def conv(self) -> None:
        x = self.pick()
        channels, size = shape(x)[1], shape(x)[2:]
        groups = int(self.random.choice([g for g in (1, 1, 1, 2, 3, channels) if channels % g == 0]))
        out = (
            channels if groups == channels and self.random.random() < 0.7 else groups * int(self.random.integers(1, 12))
        )
        kernel = [int(self.random.integers(1, min(5, n) + 1)) for n in size]
        dilation = [int(self.random.integers(1, 3)) if n > 2 * k else 1 for n, k in zip(size, kernel, strict=True)]
        weight = self.weights(out, channels // groups, *kernel)
        bias = self.random.standard_normal(out).astype(np.float32) * float(self.random.choice([0.1, 1.0, 30.0]))
        padding, strides = self.integers(0, 3, 4), self.integers(1, 4, 2)
        made = building.conv2d(x, constant(weight), constant(bias), strides, padding, dilation, groups)
        self.add(made if self.random.random() < 0.4 else self.clamped(made))

    def residual(self) -> None:
        x = self.pick()
        channels = shape(x)[1]
        weight = self.weights(channels, channels, 3, 3)
        bias = self.random.standard_normal(channels).astype(np.float32)
        made = building.conv2d(x, constant(weight), constant(bias), [1, 1], [1, 1, 1, 1], [1, 1], 1)
        pair = (made, x) if self.random.random() < 0.5 else (x, made)
        kind = qd.SubOp if self.random.random() < 0.3 else qd.AddOp
        total = building.elementwise(kind, *pair)
        self.add(total if self.random.random() < 0.3 else self.clamped(total))

    def clamped(self, x: ir.Value) -> ir.Value:
        low, high = [(0.0, np.inf), (0.0, 6.0), (-1.0, 1.0), (0.5, 2.0)][int(self.random.integers(4))]
        return building.clamp(x, low, high)

    def clamp(self) -> None:
        self.add(self.clamped(self.pick()))

    def activation(self) -> None:
        x = self.pick()
        kinds = [qd.SigmoidOp, qd.TanhOp, qd.SiluOp, qd.HardSwishOp]
        choice = int(self.random.integers(len(kinds) + 2))
        if choice < len(kinds):
            self.add(building.unary(kinds[choice], x))
        else:
            alpha = float(self.random.uniform(0.05, 0.3))
            self.add(building.leaky_relu(x, alpha) if choice == len(kinds) else building.hard_sigmoid(x, alpha, 0.5))

    def squeeze_excite(self) -> None:
        x = self.pick()
        gate = building.unary(qd.SigmoidOp, building.reduce_mean(x, [2, 3], True))
        self.add(
            building.elementwise(qd.MulOp, x, gate)
            if self.random.random() < 0.5
            else building.elementwise(qd.MulOp, gate, x)
        )

    def pair(self) -> None:
        x = self.pick()
        same = [v for v in self.images if shape(v) == shape(x)]
        other = same[int(self.random.integers(len(same)))]
        kind = [qd.AddOp, qd.SubOp, qd.MulOp][int(self.random.integers(3))]
        self.add(building.elementwise(kind, x, other))

    def with_constant(self) -> None:
        x = self.pick()
        values = self.random.standard_normal(shape(x)).astype(np.float32)
        self.add(building.elementwise([qd.AddOp, qd.MulOp][int(self.random.integers(2))], x, constant(values)))

    def scale_shift(self) -> None:
        x = self.pick()
        channels = shape(x)[1]
        self.add(
            building.scale_shift(x, self.random.uniform(-2, 2, channels), self.random.standard_normal(channels), 1)
        )

    def concat(self) -> None:
        x = self.pick()
        same = [v for v in self.images if shape(v)[2:] == shape(x)[2:]][:4]
        self.add(building.concat(same if len(same) > 1 else [x, x], 1))

    def concat_rows(self) -> None:
        x = self.pick()
        self.add(building.concat([x, self.clamped(x)], int(self.random.integers(2, 4))))

    def slice_(self) -> None:
        x = self.pick()
        dims = shape(x)[1:]
        starts = [int(self.random.integers(n)) for n in dims]
        steps = self.integers(1, 3, 3)
        counts = [-(-(n - s) // step) for n, s, step in zip(dims, starts, steps, strict=True)]
        self.add(building.slice_(x, [0, *starts], [1, *steps], [1, *counts]))

    def channels(self) -> None:
        x = self.pick()
        dims = shape(x)
        first = int(self.random.integers(dims[1]))
        self.add(building.slice_(x, [0, first, 0, 0], [1, 1, 1, 1], [1, dims[1] - first, *dims[2:]]))

    def pad(self) -> None:
        low, high = self.integers(0, 2, 3), self.integers(0, 3, 3)
        self.add(building.pad(self.pick(), [0, *low], [0, *high], float(self.random.choice([0.0, 0.7, -50.0]))))

    def pool(self) -> None:
        x = self.pick()
        size = shape(x)[2:]
        kernel = [int(self.random.integers(1, min(4, n) + 1)) for n in size]
        strides = self.integers(1, 3, 2)
        padding = [int(self.random.integers(0, k // 2 + 1)) for k in (*kernel, *kernel)]
        ceil = bool(self.random.integers(2))
        out = [window_count(size[d], kernel[d], strides[d], padding[d], padding[d + 2], 1, ceil=ceil) for d in range(2)]
        if self.random.random() < 0.5:
            self.add(building.max_pool(x, kernel, strides, padding, [1, 1], out))
        else:
            self.add(building.avg_pool(x, kernel, strides, padding, bool(self.random.integers(2)), out))

    def transpose(self) -> None:
        order = [int(d) + 1 for d in self.random.permutation(3)]
        self.add(building.transpose(self.pick(), [0, *order]))

    def reshape(self) -> None:
        x = self.pick()
        _, c, h, w = shape(x)
        self.add(building.reshape(x, [[1, c, w, h], [1, h * w, c, 1], [1, c * h, 1, w]][int(self.random.integers(3))]))

    def mean(self) -> None:
        axes = sorted({int(a) for a in self.random.integers(1, 4, 2)})
        self.add(building.reduce_mean(self.pick(), axes, True))

    def head(self) -> ir.Value:
        """Flatten and a linear layer: the result of rank 2."""
        x = self.pick()
        count = int(np.prod(shape(x)[1:]))
        flat = building.reshape(x, [1, count])
        out = int(self.random.integers(1, 40))
        bias = self.random.standard_normal(out).astype(np.float32)
        return building.linear(flat, constant(self.weights(out, count)), constant(bias))


LAYERS: tuple[Callable[[Grower], None], ...] = (
    Grower.conv,
    Grower.conv,
    Grower.conv,
    Grower.residual,
    Grower.residual,
    Grower.clamp,
    Grower.activation,
    Grower.squeeze_excite,
    Grower.pair,
    Grower.with_constant,
    Grower.scale_shift,
    Grower.concat,
    Grower.concat_rows,
    Grower.slice_,
    Grower.channels,
    Grower.pad,
    Grower.pool,
    Grower.transpose,
    Grower.reshape,
    Grower.mean,
)


def grow(seed: int, layers: int) -> ir.Module:
    """A `qd` module of about `layers` random layers and two results, [1, F] and [1, C, H, W]."""
    random = np.random.default_rng(seed)
    with ir.Location.unknown():
        module = ir.Module.create()
        dims = [1, int(random.integers(1, 20)), int(random.integers(3, 12)), int(random.integers(3, 12))]
        with ir.InsertionPoint(module.body):
            function = func.FuncOp("main", ir.FunctionType.get([building.tensor_type(dims)], []))
        block = function.add_entry_block()
        grower = Grower(random, [block.arguments[0]])
        with ir.InsertionPoint(block):
            for n in range(layers):
                LAYERS[int(random.integers(len(LAYERS)))](grower) if n else grower.conv()
            results = [grower.head(), grower.images[-1]]
            func.return_(results)
        kind = ir.FunctionType.get([building.tensor_type(dims)], [v.type for v in results])
        function.operation.attributes["function_type"] = ir.TypeAttr.get(kind)
    return module


def write_ranges(module: ir.Module, samples: torch.Tensor) -> None:
    """`qd.range` on the argument and on ops, from one batch; as calibrate does it, none where it is implied."""

    def observe(op: qd.Operator | None, _: str, values: torch.Tensor) -> None:
        bounds = [min(0.0, float(values.min())), max(0.0, float(values.max()))]
        attribute = ir.DenseF64ArrayAttr.get(bounds)
        if op is None:
            function = module.body.operations[0]
            function.operation.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get({qd.RANGE: attribute})])
        elif not op.implied:
            op.operation.attributes[qd.RANGE] = attribute

    with torch.no_grad():
        run_qd(module, {"arg0": samples}, observe)


def graph_with_ranges(seed: int, layers: int) -> tuple[ir.Module, torch.Tensor]:
    """A random `qd` module with ranges, and the two samples that they are of. Needs a current context."""
    module = grow(seed, layers)
    dims = shape(module.body.operations[0].regions[0].blocks[0].arguments[0])
    samples = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, *dims[1:])).astype(np.float32))
    write_ranges(module, samples)
    return module, samples


def write_weight_widths(module: ir.Module, seed: int, schemes: Sequence[int] = (8, 4, 4, 4, 2)) -> None:
    """Another width of weights for most layers, with groups where there are channels to group; 32 is a float island."""
    random, i64 = np.random.default_rng(seed), ir.IntegerType.get_signless(64)
    for op in module.body.operations[0].regions[0].blocks[0].operations:
        if not isinstance(op.opview, qd.Conv2dOp | qd.LinearOp):
            continue
        bits = int(random.choice(schemes))
        op.attributes[qd.WEIGHT_BITS] = ir.IntegerAttr.get(i64, bits)
        if bits == 4 and random.random() < 0.6 and shape(op.opview.weight)[1] > 1:
            op.attributes[qd.WEIGHT_GROUP] = ir.IntegerAttr.get(i64, int(random.choice([16, 32, 64])))


MIXTURES = ([16], [4, 8], [8, 16], [4, 8, 16], [4, 8, 16, 16])


def write_widths(module: ir.Module, random: np.random.Generator, widths: Sequence[int] = ()) -> None:
    """`qd.bits` on the argument and on every op, drawn from `widths`; from one of `MIXTURES` where there are none."""
    kind = ir.IntegerType.get_signless(64)
    widths = widths or MIXTURES[int(random.integers(len(MIXTURES)))]

    def width() -> ir.IntegerAttr:
        return ir.IntegerAttr.get(kind, widths[int(random.integers(len(widths)))])

    function = module.body.operations[0]
    (argument,) = function.operation.attributes["arg_attrs"]
    entries = {named.name: named.attr for named in argument}
    function.operation.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get({**entries, qd.BITS: width()})])
    for op in list(function.regions[0].blocks[0].operations)[:-1]:
        if not isinstance(op.opview, qd.ConstantOp):
            op.attributes[qd.BITS] = width()


def integer_module(
    seed: int, layers: int, *, widths: bool = True, mixed: bool = False, islands: bool = False
) -> tuple[ir.Module, np.ndarray]:
    """A random `qi` module and three float32 samples for it. Needs a current context.

    Its weights are of `widths` or all of 8 bits, its activations of 8 bits or `mixed`, half of its layers `islands`.
    """
    return integers_of(grow(seed, layers), seed, widths=widths, mixed=mixed, islands=islands)


def integers_of(
    module: ir.Module, seed: int, *, widths: bool = True, mixed: bool = False, islands: bool = False
) -> tuple[ir.Module, np.ndarray]:
    """A `qd` module of one argument integerized, and three float32 samples for it."""
    dims = shape(module.body.operations[0].regions[0].blocks[0].arguments[0])
    samples = np.random.default_rng(seed).standard_normal((3, *dims[1:])).astype(np.float32)
    for one in usual("prepare"):
        one.run(module.operation)
    write_ranges(module, torch.from_numpy(samples))
    if mixed:
        write_widths(module, np.random.default_rng(seed))
    if widths:
        write_weight_widths(module, seed, (8, 4, 32, 32)) if islands else write_weight_widths(module, seed)
    for one in PIPELINE["integerize"]:
        one.run(module.operation)
    module.operation.verify()
    samples[1] *= 5.0  # far outside what was calibrated
    return module, samples
