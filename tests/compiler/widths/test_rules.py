"""Rules by name, type and pattern: what they say of which layers, and what a wrong one is answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyadic.compiler.widths.rules import apply_rules, matching, parse_rules
from dyadic.compiler.widths.scheme import ACTIVATIONS, WEIGHTS, Layer, Scheme, Weights, parse
from dyadic.runtime.errors import UsageError

LAYERS = (
    Layer("conv1", ("conv2d",)),
    Layer("relu", ("clamp",), weights=False),
    Layer("/layer1/conv1", ("conv2d", "depthwise")),
    Layer("/layer1/conv2", ("conv2d",)),
    Layer("/layer1/add", ("add",), weights=False),
    Layer("linear", ("linear",)),
    Layer("head", ("linear",)),
)


def said(*rules: str, **groups: tuple[tuple[str, ...], ...]) -> dict[str, str]:
    return {name: str(kept.scheme) for name, kept in apply_rules(parse_rules(rules), LAYERS, **groups).items()}


@given(st.sampled_from([*WEIGHTS, ""]), st.sampled_from([*ACTIVATIONS, ""]))
def test_a_scheme_is_printed_as_it_is_written(weights: str, activations: str) -> None:
    if weights or activations:
        assert str(parse(weights + activations)) == weights + activations


def test_a_scheme_is_weights_and_result() -> None:
    assert parse("w4g32a8") == Scheme(Weights(4, 32), 8)
    assert str(parse("w4g64")) == "w4g64" and parse("w4g64") == Scheme(Weights(4, 64))
    assert parse("w2") == Scheme(Weights(2), None)
    assert parse("a16") == Scheme(None, 16)
    assert parse("f32a16") == Scheme(Weights(32), 16)


@pytest.mark.parametrize(
    "text", ["", "w3a8", "w4g16", "a32", "a8w8", "W8A8", "w8a8 ", "w8g32", "8", "w08", "w32", "f16", "f32g32"]
)
def test_what_does_not_exist_is_answered_with_what_does(text: str) -> None:
    with pytest.raises(UsageError, match="weights are w8, w4, w4g64, w4g32, w2 or f32, activations a16, a8 or a4"):
        parse(text)


def test_a_name_is_that_layer_alone() -> None:
    assert said("conv1=w8a16") == {"conv1": "w8a16"}


def test_a_layer_with_the_name_of_an_input_is_numbered() -> None:
    layers = (Layer("image", ("input",), weights=False), Layer("image#2", ("conv2d",)))
    assert list(apply_rules(parse_rules(["image#2=w4"]), layers)) == ["image#2"]
    with pytest.raises(UsageError, match=r'"image" has no weights.*, the layer of that name is "image#2"$'):
        apply_rules(parse_rules(["image=w4a8"]), layers)


def test_a_layer_that_is_called_as_a_type_is_the_layer() -> None:
    assert said("linear=w8a8") == {"linear": "w8a8"}


def test_a_type_is_all_of_it() -> None:
    assert said("depthwise=w8") == {"/layer1/conv1": "w8"}
    assert list(said("conv2d=w8")) == ["conv1", "/layer1/conv1", "/layer1/conv2"]


def test_a_star_is_anything() -> None:
    assert list(said("/layer1/*=a16")) == ["/layer1/conv1", "/layer1/conv2", "/layer1/add"]
    assert list(said("*1*2=a16")) == ["/layer1/conv2"]


def test_other_signs_are_themselves() -> None:
    layers = (Layer("a[0].b"), Layer("a0xb"), Layer("a=b"))
    assert matching("a[0].*", layers, "") == ["a[0].b"]
    assert list(apply_rules(parse_rules(["a=b=w8"]), layers)) == ["a=b"]


def test_layers_without_weights_take_the_width_of_their_result() -> None:
    assert said("*=w4a16")["relu"] == "a16"


def test_later_rules_win_one_width_at_a_time() -> None:
    widths = said("*=w4a8", "conv1=a16", "conv2d=w2")
    assert widths["conv1"] == "w2a16" and widths["head"] == "w4a8"
    assert said("conv1=w8", "conv1=w4") == {"conv1": "w4"}


def test_the_rules_are_the_reason() -> None:
    kept = apply_rules(parse_rules({"*": "w4", "head": "a16"}), LAYERS)
    assert [str(rule) for rule in kept["head"].why] == ["--keep *=w4", "--keep head=a16"]


def test_what_is_said_of_one_is_said_of_all_who_share_it() -> None:
    shared = (("/layer1/conv2", "/layer1/add", "conv1"),)
    widths = said("/layer1/conv2=w4a16", result_groups=shared)
    assert widths == {"/layer1/conv2": "w4a16", "/layer1/add": "a16", "conv1": "a16"}
    assert said("*=a8", "conv1=a16", result_groups=shared)["/layer1/add"] == "a16"


def test_two_names_that_share_and_differ_are_refused() -> None:
    shared = (("conv1", "/layer1/add"),)
    with pytest.raises(UsageError, match=r"--keep conv1=a16 and --keep /layer1/add=a8 cannot both be"):
        said("conv1=a16", "/layer1/add=a8", result_groups=shared)
    assert said("conv1=a16", "/layer1/add=a16", result_groups=shared) == {"conv1": "a16", "/layer1/add": "a16"}


def test_a_rule_that_matches_nothing_names_what_is_close() -> None:
    with pytest.raises(UsageError, match=r"--keep conv3=w8 matches no layer; did you mean conv1 or conv2d\?"):
        said("conv3=w8")
    with pytest.raises(UsageError, match=r"did you mean /layer1/add\?"):
        said("Layer1/Add=a8")
    with pytest.raises(UsageError, match="there are conv1, relu, /layer1/conv1, /layer1/conv2, /layer1/add and so on"):
        said("zzz*=w8")


def test_weights_where_there_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match=r'--keep relu=w8a8: "relu" has no weights; say a16, a8 or a4 alone'):
        said("relu=w8a8")
    with pytest.raises(UsageError, match="has no weights"):
        said("clamp=w8")


@pytest.mark.parametrize("text", ["conv1", "=w8", ""])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not NAME=SCHEME"):
        parse_rules([text])
