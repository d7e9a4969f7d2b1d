"""Operators that broken files make of others: a complaint by the user's name, whatever their constants are."""

import numpy as np
import pytest
from support.meaning import prepared
from support.onnx_models import Constants, imported, model

from dyadic.runtime.errors import ModelError, ResourceError

MANY = np.zeros(3, np.float32)
CASES: dict[str, tuple[str, Constants, str]] = {
    "bounds": (
        "y = Clip(x, lo)",
        {"lo": MANY},
        '"y" (Clip): the shapes [1, 4, 7, 6] and [3] do not fit together',
    ),
    "norm": (
        "y = LayerNormalization<axis=-2>(x, w)",
        {"w": [4]},
        "its scale or bias does not fit rows of the shape [7, 6]",
    ),
    "pad": (
        "y = Pad(x, p, v)",
        {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "v": MANY},
        '"y" (Pad): its value must be one number',
    ),
    "indices of nothing": (
        "d = Shape<end=0>(x) i = Constant<value_int=0>() n = Gather(d, i) u = Unsqueeze(n, a) c = Concat<axis=0>(u, m) "
        "y = Reshape(x, c)",
        {"a": np.array([0]), "m": np.array([-1])},
        '"n" (Gather): its indices do not fit 0 entries of axis 0',
    ),
    "sizes below 0": (  # ONNX's shape inference ends the process at the slice
        "p = Pad(x, c) y = Slice(p, s, e, s)",
        {"c": np.array([0, 0, 0, -9, 0, 0, 0, 0]), "s": np.array([1]), "e": np.array([3])},
        '"p" (Pad) makes a tensor of the shape [1, 4, 7, -3]: its window does not fit its input',
    ),
    "neither yes nor no": ("y = ReduceMax<axes=[1], keepdims=2>(x)", {}, 'its attribute "keepdims" is 2; it is 0 or 1'),
    "neither yes nor no, of constants": (
        "s = ReduceSum<noop_with_empty_axes=7>(k) y = Add(x, s)",
        {"k": [4, 1, 1]},
        'its attribute "noop_with_empty_axes" is 7; it is 0 or 1',
    ),
    "an axis beyond all": (
        "d = Shape(x) c = Concat<axis=9223372036854775807>(d, m) r = Reshape(x, c) y = Relu(r)",
        {"m": np.array([-1])},
        "its axis 9223372036854775807 is none of 1 dimensions",
    ),
    "places of no tensor": (
        "y = ScatterND(x, i, u)",
        {"i": np.array(0), "u": [1]},
        "its indices [] name no places of [1, 4, 7, 6]",
    ),
    "entries along no axis": (
        "d = Shape(x) n = Gather<axis=0>(d, o) u = GatherElements<axis=3>(n, a) c = Concat<axis=0>(u, m) "
        "y = Reshape(x, c)",
        {"o": np.array(0), "a": np.array([0]), "m": np.array([-1])},
        "its indices [1] along the axis 3 do not fit 0 dimensions",
    ),
    "numbers of six parts": (
        "y = DFT(x)",
        {},
        "it reads [1, 4, 7, 6], whose last dimension counts the parts of a number",
    ),
    "no tensor": ("e = Slice(x, s, s, s) y = Mul(e, k)", {"s": np.array([1]), "k": [1]}, "without a single element"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_broken_files_ask_for(name: str) -> None:
    body, constants, said = CASES[name]
    with pytest.raises(ModelError) as caught:
        prepared(imported(model(body, constants=constants)))
    assert said in str(caught.value)


def test_an_attribute_of_any_bytes() -> None:
    proto = model('y = Resize<mode="nearest">(x, "", s)', constants={"s": np.array([1, 1, 2, 2], np.float32)})
    proto.graph.node[0].attribute[0].s = b"near\xffest"
    with pytest.raises(ModelError, match=r"""its attribute "mode" is no text: b'near\\xffest'"""):
        prepared(imported(proto))


def test_many_tensors_are_too_many_together() -> None:
    """Each is as large as one may be; what small files ask for is bounded in all."""
    body = "a = Expand(x, s) " + " ".join(f"{new} = Relu({old})" for old, new in zip("abcd", "bcdy", strict=True))
    with pytest.raises(ResourceError, match=r'up to "\w" \(Relu\) the model makes \d+ numbers for one image'):
        imported(model(body, "float[N,1,1,1] x", {"s": np.array([1, 1, 1 << 12, 1 << 12])}))
