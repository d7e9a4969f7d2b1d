"""Everything that has no form is named at once, like cases together, with what would work."""

import onnx
import pytest
from support.meaning import prepared
from support.onnx_models import imported, model

from dyadic.passes import PIPELINE
from dyadic.passes.ingest.aten_node import aten
from dyadic.passes.ingest.onnx_node import onnx as onnx_operators
from dyadic.passes.unsupported import FALLBACK, HINTS, Complaint, hint, listed
from dyadic.runtime.errors import ModelError


def refusal(proto: onnx.ModelProto) -> str:
    with pytest.raises(ModelError) as caught:
        prepared(imported(proto))
    return str(caught.value)


def test_what_lies_behind_is_listed_too() -> None:
    said = refusal(model("a = Det(x) b = Bernoulli(x) y = Sinh(b)"))
    assert said.startswith("2 operators of the model") and "(Det)" not in said  # nothing needs its result
    for name, operator in (("b", "Bernoulli"), ("y", "Sinh")):
        assert f'"{name}" ({operator}): {hint(operator)}' in said


def test_what_a_supported_operator_cannot_do_behind_one() -> None:
    said = refusal(model("b = Bernoulli(x) y = AveragePool<kernel_shape=[2,2], dilations=[2,2]>(b)", opset=19))
    assert "2 operators" in said and '"y" (AveragePool): average pooling with dilation' in said


def test_constants_are_not_asked_for_behind_one() -> None:
    said = refusal(model("b = Bernoulli(w) y = Conv(x, b)", constants={"w": [3, 4, 3, 3]}))
    assert said.startswith("one operator") and '"b" (Bernoulli)' in said


def test_like_cases_are_one_line() -> None:
    said = refusal(model("a = Bernoulli(x) b = Bernoulli(a) y = Bernoulli(b)"))
    assert said == f'3 operators of the model are not supported:\n  3 x Bernoulli, first "a": {hint("Bernoulli")}'


def test_inputs_are_listed_with_the_rest() -> None:
    inputs = "uint16[N,4] x, float16[N,4] z, int16[N,4] u"
    said = refusal(model("a = Cast<to=1>(x) b = Cast<to=1>(u) c = Bernoulli(a) d = Add(a, b) y = Add(c, d)", inputs))
    assert 'the input "x": it holds uint16' in said and 'the input "u": it holds int16' in said
    assert '"c" (Bernoulli)' in said and "vtensor" not in said


def test_operators_of_other_domains() -> None:
    proto = model("y = Relu(x)")
    for domain, words in (("my.own", "docs/adding-an-operator.md"), ("com.microsoft", "before ONNX Runtime fused it")):
        other = onnx.ModelProto()
        other.CopyFrom(proto)
        other.opset_import.append(onnx.helper.make_opsetid(domain, 1))
        other.graph.node[0].domain, other.graph.node[0].op_type = domain, "Foo"
        assert f'"y" ({domain}.Foo)' in (said := refusal(other)) and words in said


def test_many_kinds_are_cut() -> None:
    said = listed(Complaint(f"n{i}", f"Op{i}", "") for i in range(100))
    assert said.startswith("100 operators") and said.endswith("and 70 other kinds") and '"n29" (Op29)' in said


def test_the_table_of_hints() -> None:
    names = [name for names, _ in HINTS for name in names.split()]
    assert len(names) == len(set(names)) and PIPELINE
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    spelled_by_onnx = {name for name in names if name[0].isupper()} - {"LabelEncoder", "CategoryMapper"}
    assert spelled_by_onnx <= known
    assert hint("grid_sampler.default") == hint("RoiAlign") != FALLBACK == hint("erfinv") == hint("__and__.Tensor")
    assert len(onnx_operators) > 50 and len(aten) > 50
