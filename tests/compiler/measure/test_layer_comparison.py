"""`compare_layers`: every integer tensor finds its float tensor, and a layer that was spoilt comes first."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from support.command_line import DIGITS
from support.random_graphs import grow, write_ranges
from support.stages import compiled as compile_all
from torch_mlir import ir

import dyadic
from dyadic.compiler.measure.layer_comparison import LayerComparison, compare_layers
from dyadic.compiler.measure.layer_losses import Energies, Losses, bits, element, real, steps
from dyadic.dialects import new_context
from dyadic.dialects.reference import FloatReference, IntegerReference, main_function
from dyadic.dialects.tensor_types import shape
from dyadic.passes import PIPELINE, usual
from dyadic.passes.rewriting import defining, layer_name
from dyadic.runtime.errors import UsageError

MODEL = DIGITS / "digits.onnx"
TRAIN, TEST = np.load(DIGITS / "train.npz")["image"][:64], np.load(DIGITS / "test.npz")["image"][:32]
Array = np.ndarray
Spoil = Callable[[Array, Array], tuple[Array, Array]]


def compiled(path: Path, layer: str = "", spoil: Spoil | None = None) -> Path:
    """An artifact of the digits network; with `spoil`, of other weights and bias in `layer` than the model has."""

    def look(stage: str, network: ir.Operation) -> None:
        if stage != "refine" or spoil is None:
            return
        with network.context, ir.Location.unknown():
            body = main_function(network).regions[0].blocks[0].operations
            (op,) = [op for op in body if hasattr(op.opview, "weight") and layer_name(op) == layer]
            given = [defining(value) for value in (op.opview.weight, op.opview.bias)]
            for constant, value in zip(given, spoil(*(np.array(one.value) for one in given)), strict=True):
                constant.operation.attributes["value"] = ir.DenseElementsAttr.get(value.astype(np.float32))

    compile_all(MODEL, TRAIN, look, isa=("x86-64",)).artifact.save(path)
    return path


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("healthy") / "m.dyq")


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return []


@pytest.fixture(scope="module")
def comparison(healthy: Path, events: list[dict[str, Any]]) -> LayerComparison:
    return compare_layers(healthy, MODEL, TEST, progress=events.append)


def test_a_healthy_network_loses_little_everywhere(comparison: LayerComparison) -> None:
    assert comparison.samples == len(TEST) and comparison.equals_reference and comparison.same_model_file
    assert comparison.unmatched == ()
    for one in comparison.layers:
        assert one.accumulated_db is not None and one.accumulated_db > 25, one
        assert one.alone_db is None or (one.alone_db > 30 and one.alone_cosine and one.alone_cosine > 0.999), one
        assert one.activation_bits == 8 and one.weights in (None, "w8")
    first = comparison.layers[1]  # all that it reads is the rounded input, in both figures
    assert first.op == "conv2d" and first.alone_db == first.accumulated_db and first.widths == "w8a8"


def test_it_is_the_last_event_and_shows_itself(comparison: LayerComparison, events: list[dict[str, Any]]) -> None:
    assert (events[-1]["command"], events[-1]["artifact"]) == ("compare", "m.dyq")
    assert [one["layer"] for one in events[-1]["layers"]] == [one.layer for one in comparison.layers]
    worst = comparison.by_loss()[0].layer
    shown = comparison._repr_html_().replace("<wbr>", "")  # where names may be broken
    assert worst in shown.partition("</tr><tr>")[0] and len(repr(comparison)) < 200


def test_the_last_accumulated_figure_is_that_of_the_networks_output(comparison: LayerComparison, healthy: Path) -> None:
    expected = np.asarray(onnxruntime.InferenceSession(MODEL).run(None, {"image": TEST})[0], np.float64)
    with dyadic.load(healthy, max_batch=len(TEST)) as session:
        noise = expected - session(TEST)
    assert comparison.layers[-1].nodes[-1] == "/classifier/Gemm"
    assert comparison.layers[-1].accumulated_db == pytest.approx(
        10 * np.log10((expected**2).sum() / (noise**2).sum()), abs=0.01
    )


def shuffled(weight: Array, bias: Array) -> tuple[Array, Array]:
    flat = weight.reshape(len(weight), -1)
    return np.random.default_rng(0).permuted(flat, axis=1).reshape(weight.shape), bias


def two_bits(weight: Array, bias: Array) -> tuple[Array, Array]:
    scale = np.abs(weight).max(tuple(range(1, weight.ndim)), keepdims=True)
    return np.rint(weight / scale) * scale, bias


def wrong_bias(weight: Array, bias: Array) -> tuple[Array, Array]:
    return weight, bias[::-1] + 1.0


@pytest.mark.parametrize("spoil", [shuffled, two_bits, wrong_bias])
@pytest.mark.parametrize("index", [1, 3, -1])
def test_a_spoilt_layer_comes_first_and_damage_starts_there(
    comparison: LayerComparison, tmp_path: Path, index: int, spoil: Spoil
) -> None:
    weighted = [one.layer for one in comparison.layers if one.weights]
    layer = weighted[index]
    seen = compare_layers(compiled(tmp_path / "m.dyq", layer, spoil), MODEL, TEST)
    assert seen.equals_reference, "the artifact is what its integer graph says, however bad"
    assert seen.by_loss()[0].layer == layer
    steepest = seen.steepest()
    assert steepest is not None and steepest.layer == layer
    names = [one.layer for one in seen.layers]
    before = {one.layer: one.accumulated_db for one in comparison.layers}
    for one in seen.layers[: names.index(layer)]:
        assert one.accumulated_db == before[one.layer]
    for one in seen.layers[names.index(layer) :]:
        healthy_db = before[one.layer]
        assert one.accumulated_db is not None and healthy_db is not None and one.accumulated_db < healthy_db - 3
    for one, other in zip(seen.layers, comparison.layers, strict=True):
        if one.layer != layer and one.alone_db is not None and other.alone_db is not None:
            assert abs(one.alone_db - other.alone_db) < 1, "alone, the others are as good as before"


def losses_of(module: ir.Module, seed: int) -> Losses:
    """Three samples through a prepared `qd` module and its own integer form, with the ranges of these samples."""
    floating = FloatReference(module.operation.clone())
    dims = shape(main_function(module).regions[0].blocks[0].arguments[0])
    samples = np.random.default_rng(seed).standard_normal((3, *dims[1:])).astype(np.float32)
    write_ranges(module, torch.from_numpy(samples))
    for one in PIPELINE["integerize"]:
        one.run(module.operation)
    losses = Losses(floating, IntegerReference(module))
    losses({"arg0": samples})
    return losses


@pytest.mark.parametrize("seed", range(12))
def test_every_tensor_of_random_graphs_finds_its_own(seed: int) -> None:
    """A tensor in the wrong layout, or another node's, would be all noise."""
    print("seed", seed)
    with new_context(), ir.Location.unknown():
        text = grow(seed, layers=14).operation.get_asm(enable_debug_info=True)
        numbers = iter(range(10_000))
        named = re.sub(r"loc\(unknown\)|loc\(#loc\)", lambda _: f'loc("n{next(numbers)}")', text)
        module = ir.Module.parse(re.sub(r"^#loc = .*$", "", named, flags=re.M))
        for one in usual("prepare"):
            one.run(module.operation)
        losses = losses_of(module, seed)
        for step in losses.steps:
            said = f"seed {seed}: {step.name}, {step.op.operation.name}"
            alone, accumulated = losses.alone[step.output], losses.accumulated[step.output]
            print(said, alone.sqnr_db, accumulated.sqnr_db)
            assert accumulated.sqnr_db is not None, said
            numbers_seen = 3 * int(np.prod(shape(step.op.out)))
            in_steps = (alone.signal / numbers_seen) ** 0.5 / element(step.op.out).scale
            if in_steps > 16:  # else its range was widened for a neighbour, and rounding alone is much of it
                assert alone.sqnr_db is not None and alone.sqnr_db > 15, said


SAME_NAMES = """
func.func @main(%x: tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> {
  %c = "qd.constant"() {value = dense<[[[[2.0]],[[-3.0]],[[4.0]]]]> : tensor<1x3x1x1xf32>} : () -> tensor<1x3x1x1xf32>
  %0 = "qd.add"(%x, %c) : (tensor<1x3x2x2xf32>, tensor<1x3x1x1xf32>) -> tensor<1x3x2x2xf32> loc("twice")
  %1 = "qd.clamp"(%0) {low = -2.0 : f32, high = 1.0 : f32} : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> loc("clip")
  %2 = "qd.add"(%1, %c) : (tensor<1x3x2x2xf32>, tensor<1x3x1x1xf32>) -> tensor<1x3x2x2xf32> loc("twice")
  %3 = "qd.add"(%2, %c) : (tensor<1x3x2x2xf32>, tensor<1x3x1x1xf32>) -> tensor<1x3x2x2xf32> loc("twice")
  %4 = "qd.clamp"(%2) {low = -5.0 : f32, high = 3.0 : f32} : (tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> loc("clip")
  %5 = "qd.slice"(%4) {starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 1, 1, 1>}
       : (tensor<1x3x2x2xf32>) -> tensor<1x1x2x2xf32> loc("map")
  %6 = "qd.mul"(%3, %5) : (tensor<1x3x2x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x3x2x2xf32> loc("weigh")
  return %6 : tensor<1x3x2x2xf32>
}
"""


def test_nodes_of_one_name_are_paired_in_order() -> None:
    """The first clip is fused, the second one is not."""
    with new_context(), ir.Location.unknown():
        losses = losses_of(ir.Module.parse(SAME_NAMES), seed=0)
        made = [(step.op.operation.name, losses.accumulated[step.output].sqnr_db) for step in losses.steps]
        assert [name for name, _ in made] == [
            "qi.quantize", "qi.add", "qi.add", "qi.add", "qi.requant", "qi.slice", "qi.mul",
        ]  # fmt: skip
        assert all(db is not None and db > 25 for _, db in made), made


class Network(torch.nn.Module):
    """A flattened image, a mean over other axes, scales along the width: layouts that are not the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.side = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(3, 4, 3, padding=1)
        self.scales = torch.nn.Parameter(torch.linspace(0.5, 2.0, 7))
        self.head = torch.nn.Linear(12 * 5 * 7, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = torch.relu(self.stem(x))
        joined = torch.cat([a, self.side(x)], 1) * self.scales
        return (
            self.head(torch.flatten(joined * torch.sigmoid(joined.mean((2, 3), keepdim=True)), 1))
            + a.mean((1, 2, 3), True).flatten(1)[:, :1]
        )


def test_torch_modules_and_any_batch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, examples = Network(), (torch.zeros(1, 3, 5, 7),)
    data = np.random.default_rng(1).standard_normal((20, 3, 5, 7)).astype(np.float32)
    dyadic.compile(network, data, example_inputs=examples, isa=("x86-64",)).save(tmp_path / "m.dyq")
    seen = compare_layers(
        tmp_path / "m.dyq", network, (data[i : i + 3] for i in range(0, 20, 3)), example_inputs=examples, samples=17
    )
    whole = compare_layers(tmp_path / "m.dyq", network, data, example_inputs=examples, samples=17)
    assert seen.samples == whole.samples == 17 and seen.same_model_file is None and seen.equals_reference
    assert seen.unmatched == () and "requant" in [one.op for one in seen.layers]
    for one, other in zip(seen.layers, whole.layers, strict=True):
        assert one.accumulated_db == pytest.approx(other.accumulated_db, abs=2e-3)
        assert one.alone_db is None or one.alone_db > 25, one
        assert one.accumulated_db is not None and one.accumulated_db > 25, one


def test_names_that_are_not_in_the_model_are_listed(healthy: Path, tmp_path: Path) -> None:
    model = onnx.load(MODEL)
    lost = [node for node in model.graph.node if node.op_type == "Relu"][1]
    lost.name = "another"
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.warns(RuntimeWarning, match="was compiled from another file"):
        seen = compare_layers(healthy, tmp_path / "other.onnx", TEST)
    assert seen.same_model_file is False and len(seen.unmatched) == 1
    (missing,) = [one for one in seen.layers if one.layer in seen.unmatched]
    assert missing.alone_db is None and missing.accumulated_db is None
    others = [one for one in seen.layers if one != missing]
    assert all(one.accumulated_db is not None for one in others)
    assert seen.to_json()["unmatched"] == seen.unmatched


def test_another_network_is_refused(healthy: Path, tmp_path: Path) -> None:
    model = onnx.load(MODEL)
    for node in model.graph.node:
        node.name = f"other/{node.name}"
    onnx.save(model, tmp_path / "names.onnx")
    with pytest.warns(RuntimeWarning), pytest.raises(UsageError, match=r"no layer of .* is in the model"):
        compare_layers(healthy, tmp_path / "names.onnx", TEST)
    with pytest.raises(UsageError, match=r'reads "image" \[N, 1, 8, 8\], the model reads "x" \[N, 3, 5, 7\]'):
        compare_layers(healthy, Network(), TEST, example_inputs=(torch.zeros(1, 3, 5, 7),))
    with pytest.raises(UsageError, match="samples must be a whole number, 1 or more, not 0"):
        compare_layers(healthy, MODEL, TEST, samples=0)


def test_energies_by_hand() -> None:
    energies = Energies()
    assert energies.sqnr_db is None and energies.cosine is None
    energies.add(np.array([3.0]), np.array([3.0]))
    energies.add(np.array([[4.0]], np.float32), np.array([[5.0]], np.float32))
    assert energies.sqnr_db == pytest.approx(10 * np.log10(25 / 1), abs=1e-3)
    assert energies.cosine == pytest.approx(29 / (5 * 34**0.5), abs=1e-7)


def test_what_a_table_flattens_is_no_loss(tmp_path: Path) -> None:
    """Integerize clips what sigmoid reads at 6.25; the layer before it must not look spoilt."""
    torch.manual_seed(0)
    first = torch.nn.Linear(6, 8)
    with torch.no_grad():
        first.weight *= 100
    network = torch.nn.Sequential(first, torch.nn.Sigmoid(), torch.nn.Linear(8, 3))
    data, examples = np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32), (torch.zeros(1, 6),)
    dyadic.compile(network, data, example_inputs=examples, isa=("x86-64",)).save(tmp_path / "m.dyq")
    seen = compare_layers(tmp_path / "m.dyq", network, data, example_inputs=examples)
    (layer,) = [one for one in seen.layers if one.layer == "0"]
    assert layer.op == "linear" and layer.alone_db is not None and layer.alone_db > 25


@pytest.mark.parametrize(
    ("kind", "width", "values", "integers", "dtype"),
    [
        ("u8:f32, 0.5:3", 8, [-9.0, 0.0, 0.6, 500.0], [0, 3, 4, 255], np.uint8),
        ("u8<0:15>:f32, 0.5:3", 4, [-9.0, 0.0, 0.6, 500.0], [0, 3, 4, 15], np.uint8),
        ("i16<-32767:32767>:f32, 0.5", 16, [-9.0, 0.0, 5000.1, 5e5], [-18, 0, 10000, 32767], np.int16),
        ("i8<-1:1>:f32, 0.5", 2, [-9.0, 0.0, 0.3, 0.5], [-1, 0, 1, 1], np.int8),
    ],
)
def test_types_of_every_width(kind: str, width: int, values: list[float], integers: list[int], dtype: type) -> None:
    with new_context():
        module = ir.Module.parse(f"func.func @main(%x: tensor<1x4x!quant.uniform<{kind}>>) {{ return }}")
        value = main_function(module).regions[0].blocks[0].arguments[0]
        rounded = steps(np.array(values), value)
        assert bits(value) == width and rounded.tolist() == integers and rounded.dtype == dtype
        np.testing.assert_allclose(real(rounded, value)[1:3], [0.0, round(values[2] * 2) / 2])
