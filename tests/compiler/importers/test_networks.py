"""ResNet-18, ResNet-50 and MobileNetV2, exported to ONNX and given as modules, are one graph after prepare."""

import functools
import io
import time
from typing import Any

import numpy as np
import pytest
import torch
from support.effort import slow
from support.meaning import assert_close, outputs, prepared
from torch_mlir import ir

from benchmarks.networks import NETWORKS
from dyadic.compiler.importers.onnx import import_onnx
from dyadic.compiler.importers.torch import import_torch
from dyadic.dialects import new_context, qd
from dyadic.dialects.reference import main_function

NAMES = ["resnet18", "mobilenet_v2", *slow(["resnet50"])]
ULPS = 4
SIZE = 64  # of the image; what differs between the routes does not depend on it


@functools.cache
def network(name: str) -> torch.nn.Module:
    return NETWORKS[name].make()


@functools.cache
def through_torch(name: str) -> ir.Module:
    return prepared(import_torch(network(name), (torch.zeros(2, 3, SIZE, SIZE),), new_context()))


@functools.cache
def through_onnx(name: str) -> ir.Module:
    file = io.BytesIO()
    axes = {"x": {0: "N"}, "output": {0: "N"}}
    torch.onnx.export(
        network(name),
        (torch.zeros(2, 3, SIZE, SIZE),),
        file,  # pyright: ignore[reportArgumentType]  (the older exporter writes into files as well)
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        output_names=["output"],
        dynamic_axes=axes,
    )
    return prepared(import_onnx(file.getvalue(), new_context()))


def body(module: ir.Module) -> list[Any]:
    return list(main_function(module).operation.regions[0].blocks[0].operations)


def structure(module: ir.Module) -> list[tuple[Any, ...]]:
    """Every op with its attributes, its type and who produces its operands; of constants the type only."""
    numbers: dict[ir.Value, int] = {}
    lines = []
    for index, op in enumerate(body(module)):
        attributes = {name: str(op.attributes[name]) for name in op.operation.attributes if name not in NUMBERS}
        edges = [numbers.get(value, f"{value}") for value in op.operands]
        lines.append((op.operation.name, attributes, edges, [str(result.type) for result in op.results]))
        numbers.update((result, index) for result in op.results)
    return lines


def constants(module: ir.Module) -> list[np.ndarray]:
    return [np.array(op.value, copy=False) for op in body(module) if isinstance(op, qd.ConstantOp)]


NUMBERS = ("value", qd.STATISTICS)  # that routes compute in another order


@pytest.mark.parametrize("name", NAMES)
def test_both_routes_give_the_same_ops_attributes_and_edges(name: str) -> None:
    assert structure(through_torch(name)) == structure(through_onnx(name))


@pytest.mark.parametrize("name", NAMES)
def test_both_routes_give_the_same_weights_within_4_ulp(name: str) -> None:
    """An ulp of each tensor's largest value: where small weights are computed from large ones, theirs means nothing."""
    for mine, theirs in zip(constants(through_torch(name)), constants(through_onnx(name)), strict=True):
        ulp = np.spacing(np.abs(theirs).max(initial=np.float32(1e-30)))
        assert np.abs(mine - theirs).max() <= ULPS * ulp


@pytest.mark.parametrize("route", [through_torch, through_onnx])
@pytest.mark.parametrize("name", NAMES)
def test_the_graph_computes_what_the_module_does(name: str, route: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, SIZE, SIZE)).astype(np.float32)
    with torch.no_grad():
        wanted = network(name)(torch.from_numpy(x)).numpy()
    assert_close(outputs(route(name), x), [wanted], 1e-4)


def test_only_layers_are_left() -> None:
    kinds = {op.operation.name for op in body(through_torch("mobilenet_v2"))}
    assert kinds == {"qd." + n for n in ("constant", "conv2d", "clamp", "add", "reduce_mean", "linear")} | {
        "func.return"
    }


def test_ops_are_located_at_the_users_modules() -> None:
    names = [op.location.name_str for op in body(through_torch("resnet18")) if isinstance(op, qd.Conv2dOp)]
    assert names[:3] == ["conv1", "layer1.0.conv1", "layer1.0.conv2"]
    names = [op.location.name_str for op in body(through_onnx("resnet18")) if isinstance(op, qd.Conv2dOp)]
    assert names[:3] == ["/conv1/Conv", "/layer1/layer1.0/conv1/Conv", "/layer1/layer1.0/conv2/Conv"]


@pytest.mark.slow
def test_the_largest_network_takes_seconds() -> None:
    started = time.process_time()
    through_torch.__wrapped__("resnet50")
    assert time.process_time() - started < 20, "3 s on the machine this was written on"
