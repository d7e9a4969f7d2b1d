"""Small ONNX files, and what bit rot or an adversary may make of them: bytes, fields and values, from a seed."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper
from support.onnx_models import model

EXTREMES = (0, 1, 2, -1, -2, 3, 7, 255, 65536, 1 << 20, 1 << 31, (1 << 31) - 1, 1 << 40, (1 << 63) - 1, -(1 << 63))


def _named(body: str, **constants: Any) -> onnx.ModelProto:
    return model(body, constants=constants)


def _function() -> onnx.ModelProto:
    proto = model("y = Relu(x)")
    function = helper.make_function("my", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    function.opset_import.append(helper.make_opsetid("", 17))
    proto.opset_import.append(helper.make_opsetid("my", 1))
    proto.functions.append(function)
    proto.graph.node[0].domain, proto.graph.node[0].op_type = "my", "F"
    return proto


def originals() -> list[onnx.ModelProto]:
    """Models of a few nodes: layers, pools, moves, shape arithmetic, a branch, a function."""
    ints = lambda *values: np.array(values, np.int64)  # noqa: E731
    return [
        _named(
            "c = Conv<pads=[1,1,1,1], strides=[2,1]>(x, w, b) n = BatchNormalization(c, s, b, m, v) y = Relu(n)",
            w=[3, 4, 3, 3],
            b=[3],
            s=[3],
            m=[3],
            v=np.ones(3, np.float32),
        ),
        _named("p = MaxPool<kernel_shape=[2,2], ceil_mode=1>(x) f = Flatten(p) y = Gemm<transB=1>(f, w)", w=[5, 120]),
        _named(
            "d = Shape(x) i = Constant<value_int=0>() n = Gather<axis=0>(d, i) u = Unsqueeze(n, a) "
            "c = Concat<axis=0>(u, m) r = Reshape(x, c) y = Relu(r)",
            a=ints(0),
            m=ints(-1),
        ),
        _named(
            "s1, s2 = Split<axis=1>(x, k) j = Concat<axis=1>(s2, s1) p = Pad(j, q) y = Slice(p, b, e, ax)",
            k=ints(1, 3),
            q=ints(0, 0, 1, 0, 0, 0, 0, 1),
            b=ints(1),
            e=ints(6),
            ax=ints(2),
        ),
        _named(
            "t = Transpose<perm=[0,2,3,1]>(x) l = MatMul(t, w) e = Expand(g, sh) z = Add(l, e) h = Clip(z, lo, hi) "
            "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(h)",
            w=[4, 5],
            g=[1, 1, 1, 5],
            sh=ints(1, 7, 6, 5),
            lo=np.array(0, np.float32),
            hi=np.array(6, np.float32),
        ),
        _named(
            "y = If(c) <then_branch = t () => (float v) { k = Constant<value = float[1] {2}>() v = Mul(x, k) }, "
            "else_branch = e () => (float v) { v = Tanh(x) }>",
            c=np.array(True),
        ),
        _function(),
    ]


def mutants(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` files, each called by what was done to which original."""
    files = originals()
    for number in range(count):
        disorder = random.Random(seed * 1_000_003 + number)
        which = disorder.randrange(len(files))
        changed = _by_bytes if disorder.random() < 0.5 else _by_fields
        done, data = changed(files[which], disorder)
        yield f"seed {seed}, mutant {number}, of original {which}: {done}", data


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
    return ", ".join(done), other.SerializeToString()


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


def check(data: bytes) -> None:
    """Import and prepare it, which may raise DyadicError and nothing else."""
    from support.onnx_models import imported

    from dyadic.compiler.trace import Trace, run_passes
    from dyadic.passes import PIPELINE, usual

    module = imported(data)
    with module.context:
        run_passes(module.operation, [*PIPELINE["ingest"], *usual("prepare")], "prepare", Trace())
