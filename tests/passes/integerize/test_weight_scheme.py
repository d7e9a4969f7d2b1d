"""Widths, groups, scales and steps of weights: what `qd` says of them is what `qi` gets, in the order of its bytes."""

from typing import Any

import numpy as np
import pytest
from torch_mlir import ir
from torch_mlir.dialects import func

from dyadic.dialects import new_context, qd, qi
from dyadic.dialects.weight_groups import GROUP, GROUP_SCALES, factors
from dyadic.passes import building
from dyadic.passes.building import constant
from dyadic.passes.integerize.integerize import integerize
from dyadic.passes.integerize.products import quantize_product
from dyadic.passes.integerize.quantization import Activation
from dyadic.passes.integerize.weight_scheme import Scheme, choose_group_scales
from dyadic.passes.rewriting import defining
from dyadic.runtime.errors import ModelError

X, OUT = Activation(2.0**-7, 128), Activation(2.0**-4, 128)


def layer(kind: str, weight: np.ndarray, attributes: dict[str, Any], image: tuple[int, int, int]) -> tuple[Any, Any]:
    """(the integer layer, its constant of weights) of one layer on an image C x H x W, with these decisions."""
    with ir.Location.name("/layer"):
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            function = func.FuncOp("main", ir.FunctionType.get([building.tensor_type([1, *image])], []))
        with ir.InsertionPoint(function.add_entry_block()):
            x, bias = function.entry_block.arguments[0], constant(np.zeros(len(weight), np.float32))
            if kind == "linear":
                flat = building.reshape(x, [1, int(np.prod(image))])
                made = building.linear(flat, constant(weight), bias)
            else:
                groups = image[0] // weight.shape[1]
                made = building.conv2d(x, constant(weight), bias, [1, 1], [0, 0, 0, 0], [1, 1], groups)
            taken = made
            if kind == "conv_add":
                made = building.elementwise(qd.AddOp, made, x)
                owner(made).attributes["qd.takes_in"] = ir.StringAttr.get("a")
            func.return_([made])
        function.operation.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get([x.type], [made.type]))
        wide = ir.DenseF64ArrayAttr.get([-8.0, 7.9375])
        function.operation.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get({qd.RANGE: wide})])
        for op in function.entry_block.operations:
            op.attributes[qd.RANGE] = wide
        for name, value in attributes.items():
            owner(taken).attributes[name] = (
                ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
                if isinstance(value, int)
                else ir.DenseF64ArrayAttr.get(list(value))
                if name == qd.WEIGHT_SCALE
                else ir.DenseElementsAttr.get(np.ascontiguousarray(value, np.int8))
            )
        integerize.run(module.operation)
        assert module.operation.verify()
        ops = [op.opview for op in module.body.operations[0].regions[0].blocks[0].operations]
        product = next(op for op in ops if isinstance(op, qi.Conv2dOp | qi.ConvAddOp | qi.LinearOp))
        text = str(module)  # ops do not keep their module alive
        return (product.operation.name, text), (np.array(product.weight.owner.opview.value), attributes_of(product))


def owner(value: ir.Value) -> ir.Operation:
    return defining(value).operation


def attributes_of(product: Any) -> dict[str, Any]:
    found = product.weight.owner.attributes
    groups = {name: np.array(found[name]) for name in (GROUP_SCALES,) if name in found}
    return {"type": str(ir.RankedTensorType(product.weight.type).element_type), **groups}


@pytest.mark.parametrize("kind", ["conv2d", "conv_add"])
@pytest.mark.parametrize(("bits", "named"), [(4, "i4<-7:7>"), (2, "i2<-1:1>"), (8, "i8<-127:127>")])
def test_given_steps_and_scales_are_used_as_they_are(kind: str, bits: int, named: str) -> None:
    random, largest = np.random.default_rng(bits), 2 ** (bits - 1) - 1
    steps = random.integers(-largest, largest + 1, (3, 3, 1, 1))
    scale = random.uniform(0.01, 0.02, 3)
    attributes = {qd.WEIGHT_BITS: bits, qd.WEIGHT_SCALE: scale, qd.WEIGHT_STEPS: steps}
    with new_context():
        (name, text), (value, about) = layer(kind, steps * 0.011, attributes, (3, 2, 2))
    assert name == f"qi.{kind}" and 'form = "short"' not in text
    assert np.array_equal(value, steps.transpose(0, 2, 3, 1))
    assert about["type"] == f"!quant.uniform<{named}:f32:0, {{{','.join(f'{s:.17g}' for s in scale)}}}>"


def test_scales_without_steps_round_to_nearest_and_nothing_given_uses_the_whole_width() -> None:
    weight = np.array([[1.0, -0.6, 0.4, 0.07]], np.float32)
    with new_context():
        _, (value, _) = layer("linear", weight, {qd.WEIGHT_BITS: 4, qd.WEIGHT_SCALE: [0.25]}, (4, 1, 1))
        assert value.tolist() == [[4, -2, 2, 0]]
        _, (value, _) = layer("linear", weight, {qd.WEIGHT_BITS: 4}, (4, 1, 1))
        assert value.tolist() == [[7, -4, 3, 0]]
        _, (value, _) = layer("linear", weight, {qd.WEIGHT_BITS: 2}, (4, 1, 1))
        assert value.tolist() == [[1, -1, 0, 0]]


def test_narrow_weights_may_have_the_short_form_unless_their_scales_are_given() -> None:
    weight = np.random.default_rng(0).standard_normal((4, 1, 16)) / 4
    for scheme, form in [(Scheme(4), "short"), (Scheme(4, scale=np.full(4, 0.05)), "wide")]:
        product = quantize_product("l", weight, np.zeros(4), np.zeros(16), X, OUT, short=True, scheme=scheme)
        assert product.form == form and np.abs(product.weight).max() <= 7


def test_a_channel_that_the_scale_floor_raises_is_rounded_anew() -> None:
    scale, steps = np.array([0.01, 1e-12]), np.array([[7, -3], [7, -3]])
    weight = (scale[:, None] * steps)[:, None, :]
    scheme = Scheme(4, scale=scale, steps=steps)
    product = quantize_product("l", weight, np.zeros(2), np.zeros(2), X, OUT, short=True, scheme=scheme)
    assert product.weight.reshape(2, 2).tolist() == [[7, -3], [0, 0]] and product.dead == (1,)


def test_the_bias_takes_back_the_rounding_of_groups() -> None:
    """3 * 2 steps of 1 for a weight of 5.5, whose input is 4 on average: 2 too much."""
    scheme = Scheme(4, 16, np.array([[[2]]]), np.ones(1), np.array([[3]]))
    unit = Activation(1.0, 0)
    product = quantize_product(
        "l", np.array([[[5.5]]]), np.zeros(1), np.array([4.0]), unit, Activation(64.0, 0), short=False, scheme=scheme
    )
    assert product.weight.tolist() == [[[6]]] and product.bias.tolist() == [-2]


@pytest.mark.parametrize(
    ("kind", "dims", "image"),
    [
        ("conv2d", (2, 40, 3, 2), (40, 4, 4)),
        ("conv2d", (4, 20, 1, 1), (40, 4, 4)),
        ("conv_add", (40, 40, 1, 1), (40, 3, 3)),
        ("linear", (3, 50), (50, 1, 1)),
        ("linear", (3, 24 * 6), (24, 3, 2)),
    ],
)
def test_groups_follow_their_channels(kind: str, dims: tuple[int, ...], image: tuple[int, int, int]) -> None:
    """Each weight is its group's scale times its step, wherever the layout puts it."""
    random = np.random.default_rng(sum(dims))
    flat = kind == "linear"
    logical = (dims[0], *image) if flat else dims
    groups = -(-logical[1] // 16)
    scales = random.integers(1, 19, (dims[0], groups, *logical[2:]))
    steps = random.integers(-7, 8, logical)
    whole = steps * np.repeat(scales, 16, 1)[:, : logical[1]]
    given = scales.reshape(dims[0], -1) if flat and image[1:] == (1, 1) else scales
    attributes = {
        qd.WEIGHT_BITS: 4, qd.WEIGHT_GROUP: 16, qd.WEIGHT_SCALE: np.full(dims[0], 0.01),
        qd.WEIGHT_STEPS: steps.reshape(dims), qd.GROUP_SCALES: given,
    }  # fmt: skip
    with new_context():
        (_, text), (value, about) = layer(kind, whole.reshape(dims) * 0.01, attributes, image)
        physical = whole.transpose(0, 2, 3, 1)
        assert np.array_equal(value, physical.reshape(value.shape)) and about["type"].startswith(
            "!quant.uniform<i8<-126:126>"
        )
        assert f"{GROUP} = 16 : i64" in text
        assert np.array_equal(
            value // factors(about[GROUP_SCALES], 16, value.shape), steps.transpose(0, 2, 3, 1).reshape(value.shape)
        )
        # and chosen here, every weight is nearer than half a step of its group
        chosen = {name: attributes[name] for name in (qd.WEIGHT_BITS, qd.WEIGHT_GROUP)}
        _, (value, about) = layer(kind, whole.reshape(dims) * 0.01, chosen, image)
        channel = np.abs(physical.reshape(dims[0], -1)).max(1).reshape(-1, *[1] * (value.ndim - 1)) / 126
        error = np.abs(value * channel - physical.reshape(value.shape))
        assert (error <= channel * factors(about[GROUP_SCALES], 16, value.shape) * 0.505).all()


def test_group_scales_are_the_smallest_that_reach() -> None:
    random = np.random.default_rng(1)
    weight = random.standard_normal((5, 4, 50))
    scales = choose_group_scales(weight, 16)
    base = np.abs(weight).max((1, 2)) / 126
    most = np.abs(np.pad(weight, [(0, 0), (0, 0), (0, 14)])).reshape(5, 4, 4, 16).max(3)
    reach = 7 * base[:, None, None]
    assert (most <= reach * scales * (1 + 1e-9)).all() and ((most > reach * (scales - 1)) | (scales == 1)).all()
    assert scales.max((1, 2)).tolist() == [18] * 5


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({qd.WEIGHT_BITS: 3}, "/layer: weights of 3 bits have no kernel"),
        ({qd.WEIGHT_BITS: 2, qd.WEIGHT_GROUP: 16}, "/layer: weights of 2 bits in groups of 16 have no kernel"),
        ({qd.WEIGHT_BITS: 4, qd.WEIGHT_GROUP: 8}, "in groups of 8 have no kernel; 4 bits in groups of a multiple"),
        ({qd.WEIGHT_BITS: 4, qd.WEIGHT_STEPS: np.zeros((2, 4))}, "steps of its weights are given, but not their scale"),
        ({qd.WEIGHT_BITS: 4, qd.WEIGHT_SCALE: [0.1]}, "needs 2 scales"),
        (
            {qd.WEIGHT_BITS: 4, qd.WEIGHT_SCALE: [0.1, 0.1], qd.WEIGHT_STEPS: np.full((2, 4), 8)},
            r"qd.weight_steps holds \[8, 8\], allowed is \[-7, 7\]",
        ),
        (
            {qd.WEIGHT_BITS: 4, qd.WEIGHT_GROUP: 16, qd.GROUP_SCALES: np.ones((2, 2))},
            r"qd.group_scales is \[2, 1, 2\] by runs of weights, needed is \[2, 1, 1\]",
        ),
    ],
)  # fmt: skip
def test_decisions_that_no_kernel_has_are_refused_by_name(attributes: dict[str, Any], message: str) -> None:
    with new_context(), pytest.raises(ModelError, match=message):
        layer("linear", np.ones((2, 4), np.float32), attributes, (4, 1, 1))


def test_a_depthwise_convolution_has_no_groups() -> None:
    with new_context(), pytest.raises(ModelError, match="/layer: each result has one input channel"):
        layer("conv2d", np.ones((3, 1, 1, 1)), {qd.WEIGHT_BITS: 4, qd.WEIGHT_GROUP: 16}, (3, 2, 2))


@pytest.mark.parametrize(
    ("value", "kind", "groups", "message"),
    [
        ("8", "i4<-7:7>", "", "holds weights in [8, 8], outside of !quant.uniform<i4<-7:7>"),
        ("-2", "i2<-1:1>", "", "holds weights in [-2, -2], outside of !quant.uniform<i2<-1:1>"),
        ("5", "i8<-126:126>", "2", "holds weights that are not group scale times a step in [-7, 7]"),
        ("16", "i8<-126:126>", "2", "holds weights that are not group scale times a step in [-7, 7]"),
    ],
)
def test_weights_outside_of_their_type_are_refused(value: str, kind: str, groups: str, message: str) -> None:
    beside = f"{GROUP} = 16 : i64, {GROUP_SCALES} = dense<{groups}> : tensor<1x1x1xi8>, " if groups else ""
    text = f"""func.func @main() {{ %w = "qi.constant"() {{{beside}value = dense<{value}> : tensor<1x16xi8>}}
        : () -> tensor<1x16x!quant.uniform<{kind}:f32:0, {{1.0}}>> return }}"""
    with new_context() as context, pytest.raises(ir.MLIRError) as error:
        ir.Module.parse(text, context)
    assert message in str(error.value)
