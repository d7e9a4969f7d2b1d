"""What batch norms say: carried to the layers that take them in, read back as ranges, means, and the input's own."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dyadic.compiler.calibrate.learned import Learned
from dyadic.compiler.datafree.assumed import from_batch_norm, normalized, pixels_that_fit
from dyadic.compiler.datafree.images import dead_leaves
from dyadic.compiler.datafree.samples import standardized
from dyadic.compiler.datafree.statistics import by_statistics
from dyadic.compiler.float_network import float_network
from dyadic.compiler.job import Job
from dyadic.compiler.tools import Tools
from dyadic.dialects.reference import Plan, make_plan
from dyadic.passes.channel_statistics import statistics_of

RANDOM = np.random.default_rng(7)
WEIGHT = RANDOM.standard_normal((16, 3, 3, 3)).astype(np.float32)


def network(mean: np.ndarray, variance: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> onnx.ModelProto:
    """image --> conv --> batch norm --> relu --> conv --> answer"""
    arrays = {"w": WEIGHT, "gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    arrays["last"] = RANDOM.standard_normal((4, 16, 1, 1))
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["a"], name="first"),
        helper.make_node("BatchNormalization", ["a", "gamma", "beta", "mean", "variance"], ["b"], name="norm"),
        helper.make_node("Relu", ["b"], ["c"], name="relu"),
        helper.make_node("Conv", ["c", "last"], ["answer"], name="second"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 24, 24])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N", 4, 22, 22])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def plan_of(model: onnx.ModelProto, keep: list[object]) -> Plan:
    job = Job(model, "none")
    module = float_network(job, Tools.of(job))
    keep.append(module)  # which ops do not keep alive
    return make_plan(module)


def test_the_layer_that_takes_a_batch_norm_in_has_its_shift_and_scale() -> None:
    keep: list[object] = []
    gamma, beta = np.linspace(-2, 2, 16), np.linspace(0, 1, 16)
    plan = plan_of(network(np.zeros(16), np.full(16, 9.0), gamma, beta), keep)
    known = [statistics_of(step.op) for step in plan.steps]
    assert known[0] is not None and known[1:] == [None, None]
    np.testing.assert_allclose(known[0][0], beta, atol=1e-6)
    np.testing.assert_allclose(known[0][1], np.abs(gamma), atol=1e-5)


def test_ranges_reach_as_far_as_statistics_say_and_results_further() -> None:
    keep: list[object] = []
    gamma, beta = np.ones(16), np.zeros(16)
    beta[3] = 2.0
    plan = plan_of(network(np.zeros(16), np.ones(16), gamma, beta), keep)
    seen = {"first": (-4.0, 4.0), "relu": (0.0, 4.0), "second": (-1.0, 3.0), "image": (-3.0, 3.0)}
    learned = by_statistics(plan, Learned(seen, {"qd.range4": {"second": (-0.5, 1.0)}}, {"1 relu": [0.0] * 16}, {}))
    assert learned.ranges["image"] == seen["image"]
    np.testing.assert_allclose(learned.ranges["first"], (-5, 7), atol=1e-4)  # 0 - 5 and 2 + 5
    np.testing.assert_allclose(learned.ranges["relu"], (0, 7), atol=1e-4)
    assert learned.ranges["second"] == (-2.0, 6.0) and learned.others["qd.range4"]["second"] == (-1.0, 2.0)
    assert learned.means["1 relu"][0] == pytest.approx(0.3989, abs=1e-3)  # of the positive half of a normal
    assert learned.means["1 relu"][3] == pytest.approx(2.0085, abs=1e-3)


def test_the_first_batch_norm_tells_mean_and_deviation_of_the_input() -> None:
    keep: list[object] = []
    images = standardized(dead_leaves(32, (3, 24, 24), np.random.default_rng(99))) * 0.5 + 0.25
    import torch

    made = torch.nn.functional.conv2d(torch.from_numpy(images), torch.from_numpy(WEIGHT)).double().numpy()
    mean, variance = made.mean((0, 2, 3)), made.var((0, 2, 3))
    plan = plan_of(network(mean, variance, np.linspace(0.5, 2, 16), np.linspace(-1, 1, 16)), keep)
    standard = standardized(dead_leaves(32, (3, 24, 24), np.random.default_rng(0)))
    assumed = from_batch_norm(plan, plan.arguments["image"], 3, standard)
    assert assumed is not None and "as the first batch norm says" in assumed.why
    np.testing.assert_allclose(assumed.mean, 0.25, atol=0.1)
    np.testing.assert_allclose(assumed.deviation, 0.5, rtol=0.2)
    assert normalized(3).high.tolist() == [3.0, 3.0, 3.0]


def test_the_usual_ways_to_read_photographs_are_recognized() -> None:
    """By what photographs have: from 0 to 1, a mean of 0.45 and a deviation of 0.27."""
    for preset, mean, deviation in (("tf", -0.1, 0.54), ("torchvision", 0.0, 1.2), ("unit", 0.45, 0.27)):
        found = pixels_that_fit(np.full(3, mean), np.full(3, deviation))
        assert found is not None and found[0] == preset
    low, high = pixels_that_fit(np.full(3, -0.1), np.full(3, 0.5))[1:]  # pyright: ignore[reportOptionalSubscript]
    assert low.tolist() == [-1, -1, -1] and high.tolist() == [1, 1, 1]
    assert pixels_that_fit(np.full(3, 2.0), np.full(3, 0.5)) is None
    assert pixels_that_fit(np.full(1, -0.1), np.full(1, 0.54)) is None  # presets are of three channels
