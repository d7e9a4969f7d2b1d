"""Plan files: what is written is read, what a person spoils is named."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyadic.compiler.widths.plan import Plan, read_plan, resolve, shared, write_plan
from dyadic.compiler.widths.scheme import ACTIVATIONS, WEIGHTS, Layer, Scheme, parse
from dyadic.runtime.errors import FileError, UsageError

LAYERS = (Layer("conv1"), Layer("relu", weights=False), Layer("fc"))
SCHEMES = st.builds(str.__add__, st.sampled_from([*WEIGHTS, ""]), st.sampled_from(ACTIVATIONS)).map(parse)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLANS = st.builds(
    Plan,
    st.dictionaries(NAMES, SCHEMES),
    st.dictionaries(NAMES, NAMES),
    st.dictionaries(NAMES, NAMES),
    st.dictionaries(NAMES, NUMBERS | st.integers() | NAMES),
)


@settings(deadline=None, max_examples=50)
@given(PLANS, st.data())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, plan: Plan, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    order = data.draw(st.permutations(list(plan.layers)))
    write_plan(plan, path, order)
    first = path.read_bytes()
    again = read_plan(path)
    assert again == plan and list(again.layers) == order
    write_plan(again, path, order)
    assert path.read_bytes() == first


def test_the_file_is_in_network_order(tmp_path: Path) -> None:
    plan = Plan({"fc": parse("w8"), "conv1": parse("w4g32a8")}, {"sha256": "ab"}, {"fc": "last"}, {"bytes": 12})
    write_plan(plan, tmp_path / "p.json", ["conv1", "relu", "fc"])
    assert (tmp_path / "p.json").read_text() == (
        '{\n  "dyadic_plan": 1,\n  "model": {\n    "sha256": "ab"\n  },\n'
        '  "layers": {\n    "conv1": "w4g32a8",\n    "fc": "w8"\n  },\n'
        '  "why": {\n    "fc": "last"\n  },\n  "predicted": {\n    "bytes": 12\n  }\n}\n'
    )


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text("old")
    with pytest.raises(ValueError):
        write_plan(Plan({}, predicted={"bytes": float("nan")}), path, [])
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(FileError, match="create it first"):
        write_plan(Plan({}), tmp_path / "nowhere" / "p.json", [])


GOOD = {"dyadic_plan": 1, "layers": {"conv1": "w4a8"}}
BROKEN = {
    "{": "is not JSON that can be read",
    "[" * 100_000: "is not JSON that can be read",
    '"w8"': "is no plan: it must be an object",
    '{"layers": {}}': 'must be an object with "dyadic_plan": 1',
    '{"dyadic_plan": true, "layers": {}}': 'must be an object with "dyadic_plan": 1',
    json.dumps(GOOD | {"dyadic_plan": 2}): "is no plan",
    '{"dyadic_plan": 1}': 'says nothing: it has no "layers"',
    json.dumps(GOOD | {"layer": {}}): r'unknown entry "layer"; did you mean layers\?',
    json.dumps(GOOD | {"layers": []}): '"layers" must be an object',
    json.dumps(GOOD | {"layers": {"conv1": 8}}): '"conv1" in "layers" must be a text, not 8',
    json.dumps(GOOD | {"layers": {"conv1": "w3"}}): "layer \"conv1\": 'w3' is no scheme; weights are w8, w4",
    json.dumps(GOOD | {"why": {"conv1": ["a"]}}): '"conv1" in "why" must be a text',
    '{"dyadic_plan": 1, "layers": {"fc": "w8", "fc": "w4"}}': '"fc" is there twice',
    '{"dyadic_plan": 1, "layers": {}, "predicted": {"bytes": NaN}}': "NaN is no number",
}


@pytest.mark.parametrize("text", BROKEN, ids=list(BROKEN.values()))
def test_a_spoilt_file_is_answered_with_what_is_wrong(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=BROKEN[text]) as refused:
        read_plan(path)
    assert f"'{path}'" in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_plan(tmp_path / "p.json")
    (tmp_path / "p.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not JSON"):
        read_plan(tmp_path / "p.json")


def test_what_the_plan_does_not_say_is_the_default_and_is_named() -> None:
    resolved = resolve(Plan({"fc": parse("w4a8"), "conv1": parse("w2")}), LAYERS, parse("w8a16"))
    assert {name: str(scheme) for name, scheme in resolved.schemes.items()} == {
        "conv1": "w2a16",
        "relu": "a16",
        "fc": "w4a8",
    }
    assert list(resolved.schemes) == ["conv1", "relu", "fc"] and resolved.defaulted == ("conv1", "relu")


def test_a_plan_for_another_model_is_refused_by_the_layers_name() -> None:
    with pytest.raises(UsageError, match=r'names layer "conv2", which the model has not; did you mean conv1\?'):
        resolve(Plan({"conv2": parse("w8")}), LAYERS, parse("w8a8"))
    with pytest.raises(UsageError, match='w4a8 of layer "relu", which has no weights; a8 would do'):
        resolve(Plan({"relu": parse("w4a8")}), LAYERS, parse("w8a8"))


def test_layers_that_share_a_decision_must_agree() -> None:
    groups = (("conv1", "fc"), ("relu",), ("gone",))

    def bits(scheme: Scheme) -> int | None:
        return scheme.bits

    plan = Plan({"conv1": parse("w4a8"), "fc": parse("w8"), "relu": parse("a16")})
    assert shared(plan, groups, bits, "the width of their results") == [8, 16, None]
    differing = Plan({"conv1": parse("w4a8"), "fc": parse("w8a16")})
    message = 'w4a8 of layer "conv1" and w8a16 of layer "fc", which share the width of their results'
    with pytest.raises(UsageError, match=message):
        shared(differing, groups, bits, "the width of their results")
    with pytest.raises(UsageError, match="which share weights"):
        shared(differing, groups, lambda scheme: scheme.weights, "weights")
