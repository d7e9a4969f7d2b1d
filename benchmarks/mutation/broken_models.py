"""Small ONNX files, and what bit rot or an adversary may make of them, from a seed: bytes, fields, other operators."""

import functools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.parser
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

IMAGE = "float[N,4,7,6] x"
WORDS = ("constant", "reflect", "linear", "cubic", "SAME_UPPER", "mean", "NOTSET", "ij->ji")  # of attributes
EXTREMES = (0, 1, 2, -1, -2, 3, 7, 255, 65536, 1 << 20, 1 << 31, (1 << 31) - 1, 1 << 40, (1 << 63) - 1, -(1 << 63))


def model(body: str, inputs: str = IMAGE, opset: int = 17, **constants: Any) -> onnx.ModelProto:
    """`body` computes y from x; constants are arrays, or shapes of which the numbers do not matter."""
    text = f'<ir_version: 8, opset_import: ["" : {opset}]> main ({inputs}) => (float y) {{ {body} }}'
    proto = onnx.parser.parse_model(text)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    disorder = np.random.default_rng(1)
    for name, given in constants.items():
        array = given if isinstance(given, np.ndarray) else disorder.normal(0, 1, given).astype(np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    return proto


def _function() -> onnx.ModelProto:
    proto = model("y = Relu(x)")
    function = helper.make_function("my", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    function.opset_import.append(helper.make_opsetid("", 17))
    proto.opset_import.append(helper.make_opsetid("my", 1))
    proto.functions.append(function)
    proto.graph.node[0].domain, proto.graph.node[0].op_type = "my", "F"
    return proto


@functools.cache
def originals() -> Sequence[onnx.ModelProto]:
    """Models of a few nodes: layers, pools, moves, shape arithmetic, a branch, a function, attention, ids, quantized
    weights, functions of numbers."""
    scalar = lambda value, kind=np.float32: np.array(value, kind)  # noqa: E731
    ints = lambda *values: np.array(values, np.int64)  # noqa: E731
    return [
        model(
            "c = Conv<pads=[1,1,1,1], strides=[2,1]>(x, w, b) n = BatchNormalization(c, s, b, m, v) y = Relu(n)",
            w=[3, 4, 3, 3],
            b=[3],
            s=[3],
            m=[3],
            v=np.ones(3, np.float32),
        ),
        model("p = MaxPool<kernel_shape=[2,2], ceil_mode=1>(x) f = Flatten(p) y = Gemm<transB=1>(f, w)", w=[5, 120]),
        model(
            "d = Shape(x) i = Constant<value_int=0>() n = Gather<axis=0>(d, i) u = Unsqueeze(n, a) "
            "c = Concat<axis=0>(u, m) r = Reshape(x, c) y = Relu(r)",
            a=ints(0),
            m=ints(-1),
        ),
        model(
            "s1, s2 = Split<axis=1>(x, k) j = Concat<axis=1>(s2, s1) p = Pad(j, q) y = Slice(p, b, e, ax)",
            k=ints(1, 3),
            q=ints(0, 0, 1, 0, 0, 0, 0, 1),
            b=ints(1),
            e=ints(6),
            ax=ints(2),
        ),
        model(
            "t = Transpose<perm=[0,2,3,1]>(x) l = MatMul(t, w) e = Expand(g, sh) z = Add(l, e) h = Clip(z, lo, hi) "
            "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(h)",
            w=[4, 5],
            g=[1, 1, 1, 5],
            sh=ints(1, 7, 6, 5),
            lo=np.array(0, np.float32),
            hi=np.array(6, np.float32),
        ),
        model(
            "y = If(c) <then_branch = t () => (float v) { k = Constant<value = float[1] {2}>() v = Mul(x, k) }, "
            "else_branch = e () => (float v) { v = Tanh(x) }>",
            c=np.array(True),
        ),
        _function(),
        model(
            "g = Gather(t, x) n = LayerNormalization<axis=-1>(g, s, b) q = MatMul(n, w) k = MatMul(n, v) "
            "kt = Transpose<perm=[0,2,1]>(k) l = MatMul(q, kt) p = Softmax<axis=-1>(l) a = MatMul(p, n) "
            "y = ReduceMean<axes=[1], keepdims=0>(a)",
            "int64[N,5] x", t=[10, 4], s=np.ones(4, np.float32), b=[4], w=[4, 4], v=[4, 4],
        ),
        model(
            "w = DequantizeLinear<axis=0>(q, s, z) c = Conv<kernel_shape=[1,1], group=2>(x, w) t = Tanh(c) "
            "m = Mul(t, k) d = Sub(m, x) g = GlobalAveragePool(d) r = Reshape(g, h) y = HardSigmoid<alpha=0.2>(r)",
            q=np.ones((4, 2, 1, 1), np.int8), s=np.full(4, 0.5, np.float32), z=np.zeros(4, np.int8), k=[1, 4, 1, 1],
            h=ints(0, -1),
        ),
        model(
            "r = Resize<mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\">"
            "(x, , e) a = Erf(r) b = Exp(a) c = Sqrt(b) d = Div(c, k) m = ReduceMax<axes=[2], keepdims=1>(d) "
            "z = Where(q, m, k) y = PRelu(z, s)",
            e=np.array([1, 1, 2, 2], np.float32), k=scalar(2.0), q=np.array(True), s=[4, 1, 1],
        ),
        model(
            "t = ConvTranspose<strides=[2,2], output_padding=[1,1]>(x, w) s = Squeeze(i, ax) u = Tile(t, n) "
            "d = DepthToSpace<blocksize=2>(u) c = Cast<to=1>(s) y = Mul(d, c)",
            w=[4, 4, 3, 3], i=ints(3), ax=ints(0), n=ints(1, 1, 1, 2),
        ),
    ]  # fmt: skip


def mutant(seed: int, number: int) -> tuple[str, bytes]:
    """What was done to which original, and the file that it gives."""
    disorder = random.Random(f"{seed} {number}")
    which = disorder.randrange(len(originals()))
    changed = disorder.choice((_by_bytes, _by_bytes, _by_fields, _by_fields, _by_operators))
    done, data = changed(originals()[which], disorder)
    return f"{done} of model {which}", data


def _by_bytes(proto: onnx.ModelProto, disorder: random.Random) -> tuple[str, bytes]:
    data = bytearray(proto.SerializeToString())
    for _ in range(disorder.choice((1, 1, 2, 5))):
        place = disorder.randrange(len(data))
        match disorder.randrange(5):
            case 0 | 1:
                data[place] = disorder.randrange(256)
            case 2:
                data[place] ^= 1 << disorder.randrange(8)
            case 3:
                del data[place : place + disorder.randrange(1, 9)]
            case _:
                data[place:place] = bytes(disorder.randrange(256) for _ in range(disorder.randrange(1, 5)))
        if not data:
            break
    return "bytes", bytes(data)


def _by_fields(proto: onnx.ModelProto, disorder: random.Random) -> tuple[str, bytes]:
    """One to three fields anywhere in the tree of messages get another value, vanish or are there twice."""
    other = onnx.ModelProto()
    other.CopyFrom(proto)
    done = []
    for _ in range(disorder.choice((1, 1, 2, 3))):
        message: Any = other
        while True:
            fields = [(field, value) for field, value in message.ListFields() if field.name != "metadata_props"]
            if not fields:
                break
            field, value = disorder.choice(fields)
            below = [value] if not field.is_repeated else list(value)
            if field.message_type is not None and below and disorder.random() < 0.8:
                message = disorder.choice(below)
                continue
            done.append(field.name)
            _change(message, field, disorder)
            break
    return f"fields {', '.join(done)}", other.SerializeToString()


def _change(message: Any, field: Any, disorder: random.Random) -> None:
    value = getattr(message, field.name)
    if field.message_type is not None or disorder.random() < 0.15:
        if field.is_repeated and len(value) and disorder.random() < 0.5:
            copy = value[disorder.randrange(len(value))]
            value.append(copy)
        elif field.is_repeated and len(value):
            del value[disorder.randrange(len(value))]
        else:
            message.ClearField(field.name)
        return
    sample = value[0] if field.is_repeated and len(value) else value
    if isinstance(sample, bool | int | float):
        new = disorder.choice((0.0, -1.0, 1e30, float("nan")) if isinstance(sample, float) else EXTREMES)
    elif isinstance(sample, bytes):
        new = sample[: disorder.randrange(len(sample) + 1)] + bytes(disorder.randrange(4))
    else:
        new = disorder.choice(("", "x", "y", "Relu", "Range", "é", str(sample) * 2))
    try:
        if field.is_repeated:
            value[disorder.randrange(len(value))] = new
        else:
            setattr(message, field.name, new)
    except (ValueError, TypeError, IndexError, DecodeError):
        message.ClearField(field.name)  # out of the field's range


@functools.cache
def _operators() -> Mapping[str, Any]:
    """The newest definition of each of ONNX's own operators, by name."""
    every = onnx.defs.get_all_schemas()
    return {one.name: one for one in sorted(every, key=lambda one: one.name) if one.domain == ""}


def _by_operators(proto: onnx.ModelProto, disorder: random.Random) -> tuple[str, bytes]:
    """A node becomes another operator, with attributes of that one; or gets one more attribute or input."""
    other = onnx.ModelProto()
    other.CopyFrom(proto)
    node = disorder.choice(other.graph.node)
    if disorder.random() < 0.7:
        node.op_type = disorder.choice(list(_operators()))
        del node.attribute[:]
        del node.output[1:]
        if disorder.random() < 0.5:
            del node.input[disorder.randrange(1, 4) :]
    definition = _operators().get(node.op_type)
    for name, one in sorted(definition.attributes.items()) if definition is not None else ():
        if one.required or disorder.random() < 0.3:
            kept = [each for each in node.attribute if each.name != name]
            del node.attribute[:]
            node.attribute.extend([*kept, *_attribute(name, one.type, disorder)])
    if disorder.random() < 0.2:
        known = [value.name for value in (*other.graph.input, *other.graph.initializer)]
        node.input.append(disorder.choice(known))
    return f"operator {node.op_type}", other.SerializeToString()


def _attribute(name: str, kind: Any, disorder: random.Random) -> list[onnx.AttributeProto]:
    """An attribute of a type that ONNX asks for, often with a sensible value; none for graphs and the like."""
    number = lambda: disorder.choice((0, 1, 1, 1, 2, 2, 3, -1, *EXTREMES))  # noqa: E731
    some = disorder.choice((1, 2, 2, 4))
    kinds = onnx.defs.OpSchema.AttrType
    values = {
        kinds.INT: number(),
        kinds.INTS: [number() for _ in range(some)],
        kinds.FLOAT: disorder.choice((0.0, 0.5, 1.0, -1.0, 1e30, float("nan"))),
        kinds.FLOATS: [disorder.choice((0.0, 0.5, 1.0, -1.0)) for _ in range(some)],
        kinds.STRING: disorder.choice(WORDS),
        kinds.STRINGS: ["x"],
        kinds.TENSOR: numpy_helper.from_array(np.ones(some, np.float32)),
    }
    return [helper.make_attribute(name, values[kind])] if kind in values else []
