"""Files that contradict themselves end in one sentence, before anything of the size that they name is allocated."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from support.onnx_models import complaint, imported, model

from dyadic.compiler.importers.onnx_structure import check_tensors
from dyadic.runtime.errors import ModelError

BODY = "y = Conv(x, w)"
WEIGHTS = {"w": [3, 4, 1, 1]}


def damaged(change: Callable[[onnx.ModelProto], Any], body: str = BODY) -> str:
    proto = model(body, constants=WEIGHTS)
    change(proto)
    return complaint(ModelError, proto)


def weight(proto: onnx.ModelProto) -> TensorProto:
    return proto.graph.initializer[0]


def resize(*dims: int) -> Callable[[onnx.ModelProto], None]:
    def change(proto: onnx.ModelProto) -> None:
        weight(proto).dims[:] = dims

    return change


@pytest.mark.parametrize("dims", [(3, 4, 1, 2), (3, 4), (0,), (), (1 << 40, 4, 1, 1), (3, 4, 1, 1 << 62)])
def test_sizes_that_the_numbers_do_not_fill(dims: tuple[int, ...]) -> None:
    said = damaged(resize(*dims[:-1], dims[-1] * 2) if dims == (3, 4) else resize(*dims))
    assert 'the weight "w" holds 48 bytes' in said


def test_negative_sizes_and_too_many() -> None:
    assert "[3, -4, 1, 1]" in damaged(resize(3, -4, 1, 1))
    assert 'the weight "w" has the sizes' in damaged(resize(*[1] * 70))


@pytest.mark.parametrize("kind", [0, 29, 99, -1, 1 << 30])
def test_unknown_types(kind: int) -> None:
    def change(proto: onnx.ModelProto) -> None:
        weight(proto).ParseFromString(weight(proto).SerializeToString() + b"\x10" + varint(kind))

    assert f"data type {kind}" in damaged(change)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = []
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def test_numbers_in_the_field_of_another_type() -> None:
    def change(proto: onnx.ModelProto) -> None:
        weight(proto).ClearField("raw_data")
        weight(proto).int64_data.extend([1] * 12)

    assert "holds 0 numbers, its sizes [3, 4, 1, 1] need 12" in damaged(change)


def test_every_type_is_read_in_both_spellings() -> None:
    """What numpy_helper writes passes, raw or in the field of its type."""
    for kind in TensorProto.DataType.values():
        if kind == TensorProto.UNDEFINED:
            continue
        values: list[Any] = ["a", "b", "c"] if kind == TensorProto.STRING else [1, 0, 1]
        for raw in (False, True)[: 1 if kind == TensorProto.STRING else 2]:
            if raw:
                array = np.asarray(values).astype(helper.tensor_dtype_to_np_dtype(kind))
                tensor = numpy_helper.from_array(array, "t")
            else:
                tensor = helper.make_tensor("t", kind, [3], values)
            proto = model("y = Relu(x)")
            proto.graph.initializer.append(tensor)
            check_tensors(proto)
            tensor.dims[0] = 9
            proto.graph.initializer[0].CopyFrom(tensor)
            with pytest.raises(ModelError, match='the weight "t" holds'):
                check_tensors(proto)


def test_constants_in_nodes_and_branches_are_looked_at() -> None:
    body = """
        y = If(c) <then_branch = t () => (float v) { k = Constant<value = float[2] {1, 2}>() v = Add(x, k) },
                   else_branch = e () => (float v) { v = Tanh(x) }>
    """
    proto = model(body, constants={"c": np.array(True)})
    proto.graph.node[0].attribute[0].g.node[0].attribute[0].t.dims[0] = 1 << 50
    assert 'the constant of "k"' in complaint(ModelError, proto)


def attribute(change: Callable[[AttributeProto], Any]) -> Callable[[onnx.ModelProto], Any]:
    return lambda proto: change(proto.graph.node[0].attribute[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (attribute(lambda a: a.ClearField("type")), "has no type"),
        (attribute(lambda a: setattr(a, "name", "")), "without a name"),
        (attribute(lambda a: setattr(a, "ref_attr_name", "alpha")), "refers to a function"),
        (attribute(lambda a: (a.Clear(), setattr(a, "name", "pads"), setattr(a, "type", 4))), '"pads" is empty'),
        (attribute(lambda a: setattr(a, "s", b"SAME") or setattr(a, "type", 3)), "is not used as ONNX defines it"),
        (lambda p: p.graph.node[0].attribute.append(p.graph.node[0].attribute[0]), "twice"),
        (lambda p: p.graph.node[0].ClearField("op_type"), "without an operator"),
        (lambda p: p.graph.input.append(p.graph.input[0]), "two inputs"),
        (lambda p: p.graph.output.append(p.graph.output[0]), "two outputs"),
        (lambda p: p.opset_import.append(helper.make_opsetid("", 12)), "[12, 17]"),
        (lambda p: p.graph.sparse_initializer.add(), "sparse"),
        (lambda p: p.graph.input[0].ClearField("name"), "an input of the model has no name"),
    ],
)
def test_nodes_and_graphs_that_contradict_themselves(change: Callable[[onnx.ModelProto], Any], said: str) -> None:
    assert said in damaged(change, "y = Conv<pads=[0,0,0,0]>(x, w)")


def test_names_that_are_no_text() -> None:
    data = model("y = Relu(inner_value)", "float[N,4] inner_value").SerializeToString()
    assert "no text" in complaint(ModelError, data.replace(b"inner_value", b"inner\xf0value"))
    assert "no text" in complaint(ModelError, model("y = Relu(x)").SerializeToString().replace(b"Relu", b"R\xf0lu"))


def test_a_bogus_auto_pad_is_not_taken_for_none() -> None:
    assert "SAME_UPPER" in damaged(lambda p: None, 'y = Conv<auto_pad="SAME">(x, w)')


def test_a_model_without_inputs() -> None:
    proto = model("y = Relu(w)", constants=WEIGHTS)
    del proto.graph.input[:]
    assert "no inputs" in complaint(ModelError, proto)
    proto = model("y = Relu(x)", constants={"x": [1, 4, 7, 6]})
    assert "no inputs" in complaint(ModelError, proto)


def test_versions_of_the_file_format_are_no_matter() -> None:
    proto = model(BODY, constants=WEIGHTS)
    for version in (0, 99, (1 << 63) - 1):
        proto.ir_version = version
        assert imported(proto)


def test_branches_without_names_get_some() -> None:
    body = """
        y = If(c) <then_branch = t () => (float v) { a = Relu(x) v = Tanh(a) },
                   else_branch = e () => (float v) { v = Tanh(x) }>
    """
    proto = model(body, constants={"c": np.array(True)})
    text = imported(proto).operation.get_asm(enable_debug_info=True)
    assert 'loc("a")' in text and 'loc("")' not in text


def test_branches_that_do_not_fit_their_if() -> None:
    body = (
        "y = If(c) <then_branch = t () => (float v) { v = Relu(x) }, else_branch = e () => (float v) { v = Tanh(x) }>"
    )
    proto = model(body, constants={"c": np.array(True)})
    for change, said in (
        (lambda n: n.attribute[0].g.output.append(n.attribute[0].g.output[0]), "then_branch 2"),
        (lambda n: n.attribute.pop(), "needs a condition"),
        (lambda n: n.input.pop(), "needs a condition"),
        (lambda n: n.attribute[1].g.node[0].input.__setitem__(0, "gone"), 'reads "gone"'),
        (lambda n: setattr(n.attribute[0].g.output[0].type.tensor_type, "elem_type", 65536), "data type 65536"),
    ):
        other = onnx.ModelProto()
        other.CopyFrom(proto)
        change(other.graph.node[0])
        assert said in complaint(ModelError, other)


def test_functions_that_do_not_fit() -> None:
    function = helper.make_function("my", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    function.opset_import.append(helper.make_opsetid("", 17))
    proto = model("y = Relu(x)")
    proto.opset_import.append(helper.make_opsetid("my", 1))
    proto.graph.node[0].domain, proto.graph.node[0].op_type = "my", "F"
    proto.functions.extend([function])
    assert imported(proto)
    proto.graph.node[0].input.append("x")
    assert 'the function "F" with 2 inputs; it has 1' in complaint(ModelError, proto)
    proto.functions.extend([function])
    assert "two functions" in complaint(ModelError, proto)
