"""What every conversion from `qd` to `qi` has at hand: converted values, constants, moves.

Every value keeps the model's dimensions in the model's order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir
from torch_mlir.dialects import quant

from dyadic.dialects import qd, qi
from dyadic.dialects.tensor_types import is_wide, known_activation, quantized_bounds, shape
from dyadic.dialects.weight_groups import GROUP, GROUP_SCALES
from dyadic.passes.by_kind import ByKind
from dyadic.passes.integerize.products import Product
from dyadic.passes.integerize.quantization import Activation, value_activation
from dyadic.passes.integerize.weight_scheme import LARGEST_GROUPED
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import ModelError


@dataclass(frozen=True)
class Target:
    """What a converted op must make: its quantization, the clamp (of its own or fused) in steps, and whether the model
    itself gives that quantization."""

    activation: Activation
    low: int
    high: int
    given: bool = False


Converter = Callable[["Conversion", Any, Target], ir.Value]
converts = ByKind[Converter]()  # how ops of these kinds become `qi`
converts_island = ByKind[Converter]()  # how layers of these kinds become float islands


class Conversion:
    """The values converted so far, and builders that work at the current insertion point and location."""

    def __init__(self) -> None:
        self.values: dict[ir.Value, ir.Value] = {}
        self.ids: dict[ir.Value, ir.Value] = {}  # arguments that number rows of tables, as `qi.ids` makes them
        # images that were flattened pixel by pixel, with their (C, H, W): weights are grouped so, and their readers
        # permute them
        self.flattened: dict[ir.Value, tuple[int, int, int]] = {}

    def get(self, value: ir.Value) -> ir.Value:
        """The `qi` value for a `qd` value; a constant becomes one of its own range and width."""
        if value not in self.values:
            op = defining(value)
            assert isinstance(op, qd.ConstantOp), f"{value} was read before it was converted"
            data = constant_array(op, value)
            self.values[value] = self.constant_activation(data, value_activation(value))
        return self.values[value]

    def constant_activation(self, data: npt.NDArray[Any], kind: Activation) -> ir.Value:
        """A `qi.constant` that holds `data`."""
        steps = np.ascontiguousarray(kind.steps(data))
        return qi.ConstantOp(value=dense(steps), out=kind.tensor(list(steps.shape))).out

    def weight(self, product: Product) -> ir.Value:
        """The signed `qi.constant` of a layer's weights, one scale an output channel; groups beside it."""
        scheme, scales = product.scheme, [float(s) for s in product.scales]
        bits, largest = (8, LARGEST_GROUPED) if scheme.group else (scheme.bits, scheme.largest)
        storage = ir.IntegerType.get_signless(bits)
        smallest = -largest - (scheme.imported and int(product.weight.min()) < -largest)
        element = quant.UniformQuantizedPerAxisType.get(
            1, storage, ir.F32Type.get(), scales, [0] * len(scales), 0, smallest, largest
        )
        kind = ir.RankedTensorType.get(list(product.weight.shape), element)
        constant = qi.ConstantOp(value=dense(product.weight), out=kind)
        if scheme.group_scales is not None:
            runs = product.weight.shape[1:-1] if product.weight.ndim == 4 else scheme.group_scales.shape[1:2]
            sizes = (len(product.weight), *runs, -1)
            constant.operation.attributes[GROUP] = i64(scheme.group)
            constant.operation.attributes[GROUP_SCALES] = dense(scheme.group_scales.astype(np.int8).reshape(sizes))
        return constant.out

    def bias(self, product: Product) -> ir.Value:
        """The i32 `qi.constant` of a layer's folded bias."""
        value = dense(product.bias)
        return qi.ConstantOp(value=value, out=value.type).out

    def permute(self, x: ir.Value, order: list[int]) -> ir.Value:
        """Dimension `d` of the result is dimension `order[d]` of x; a reshape where only sizes of 1 change places."""
        sizes = shape(x)
        result, kept = [sizes[d] for d in order], [d for d in order if sizes[d] != 1]
        if kept == sorted(kept):
            return self.reshape(x, result)
        return qi.TransposeOp(x=x, permutation=i64s(order), out=activation_of(x).tensor(result)).out

    def reshape(self, x: ir.Value, sizes: list[int]) -> ir.Value:
        """The same numbers in the same order under another shape."""
        return x if shape(x) == sizes else qi.ReshapeOp(x=x, out=activation_of(x).tensor(sizes)).out


def activation_of(value: ir.Value) -> Activation:
    """Scale, zero point and width of a `qi` activation."""
    kind = known_activation(value)
    return Activation(kind.scale, kind.zero_point, 16 if is_wide(value) else quantized_bounds(value)[1].bit_length())


def constant_array(reader: Any, value: ir.Value) -> npt.NDArray[np.float64]:
    """The numbers of a `qd.constant` that `reader` reads, e.g. a layer's bias.

    Raises:
        ModelError: the value is computed at run time.
    """
    return stored_array(reader, value).astype(np.float64)


def stored_array(reader: Any, value: ir.Value) -> npt.NDArray[np.float32]:
    """The same as it is stored, e.g. a layer's weights, which may be many; not to be written into."""
    op = defining(value)
    if not isinstance(op, qd.ConstantOp):
        raise ModelError(f"{layer_name(reader)}: needs constant weights, but they are computed by the model.")
    return np.array(op.value, copy=False)


def dense(array: npt.NDArray[Any]) -> ir.DenseElementsAttr:
    """An array as an attribute of the same element type."""
    return ir.DenseElementsAttr.get(np.ascontiguousarray(array))


def i64(value: int) -> ir.IntegerAttr:
    """A 64-bit integer attribute."""
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)


def i64s(values: list[int] | tuple[int, ...]) -> ir.DenseI64ArrayAttr:
    """An attribute `array<i64: ...>`."""
    return ir.DenseI64ArrayAttr.get(list(values))


def i32s(values: list[int] | tuple[int, ...]) -> ir.DenseI32ArrayAttr:
    """An attribute `array<i32: ...>`."""
    return ir.DenseI32ArrayAttr.get(list(values))
