"""Every ONNX operator means in `qd` what ONNX Runtime computes, in each opset's way of writing it."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from support import pointwise_cases, signal_cases, transformer_cases
from support.meaning import assert_close, operations, outputs, prepared, random_inputs
from support.onnx_models import Constants, model, run_onnxruntime

from dyadic.compiler.importers.onnx import import_onnx
from dyadic.dialects import new_context
from dyadic.passes.ingest.ingest_onnx import ONNX
from dyadic.runtime.errors import ModelError

Case = tuple[int, str, Constants]


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


VARIANCE = np.array([0.5, 1.0, 2.0, 0.1], np.float32)
NORM: Constants = {"g": [4], "b": [4], "m": [4], "v": VARIANCE}

# Images are x [N, 4, 7, 6]: an odd and an even side.
CASES: dict[str, Case] = {
    "conv": (11, "y = Conv(x, w, b)", {"w": [3, 4, 3, 2], "b": [3]}),
    "conv without bias": (7, "y = Conv(x, w)", {"w": [3, 4, 3, 3]}),
    "conv, asymmetric": (11, "y = Conv<pads=[0,1,2,0], strides=[2,1]>(x, w)", {"w": [3, 4, 3, 3]}),
    "conv, dilated": (11, "y = Conv<dilations=[2,3], pads=[1,1,1,1]>(x, w)", {"w": [3, 4, 3, 2]}),
    "conv, grouped": (11, "y = Conv<group=2>(x, w)", {"w": [6, 2, 3, 3]}),
    "conv, depthwise": (11, "y = Conv<group=4, pads=[1,1,1,1]>(x, w, b)", {"w": [8, 1, 3, 3], "b": [8]}),
    "conv, SAME_UPPER": (7, 'y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w)', {"w": [3, 4, 4, 3]}),
    "conv, SAME_LOWER": (7, 'y = Conv<auto_pad="SAME_LOWER", strides=[2,2]>(x, w)', {"w": [3, 4, 4, 3]}),
    "conv, VALID": (7, 'y = Conv<auto_pad="VALID">(x, w)', {"w": [3, 4, 2, 2]}),
    "batch norm 7": (7, "y = BatchNormalization(x, g, b, m, v)", NORM),
    "batch norm 9": (9, "y = BatchNormalization<epsilon=0.01>(x, g, b, m, v)", NORM),
    "batch norm 15": (15, "y = BatchNormalization(x, g, b, m, v)", NORM),
    "flatten, gemm": (9, "f = Flatten(x) y = Gemm<transB=1>(f, w, b)", {"w": [5, 168], "b": [5]}),
    "gemm, scaled": (
        13,
        "f = Flatten(x) y = Gemm<alpha=0.5, beta=2.0>(f, w, b)",
        {"w": [168, 5], "b": [1, 5]},
    ),
    "gemm without bias": (11, "f = Flatten(x) y = Gemm(f, w)", {"w": [168, 5]}),
    "gemm with one number": (7, "f = Flatten(x) y = Gemm(f, w, b)", {"w": [168, 5], "b": [1]}),
    "matmul": (13, "y = MatMul(x, w)", {"w": [6, 5]}),
    "matmul, add": (13, "f = Flatten(x) m = MatMul(f, w) y = Add(b, m)", {"w": [168, 5], "b": [5]}),
    "max pool": (8, "y = MaxPool<kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,1]>(x)", {}),
    "max pool, ceil": (12, "y = MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)", {}),
    "max pool, dilated": (12, "y = MaxPool<kernel_shape=[2,2], dilations=[2,3]>(x)", {}),
    "max pool, SAME": (8, 'y = MaxPool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">(x)', {}),
    "average pool": (7, "y = AveragePool<kernel_shape=[3,2], strides=[2,1], pads=[1,0,0,1]>(x)", {}),
    "average pool, counted": (
        7,
        "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x)",
        {},
    ),
    "average pool, ceil": (10, "y = AveragePool<kernel_shape=[2,4], strides=[2,3], ceil_mode=1>(x)", {}),
    "average pool, ceil, counted": (
        19,
        "y = AveragePool<kernel_shape=[3,3], strides=[3,3], pads=[1,1,1,1], ceil_mode=1, count_include_pad=1>(x)",
        {},
    ),
    "average pool of all": (11, "y = AveragePool<kernel_shape=[7,6]>(x)", {}),
    "global average pool": (7, "y = GlobalAveragePool(x)", {}),
    "global max pool": (7, "y = GlobalMaxPool(x)", {}),
    "largest of rows": (13, "y = ReduceMax<axes=[2], keepdims=0>(x)", {}),
    "smallest of some": (13, "y = ReduceMin<axes=[1,3], keepdims=0>(x)", {}),
    "local response": (7, "y = LRN<size=3, alpha=0.3, bias=2.0>(x)", {}),
    "reflected": (13, 'y = Pad<mode="reflect">(x, p)', {"p": ints(0, 0, 1, 1, 0, 0, 1, 2)}),
    "reduce mean 11": (11, "y = ReduceMean<axes=[-1,2], keepdims=0>(x)", {}),
    "reduce mean 18": (18, "y = ReduceMean(x, a)", {"a": ints(3)}),
    "relu": (7, "y = Relu(x)", {}),
    "clip 6": (7, "y = Clip<min=-1.0, max=2.0>(x)", {}),
    "clip 11": (11, "y = Clip(x, lo, hi)", {"lo": number(-1), "hi": number(2)}),
    "clip without low": (13, "y = Clip(x, , hi)", {"hi": number(2)}),
    "clip by the smallest number": (11, "y = Clip(x, lo)", {"lo": number(-3.4028235e38)}),
    "max, min": (13, "m = Max(x, lo) y = Min(hi, m)", {"lo": number(-1), "hi": number(2)}),
    "sigmoid": (7, "y = Sigmoid(x)", {}),
    "tanh": (7, "y = Tanh(x)", {}),
    "silu": (13, "s = Sigmoid(x) y = Mul(x, s)", {}),
    "hard sigmoid": (7, "y = HardSigmoid<alpha=0.3, beta=0.4>(x)", {}),
    "hard swish": (14, "y = HardSwish(x)", {}),
    "hard swish, spelled out": (
        11,
        "p = Add(x, three) c = Clip(p, zero, six) m = Mul(x, c) y = Div(m, six)",
        {"three": number(3), "zero": number(0), "six": number(6)},
    ),
    "hard swish by hard sigmoid": (11, "h = HardSigmoid<alpha=0.1666666716, beta=0.5>(x) y = Mul(x, h)", {}),
    "leaky relu": (7, "y = LeakyRelu<alpha=0.3>(x)", {}),
    "prelu": (9, "y = PRelu(x, s)", {"s": np.full((4, 1, 1), 0.3, np.float32)}),
    "add a channel constant": (7, "y = Add(x, c)", {"c": [4, 1, 1]}),
    "subtract from a constant": (7, "y = Sub(c, x)", {"c": [1, 4, 1, 1]}),
    "divide by a number": (14, "y = Div(x, c)", {"c": number(3)}),
    "multiply along the rows": (7, "y = Mul(x, c)", {"c": [6]}),
    "multiply by a whole image": (7, "y = Mul(c, x)", {"c": [4, 7, 6]}),
    "subtract a whole image": (7, "y = Sub(x, c)", {"c": [4, 7, 6]}),
    "add to itself": (7, "y = Add(x, x)", {}),
    "sum of three": (8, "t = Tanh(x) y = Sum(x, t, x)", {}),
    "squeeze and excite": (13, "g = GlobalAveragePool(x) s = Sigmoid(g) y = Mul(s, x)", {}),
    "negate": (7, "y = Neg(x)", {}),
    "concat of unequal parts": (
        13,
        "a = Slice(x, zero, three, one) y = Concat<axis=1>(x, a, x)",
        {"zero": ints(0), "three": ints(3), "one": ints(1)},
    ),
    "slice 1": (9, "y = Slice<axes=[1,2], starts=[1,-6], ends=[4,100]>(x)", {}),
    "slice 13": (13, "y = Slice(x, s, e, a, t)", {"s": ints(1, 0), "e": ints(7, -1), "a": ints(2, 3), "t": ints(2, 3)}),
    "split 2": (7, "a, b = Split<axis=1, split=[1,3]>(x) t = Tanh(a) y = Concat<axis=1>(b, t)", {}),
    "split 13": (13, "a, b = Split<axis=1>(x, s) y = Concat<axis=1>(b, a)", {"s": ints(1, 3)}),
    "split 18": (18, "a, b = Split<axis=2, num_outputs=2>(x) y = Concat<axis=2>(b, a)", {}),
    "pad 2": (7, "y = Pad<pads=[0,0,1,2,0,1,0,1], value=0.5>(x)", {}),
    "pad 13": (13, "y = Pad(x, p, v)", {"p": ints(0, 0, 1, 2, 0, 0, 0, 1), "v": number(1.5)}),
    "pad 18": (18, "y = Pad(x, p, , a)", {"p": ints(1, 2), "a": ints(-1)}),
    "pad that crops": (13, "y = Pad(x, p)", {"p": ints(0, 0, -1, 0, 0, 0, 0, -2)}),
    "pad, conv": (13, "p = Pad(x, a) y = Conv(p, w)", {"a": ints(0, 0, 0, 1, 0, 0, 1, 2), "w": [3, 4, 3, 3]}),
    "pad, average": (13, "p = Pad(x, a) y = AveragePool<kernel_shape=[3,3]>(p)", {"a": ints(0, 0, 1, 1, 0, 0, 1, 1)}),
    "flatten from the back": (13, "y = Flatten<axis=-3>(x)", {}),
    "reshape": (14, "y = Reshape(x, s)", {"s": ints(0, 2, -1)}),
    "transpose": (7, "y = Transpose<perm=[0,2,3,1]>(x)", {}),
    "squeeze 1": (7, "g = GlobalAveragePool(x) y = Squeeze<axes=[2,3]>(g)", {}),
    "squeeze 13": (13, "g = GlobalAveragePool(x) y = Squeeze(g, a)", {"a": ints(-1)}),
    "unsqueeze 1": (7, "y = Unsqueeze<axes=[1,5]>(x)", {}),
    "unsqueeze 13": (13, "y = Unsqueeze(x, a)", {"a": ints(2)}),
    "identity, dropout, cast": (7, "i = Identity(x) d = Dropout(i) y = Cast<to=1>(d)", {}),
    "dropout 13": (13, "y = Dropout(x, r)", {"r": number(0.5)}),
    "expand to itself": (13, "y = Expand(x, s)", {"s": ints(1, 4, 7, 1)}),
    "swish": (24, "y = Swish(x)", {}),
    "cast like": (19, "y = CastLike(x, c)", {"c": number(1)}),
    "average pool larger than its input": (
        17,
        "y = AveragePool<kernel_shape=[64,64], strides=[64,64], ceil_mode=1>(x)",
        {},
    ),
    "average pool wider than its input": (
        17,
        "y = AveragePool<kernel_shape=[3,9], strides=[1,9], pads=[0,1,0,0], ceil_mode=1>(x)",
        {},
    ),
    "max pool larger than its input": (17, "y = MaxPool<kernel_shape=[9,9], strides=[9,9], ceil_mode=1>(x)", {}),
    "gather": (13, "y = Gather<axis=1>(x, i)", {"i": ints(2, 0, 1, 1)}),
    "gather one": (13, "y = Gather<axis=-1>(x, i)", {"i": np.array(-2, np.int64)}),
    "gather a table": (13, "y = Gather<axis=2>(x, i)", {"i": ints(0, 6, 3, 4).reshape(2, 2)}),
    "einsum": (13, 'y = Einsum<equation="bchw,oc->bohw">(x, w)', {"w": [5, 4]}),
    "einsum, weight first": (13, 'y = Einsum<equation="ow, bchw -> bcho">(w, x)', {"w": [5, 6]}),
}
NEWER_THAN_ONNXRUNTIME = {
    "swish",
    *signal_cases.BY_REFERENCE,
}  # compared with onnx's own reference


CASES |= pointwise_cases.ONNX | signal_cases.ONNX
ONE_IMAGE = pointwise_cases.ONE_IMAGE | signal_cases.ONE_IMAGE


@pytest.mark.parametrize("title", CASES)
def test_operator(title: str) -> None:
    opset, body, constants = CASES[title]
    proto = model(body, constants=constants, opset=opset)
    imported = prepared(import_onnx(proto, new_context()))
    inputs = random_inputs(imported)
    if title in NEWER_THAN_ONNXRUNTIME:
        wanted = list(ReferenceEvaluator(proto).run(None, {"x": inputs[0]}))
    else:
        wanted = run_onnxruntime(proto, *inputs)
    assert_close(outputs(imported, *inputs), wanted, 2e-6)


@pytest.mark.parametrize("title", ONE_IMAGE)
def test_operator_of_one_image(title: str) -> None:
    opset, body, constants = ONE_IMAGE[title]
    proto = model(body, "float[1,4,7,6] x", constants, opset)
    imported = prepared(import_onnx(proto, new_context()))
    (x,) = random_inputs(imported, 1)
    assert_close(outputs(imported, x), run_onnxruntime(proto, x), 2e-6)


def test_every_operator_has_a_case() -> None:
    written = [
        (opset, body) for opset, body, *_ in [*ONE_IMAGE.values(), *CASES.values(), *transformer_cases.ONNX.values()]
    ]
    used = {node.op_type for opset, body in written for node in model(body, opset=opset).graph.node}
    used |= {
        "ConvTranspose",
        "DepthToSpace",
        "DequantizeLinear",
        "GRU",
        "LSTM",
        "QuantizeLinear",
        "RNN",
        "Resize",
        "SpaceToDepth",
        "Upsample",
    }  # tests of their own
    used |= {"DyadicValid", "SimplifiedLayerNormalization"}  # see test_masks.py; an RMSNormalization of older exporters
    used |= {"QuantizeLinear", "DequantizeLinear"}  # see test_onnx_quantized.py
    used |= {"LogSoftmax", "ArgMax", "ArgMin", "Hardmax", "TopK"}  # see test_end_log_softmax.py, test_end_rankings.py
    assert set(ONNX.operators) <= used, set(ONNX.operators) - used


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("silu", ["silu"]),
        ("hard swish, spelled out", ["hard_swish"]),
        ("hard swish by hard sigmoid", ["hard_swish"]),
        ("matmul, add", ["reshape", "linear"]),
        ("pad, conv", ["conv2d"]),
        ("pad, average", ["avg_pool"]),
        ("average pool of all", ["reduce_mean"]),
        ("squeeze 1", ["reduce_mean"]),
        ("identity, dropout, cast", []),
        ("concat of unequal parts", ["slice", "concat", "concat"]),
    ],
)
def test_what_is_left_is_regular(title: str, wanted: list[str]) -> None:
    opset, body, constants = CASES[title]
    imported = import_onnx(model(body, constants=constants, opset=opset), new_context())
    assert operations(prepared(imported)) == wanted


@pytest.mark.parametrize(
    ("body", "constants", "reason"),
    [
        ("y = Softmax<axis=0>(x)", {}, "over the batch; another axis would work, or a batch that --shape fixes"),
        ("y = LogSoftmax<axis=0>(x)", {}, "over the batch; another axis would work, or a batch that --shape fixes"),
        ("y = Resize(x, , s)", {"s": floats(2, 1, 1, 1)}, "resizes the batch; another axis would work, or a batch"),
        ("y = Resize(x, , s)", {"s": floats(1, 1, 0.1, 1)}, "a size of 1 or more for each dimension would work"),
        ('a = Shape(x) y = Resize<mode="sinc">(x, , , a)', {}, "nearest, linear and cubic are supported"),
        (
            "s = ReduceMax<axes=[1,2,3],keepdims=0>(x) y = Resize(x, , s)",
            {},
            "its scales must be a constant, not compu",
        ),
        ("y = Div(x, c)", {"c": number(0)}, "divides by zero"),
        ("y = Conv(x, x)", {}, "computed from the input"),
        ("y = Conv(x, w)", {"w": [3, 5, 3, 3]}, "does not fit 4 channels"),
        ("y = Conv(x, w, b)", {"w": [3, 4, 3, 3], "b": [4]}, r"\[3\] would work"),
        ("y = BatchNormalization(x, g, b, m, v)", {**NORM, "g": [3]}, "does not fit"),
        ('y = Pad<mode="sinc">(x, p)', {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)}, "its mode is sinc"),
        ("y = BatchNormalization(x, g, b, m, v)", {**NORM, "v": -VARIANCE}, "variance is negative"),
        ("y = BatchNormalization<epsilon=0.0>(x, g, b, m, v)", {**NORM, "v": VARIANCE * 0}, "epsilon are 0"),
        ("y, a = Split<axis=1>(x, s)", {"s": ints(0, 4)}, "without a single element"),
        ("y = Gather<axis=1>(x, i)", {"i": ints(4)}, "do not fit 4 entries"),
        ("i = Cast<to=7>(x) y = Gather(c, i)", {"c": [9, 4]}, "by computed numbers; .* or an input of whole numbers"),
        ("y = Compress<axis=1>(x, c)", {"c": np.ones([1, 4], bool)}, r"condition has the shape \[1, 4\]; one row"),
        ("y = Compress<axis=1>(x, c)", {"c": np.ones(5, bool)}, "5 entries, for 4 to choose from"),
        ("y = InstanceNormalization<epsilon=-1.0>(x, g, g)", {"g": [4]}, "its epsilon is -1"),
        ("a, y = TopK<axis=1>(x, k)", {"k": ints(5)}, "less than the requested k"),
        ("p, i = MaxPool<kernel_shape=[2,2]>(x) y = Cast<to=1>(i)", {}, "only its first output"),
    ],
)
def test_refusals_say_why(body: str, constants: Constants, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        prepared(import_onnx(model(body, "float[1,4,7,6] x", constants, opset=13), new_context()))
