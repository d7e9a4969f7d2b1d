"""What can be wrong with an ONNX file, and what import makes regular before ingest sees it."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.meaning import assert_close, operations, outputs, prepared, random_inputs
from support.onnx_models import complaint, imported, model, run_onnxruntime

from dyadic.dialects.reference import boundary_names, main_function
from dyadic.dialects.tensor_types import shape
from dyadic.runtime.errors import FileError, ModelError, UsageError

CONV = "c = Conv<pads=[1,1,1,1]>(x, w, b) y = Relu(c)"
WEIGHTS = {"w": [3, 4, 3, 3], "b": [3]}


def test_missing_file(tmp_path: Path) -> None:
    assert "none.onnx" in complaint(FileError, tmp_path / "none.onnx")
    assert "is a folder, not an ONNX model" in complaint(FileError, tmp_path)


@pytest.mark.parametrize("length", [0, 1, 7, 100, -1])
def test_truncated_file(length: int, tmp_path: Path) -> None:
    data = model(CONV, constants=WEIGHTS).SerializeToString()
    path = tmp_path / "short.onnx"
    path.write_bytes(data[:length])
    assert complaint(ModelError, path)


def test_every_truncation_is_an_error_of_the_model() -> None:
    data = model("y = Relu(x)").SerializeToString()
    for length in range(len(data)):
        with pytest.raises(ModelError):
            imported(data[:length])


def test_garbage() -> None:
    assert "an image, not an ONNX model" in complaint(ModelError, b"\x89PNG\r\n\x1a\n" * 40)
    assert "no ONNX model" in complaint(ModelError, b"\xde\xad\xbe\xef" * 40)


def test_not_finite_weights_are_counted_and_named() -> None:
    proto = model(CONV, constants=WEIGHTS)
    proto.graph.node[0].name = "/layer3/conv"
    weights = np.ones((3, 4, 3, 3), np.float32)
    weights[0, 0] = np.nan
    weights[1, 0, 0, 0] = np.inf
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    message = complaint(ModelError, proto)
    assert '"/layer3/conv": its constant "w" contains 9 NaN values and 1 infinite values' in message


def test_infinite_bounds_are_fine() -> None:
    proto = model("y = Clip(x, lo)", constants={"lo": np.array(-np.inf, np.float32)})
    assert operations(prepared(imported(proto))) == []


def test_doubling_functions_do_not_hang() -> None:
    """Sixty functions that call the one before twice are 2^60 nodes, in a few hundred bytes."""
    name = [f"f{i}" for i in range(60)]
    functions = [
        helper.make_function(
            "d", name[0], ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [helper.make_opsetid("", 17)]
        )
    ]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)]
    for before, this in pairwise(name):
        calls = [helper.make_node(before, [a], [b], domain="d") for a, b in (("x", "m"), ("m", "y"))]
        functions.append(helper.make_function("d", this, ["x"], ["y"], calls, opsets))
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2]) for n in "xy")
    graph = helper.make_graph([helper.make_node(name[-1], ["x"], ["y"], domain="d")], "g", [x], [y])
    proto = helper.make_model(graph, opset_imports=opsets, functions=functions)
    program = "import sys; from dyadic.compiler.importers.onnx import import_onnx; "
    program += "from dyadic.dialects import new_context; import_onnx(sys.stdin.buffer.read(), new_context())"
    run = [sys.executable, "-P", "-c", program]
    done = subprocess.run(run, input=proto.SerializeToString(), capture_output=True, timeout=60, check=False)
    assert b"expand to 10^17 nodes" in done.stderr
    small = helper.make_model(graph, opset_imports=opsets, functions=functions)
    small.graph.node[0].op_type = "f3"
    assert operations(prepared(imported(small))) == ["clamp"]


def test_functions_that_call_each_other_forever() -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("d", 1)]
    functions = [
        helper.make_function("d", a, ["x"], ["y"], [helper.make_node(b, ["x"], ["y"], domain="d")], opsets)
        for a, b in (("ping", "pong"), ("pong", "ping"))
    ]
    proto = model("y = Relu(x)")
    proto.graph.node[0].CopyFrom(helper.make_node("ping", ["x"], ["y"], domain="d"))
    proto.opset_import.append(opsets[1])
    proto.functions.extend(functions)
    assert "calls itself" in complaint(ModelError, proto)


def test_opsets_outside_the_range() -> None:
    assert "operator set 6" in complaint(ModelError, model("y = Relu(x)", opset=6))
    assert "operator set 99" in complaint(ModelError, model("y = Relu(x)", opset=99))


def test_broken_graphs() -> None:
    assert 'reads "nobody"' in complaint(ModelError, model("y = Add(x, nobody)"))
    assert "exists already" in complaint(ModelError, model("y = Relu(x) y = Tanh(x)"))
    assert "not used as ONNX defines it" in complaint(ModelError, model("y = Relu<slope=1.0>(x)"))
    said = complaint(ModelError, model("y = MatMul(x, w)", constants={"w": [5, 3]}))
    assert 'do not fit for a batch of 1: "y" (MatMul): Incompatible dimensions' in said  # not what misses its result
    proto = model("y = Relu(x)")
    proto.graph.output[0].name = "z"
    assert 'output "z"' in complaint(ModelError, proto)


def test_unsupported_operators_are_listed_by_name_and_domain() -> None:
    proto = model("a = Det(x) b = Relu(a) y = Bernoulli(b)")
    proto.graph.node[0].name = "/wave/Det"
    proto.graph.node[1].domain = "com.example"
    with pytest.raises(ModelError) as caught:
        prepared(imported(proto))
    for part in ('"/wave/Det" (Det)', '"b" (com.example.Relu)', '"y" (Bernoulli)'):
        assert part in str(caught.value)


def test_open_and_fixed_batches_become_one() -> None:
    for batch in ("N", "1", "8"):
        module = imported(model("y = Relu(x)", f"float[{batch},4,7,6] x"))
        assert "!torch.vtensor<[1,4,7,6],f32>" in str(module)


def test_a_baked_batch_in_a_reshape_is_any_batch() -> None:
    body = "p = GlobalAveragePool(x) f = Reshape(p, s) y = Gemm<transB=1>(f, w)"
    constants = {"s": np.array([8, 4], np.int64), "w": [3, 4]}
    proto = model(body, "float[8,4,7,6] x", constants)
    module = prepared(imported(proto))
    inputs = random_inputs(module, batch=8)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 1e-6)
    module = prepared(
        imported(
            model(
                "r = Concat<axis=0>(b, k) y = Reshape(x, r)",
                "float[8,4] x",
                {"b": np.array([8], np.int64), "k": np.array([2, 2], np.int64)},
            )
        )
    )
    assert [shape(v) for v in main_function(module).operation.regions[0].blocks[0].arguments] == [[1, 4]]


def test_shape_arithmetic_vanishes() -> None:
    """x.view(x.size(0), -1) as exporters write it."""
    body = """
        s = Shape(x) i = Constant<value_int=0>() n = Gather<axis=0>(s, i)
        a = Constant<value_ints=[0]>() u = Unsqueeze(n, a) m = Constant<value_ints=[-1]>()
        c = Concat<axis=0>(u, m) r = Reshape(x, c) y = Relu(r)
    """
    proto = model(body)
    module = prepared(imported(proto))
    assert operations(module) == ["reshape", "clamp"]
    inputs = random_inputs(module)
    assert_close(outputs(module, *inputs), run_onnxruntime(proto, *inputs), 0)


def test_a_branch_on_a_shape_is_taken() -> None:
    body = """
        s = Shape<start=2, end=3>(x) k = Constant<value_ints=[7]>() q = Equal(s, k) a = Constant<value_ints=[0]>()
        c = Squeeze(q, a)
        y = If(c) <then_branch = t () => (float v) { v = Relu(x) }, else_branch = e () => (float v) { v = Tanh(x) }>
    """
    assert operations(prepared(imported(model(body)))) == ["clamp"]


def test_every_node_gets_a_name_of_its_own() -> None:
    """The user's own where it can be, else what it produces; a number where that is taken, too."""
    proto = model("a = Relu(x) b = Sigmoid(a) c = Tanh(b) Tanh_2 = Relu(c) e = Sigmoid(Tanh_2) y = Tanh(e)")
    for node, name in zip(proto.graph.node, ("x", "z", "", "c", "z", "z"), strict=True):
        node.name = name
    proto.graph.node[4].output[0] = proto.graph.node[5].input[0] = "c#1"
    module = prepared(imported(proto))
    block = main_function(module).operation.regions[0].blocks[0]
    names = [op.location.name_str for op in block.operations if op.operation.name != "func.return"]
    assert names == ["x#2", "z", "Tanh_2", "c", "c#1", "y"]


def test_shapes_fill_what_is_open() -> None:
    proto = model("y = Relu(x)", "float[N,3,H,W] x")
    assert "--shape x=1x3x224x224" in complaint(ModelError, proto)
    assert "!torch.vtensor<[1,3,9,8],f32>" in str(imported(proto, x=[4, 3, 9, 8]))
    assert "fixes it to [N, 3, H, W]" in complaint(UsageError, proto, x=[1, 4, 9, 8])
    assert 'inputs of the model are "x"' in complaint(UsageError, proto, z=[1, 3, 9, 8])


def test_names_of_inputs_outputs_and_unnamed_nodes() -> None:
    module = imported(model("hidden = Relu(x) y = Tanh(hidden)"))
    assert boundary_names(main_function(module)) == (["x"], ["y"])
    text = module.operation.get_asm(enable_debug_info=True)
    assert 'loc("hidden")' in text and 'loc("y")' in text


def test_inputs_that_nothing_reads_do_not_refuse_the_model() -> None:
    """They stay where they are a batch of known sizes, whatever they hold; a scalar or an open length vanishes."""
    for kind, sizes, stays in (("int64", "N,5", True), ("bool", "N,2", True), ("int64", "N,L", False)):
        proto = model("y = Relu(x)", f"float[N,4,7,6] x, {kind}[{sizes}] ids")
        module = prepared(imported(proto))
        names = boundary_names(main_function(module))[0]
        assert names == (["x", "ids"] if stays else ["x"])
    proto = model("y = Relu(x)", "float[N,4,7,6] x, int64 rate")
    module = prepared(imported(proto))
    assert boundary_names(main_function(module))[0] == ["x"]


def test_results_that_are_inputs_or_constants() -> None:
    proto = model("y = Identity(t)", constants={"t": np.arange(4, dtype=np.float32)[None]})
    assert outputs(prepared(imported(proto)), np.zeros((1, 4, 7, 6), np.float32))[0].tolist() == [[0, 1, 2, 3]]
    proto = model("z = Relu(x)", "float[N,4] x")
    proto.graph.output[0].name = "x"
    x = np.ones((2, 4), np.float32)
    assert np.array_equal(outputs(prepared(imported(proto)), x)[0], x)
    proto = model("y = Identity(t)", constants={"t": [3, 4]})
    with pytest.raises(ModelError, match=r'the output "y": .*\[3, 4\] and does not depend on the input'):
        prepared(imported(proto))


def test_old_files_list_weights_as_inputs() -> None:
    proto = model("y = Conv(x, w)", "float[N,4,7,6] x, float[3,4,3,3] w", {"w": [3, 4, 3, 3]}, opset=7)
    proto.ir_version = 3
    module = imported(proto)  # which holds what the function is in
    assert boundary_names(main_function(module))[0] == ["x"]


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_other_float_types_are_float32(kind: type) -> None:
    weights = np.linspace(-1, 1, 24).reshape(6, 4).astype(kind)
    name = {np.float16: "float16", np.float64: "double"}[kind]
    proto = model("y = Gemm<transB=1>(x, w)", f"{name}[N,4] x", {"w": weights})
    proto.graph.output[0].type.tensor_type.elem_type = proto.graph.input[0].type.tensor_type.elem_type
    module = prepared(imported(proto))
    (x,) = random_inputs(module)
    assert_close(outputs(module, x), [x @ weights.T.astype(np.float32)], 1e-6)


def test_external_data(tmp_path: Path) -> None:
    proto = model(CONV, constants=WEIGHTS)
    inputs = random_inputs(prepared(imported(proto)))
    wanted = run_onnxruntime(proto, *inputs)
    path = tmp_path / "model.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert_close(outputs(prepared(imported(path)), *inputs), wanted, 1e-6)
    (tmp_path / "weights.bin").write_bytes(b"123")
    assert "weights.bin" in complaint(FileError, path)
    (tmp_path / "weights.bin").unlink()
    assert "weights.bin" in complaint(FileError, path)
    assert "by its path" in complaint(ModelError, path.read_bytes())


def test_the_users_model_is_left_alone() -> None:
    proto = model("s = Shape(x) y = Reshape(x, s)", "float[8,4] x")
    before = proto.SerializeToString()
    imported(proto)
    assert proto.SerializeToString() == before


def test_entries_of_a_long_constant_are_picked_while_importing() -> None:
    """Token types are picked from as many as the model has positions, 512."""
    constants = {"t": np.arange(1024, dtype=np.float32).reshape(2, 512), "i": np.array([[511, -512, 7, 70]], np.int64)}
    proto = model("e = GatherElements<axis=1>(t, i) y = Add(x, e)", "float[N,4] x", constants)
    module = prepared(imported(proto))
    assert operations(module) == ["scale_shift"]
    assert outputs(module, np.zeros((1, 4), np.float32))[0].tolist() == [[511, 0, 7, 70]]
