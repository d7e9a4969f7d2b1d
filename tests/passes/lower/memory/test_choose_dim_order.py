"""Putting dimensions in another order changes no number, and moves numbers only where somebody needs it."""

from itertools import permutations

import numpy as np
import pytest
from support.effort import night_seeds, slow
from support.random_graphs import integer_module, integers_of
from support.random_moves import grow
from torch_mlir import ir

from dyadic.dialects import new_context
from dyadic.dialects.dimensions import Order, channels_last
from dyadic.dialects.reference import IntegerReference, main_function
from dyadic.passes.lower.memory import orders
from dyadic.passes.lower.memory.choose_dim_order import choose_dim_order


def kinds(module: ir.Module) -> list[str]:
    return [op.operation.name for op in main_function(module).regions[0].blocks[0].operations]


def reordered(module: ir.Module, samples: np.ndarray) -> list[str]:
    """Kinds of ops behind the pass, which must leave the reference's answers as they were."""
    before = IntegerReference(module)({"arg0": samples})
    choose_dim_order.run(module.operation)
    assert module.operation.verify()
    after = IntegerReference(module)({"arg0": samples})
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, name)
    ops = [op.opview for op in main_function(module).regions[0].blocks[0].operations][:-1]
    assert all(channels_last(op) for op in ops if op.order is Order.IMAGE)
    return kinds(module)


@pytest.mark.parametrize("seed", [*range(40), *slow(night_seeds(400))])
def test_tensors_of_any_rank(seed: int) -> None:
    with new_context(), ir.Location.unknown():
        reordered(*integers_of(grow(seed, 12), seed))


@pytest.mark.parametrize("seed", [3, 5, 9, 13, *slow(night_seeds(40))])
def test_networks_of_images(seed: int) -> None:
    with new_context(), ir.Location.unknown():
        reordered(*integer_module(seed, 10))


def network(text: str) -> ir.Module:
    """A `qd` function of one argument with ranges from -1 to 1 everywhere: `R` in the text."""
    return ir.Module.parse(text.replace("R}", "qd.range = array<f64: -1.0, 1.0>}"))


def test_a_linear_layer_over_rank_four_moves_nothing() -> None:
    with new_context(), ir.Location.unknown():
        module, samples = integers_of(
            network("""func.func @main(%x: tensor<1x4x16x8xf32> {R}) -> tensor<1x4x16x3xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<3x8xf32>} : () -> tensor<3x8xf32>
  %b = "qd.constant"() {value = dense<0.1> : tensor<3xf32>} : () -> tensor<3xf32>
  %y = "qd.linear"(%x, %w, %b) {R} : (tensor<1x4x16x8xf32>, tensor<3x8xf32>, tensor<3xf32>) -> tensor<1x4x16x3xf32>
  return %y : tensor<1x4x16x3xf32>
}"""),
            0,
            widths=False,
        )
        assert "qi.transpose" not in reordered(module, samples)


def test_a_broadcast_is_no_op_of_its_own() -> None:
    with new_context(), ir.Location.unknown():
        module, samples = integers_of(
            network("""func.func @main(%x: tensor<1x8x64x8xf32> {R}) -> tensor<1x8x64x8xf32> {
  %m = "qd.reduce_mean"(%x) {axes = array<i64: 2>, keep = true, R} : (tensor<1x8x64x8xf32>) -> tensor<1x8x1x8xf32>
  %n = "qd.reduce_mean"(%x) {axes = array<i64: 1, 3>, keep = true, R} : (tensor<1x8x64x8xf32>) -> tensor<1x1x64x1xf32>
  %y = "qd.add"(%m, %n) {R} : (tensor<1x8x1x8xf32>, tensor<1x1x64x1xf32>) -> tensor<1x8x64x8xf32>
  return %y : tensor<1x8x64x8xf32>
}"""),
            0,
        )
        found = reordered(module, samples)
        assert "qi.concat" not in found and found.count("qi.add") == 1


FLATTENED = """func.func @main(%x: tensor<1x3x4x5xf32> {R}) -> tensor<1x2xf32> {
  %w = "qd.constant"() {value = dense<0.5> : tensor<2x60xf32>} : () -> tensor<2x60xf32>
  %b = "qd.constant"() {value = dense<0.1> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = "qd.sigmoid"(%x) {R} : (tensor<1x3x4x5xf32>) -> tensor<1x3x4x5xf32>
  %p = "qd.mul"(%s, %x) {R} : (tensor<1x3x4x5xf32>, tensor<1x3x4x5xf32>) -> tensor<1x3x4x5xf32>
  %f = "qd.reshape"(%p) : (tensor<1x3x4x5xf32>) -> tensor<1x60xf32>
  %y = "qd.linear"(%f, %w, %b) {R} : (tensor<1x60xf32>, tensor<2x60xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}"""


def test_an_input_is_read_in_the_order_that_is_needed_later() -> None:
    """The image is flattened pixel by pixel: that costs nothing where the boundary makes pixels of it."""
    with new_context(), ir.Location.unknown():
        module, samples = integers_of(network(FLATTENED), 0)
        assert reordered(module, samples).count("qi.transpose") == 1
        block = main_function(module).regions[0].blocks[0]
        (moved,) = [op.opview for op in block.operations if op.operation.name == "qi.transpose"]
        assert moved.x.owner.name == "qi.quantize" and len(list(moved.x.uses)) == 1


def factored(random: np.random.Generator, total: int) -> list[int]:
    """Random sizes of a tensor of so many elements, the batch in front."""
    dims = [1]
    while total > 1:
        dims.append(int(random.choice([n for n in range(1, total + 1) if total % n == 0])))
        total //= dims[-1]
    return dims


@pytest.mark.parametrize("seed", range(5))
def test_one_permutation_leads_from_any_order_through_a_reshape_to_any_other(seed: int) -> None:
    random, direct = np.random.default_rng(seed), 0
    for _ in range(300):
        total = int(random.choice([1, 6, 12, 24, 30, 48]))
        before, after = factored(random, total), factored(random, total)
        start, end = ((0, *(int(d) + 1 for d in random.permutation(len(sizes) - 1))) for sizes in (before, after))
        x = np.arange(total).reshape(before)
        if (move := orders.move(before, after, start, end)) is not None:
            direct += 1
            made = x.transpose(start).reshape(move.sizes).transpose(move.permutation)
            wanted = x.reshape(after).transpose(end)
            np.testing.assert_array_equal(made.reshape(wanted.shape), wanted, f"{before} {after} {start} {end}")
        if (stays := orders.through_reshape(before, after, start)) is not None:
            np.testing.assert_array_equal(x.transpose(start).ravel(), x.reshape(after).transpose(stays).ravel())
    assert direct > 150


def test_a_transpose_is_another_order_of_the_same_memory() -> None:
    x = np.arange(24).reshape(1, 2, 3, 4)
    for permutation in permutations(range(1, 4)):
        for order in permutations(range(1, 4)):
            stays = orders.transposed((0, *permutation), (0, *order))
            made = x.transpose(0, *permutation)
            np.testing.assert_array_equal(made.transpose(stays).ravel(), x.transpose(0, *order).ravel())
