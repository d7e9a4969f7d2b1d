"""A program that is read from a file is checked before it can touch memory; each mistake is named."""

import copy
import json
import operator
import random
from functools import reduce

import pytest

from dyadic.runtime.cpu.program import CpuProgram, check_memory
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.interface import check_interface


def as_read(program: CpuProgram) -> dict:
    return json.loads(json.dumps(program.to_json()))


def check(value: object, network) -> CpuProgram:
    program = CpuProgram.from_json(value)
    check_memory(program, len(network.weights), len(network.params))
    check_interface(program)
    return program


def test_json_keeps_everything(network) -> None:
    assert check(as_read(network.program), network) == network.program


# path into the JSON, the value to put there, a part of the message
MISTAKES = [
    (["buffers", 1, 0], 64 * 1000, "buffers[1].offset is 64000"),
    (["buffers", 1, 0], -64, "buffers[1].offset is -64"),
    (["buffers", 1, 0], 96, "a multiple of 64"),
    (["buffers", 2, 1], 1 << 50, "buffers[2].size"),
    (["buffers", 2, 1], "640", "of type int"),
    (["buffers", 2, 1], True, "of type int"),
    (["arena_bytes"], 1 << 60, "arena_bytes"),
    (["scratch_bytes"], -1, "scratch_bytes is -1"),
    (["inputs"], [], "inputs is [], expected at least one"),
    (["inputs", 0, "shape"], ["N", 3, 10, 13], "inputs[0].layout.offset is 64, expected between 64 and"),
    (["inputs", 0, "shape"], ["N", 0, 9, 13], "inputs[0].shape is 0"),
    (["inputs", 0, "shape"], ["N", 3, 117], "a stride and a margin for each of 2 sizes"),
    (["inputs", 0, "shape"], [1, 3, 9, 13], "'N' and then numbers"),
    (["inputs", 0, "dtype"], "float64", "'float32' or 'uint8'"),
    (["inputs", 0, "scale"], 0.1, "a positive float32 number"),
    (["inputs", 0, "scale"], 0, "a positive float32 number"),
    (["inputs", 0, "scale"], 1e300, "a positive float32 number"),
    (["inputs", 0, "zero_point"], 256, "zero_point is 256"),
    (["inputs", 0, "hi"], 50, "zero_point is 101, expected between 0 and 50"),
    (["inputs", 0, "layout", "buffer"], 4, "layout.buffer is 4, expected between 0 and 3"),
    (["inputs", 0, "layout", "buffer"], -1, "layout.buffer is -1"),
    (["inputs", 0, "layout", "offset"], 0, "layout.offset is 0"),
    (["inputs", 0, "layout", "offset"], 128, "layout.offset is 128"),
    (["inputs", 0, "layout", "strides"], [1, 60, 2], "expected pixels that do not overlap"),
    (["inputs", 0, "layout", "strides"], [1, 20, 4], "expected rows that do not overlap"),
    (["inputs", 0, "layout", "strides"], [0, 60, 4], "layout.strides is 0"),
    (["inputs", 0, "layout", "strides"], [1, 60], "a stride and a margin for each of 3 sizes"),
    (["outputs", 0, "layout", "strides"], [9, 1, 27], "expected an order in which channels or pixels are together"),
    (["inputs", 0, "layout", "image"], 64, "the size of its buffer"),
    (["inputs", 0, "layout", "halo"], [1, 1, 1], "a list of before, after"),
    (["inputs", 0, "layout", "halo"], [[1, 1], [1, 1]], "a stride and a margin for each of 3 sizes"),
    (["inputs", 0, "layout", "halo"], [[0, 0], [1, -1], [1, 1]], "layout.halo is -1"),
    (["outputs", 0, "layout", "offset"], 64, "outputs[0].layout.offset"),
    (["steps", 0, "tiles"], 0, "steps[0].tiles is 0"),
    (["steps", 0, "tiles"], 1.5, "of type int"),
    (["steps", 0, "weight_tiles"], 10, "steps[0].weight_tiles is 10, expected between 0 and 9"),
    (["steps", 0, "weight_tiles"], 2, "steps[0].weight_tiles is 2, expected a divisor of 9"),
    (["together"], 4, "program.together is 4, expected between 0 and 3"),
    (["together"], -1, "program.together is -1"),
    (["steps", 0, "out", 0], -1, "steps[0].out.buffer is -1"),
    (["steps", 1, "inputs", 1, 1], 10_000, "steps[1].inputs[1].offset is 10000"),
    (["steps", 1, "inputs", 0, 0], 9, "steps[1].inputs[0].buffer is 9"),
    (["steps", 1, "inputs"], [[0, 0]] * 5, "at most 4"),
    (["steps", 1, "params"], 256, "steps[1].params is 256"),
    (["steps", 1, "params"], 2, "a multiple of 4"),
    (["steps", 0, "weights"], -2, "steps[0].weights is -2"),
    (["steps", 0, "overlap"], 1, "of type bool"),
    (["steps", 0, "layer"], None, "of type str"),
    (["steps", 0], {}, "the fields layer, op, kernel"),
    (["steps"], {}, "program.steps is {}, expected a list"),
    (["buffers", 1, 2], "heap", "buffers[1].kind is 'heap', expected one of arena, state, scalars"),
    (["buffers", 1, 2], "state", "buffers[1].size"),  # there is none
    (["buffers", 1, 2], "scalars", "buffers[1].size"),
    (["buffers", 1], [0, 64, "scalars"], "steps[0].out.buffer is 1, expected one that may be written"),
    (["buffers", 0], [0, 64, "scalars"], "inputs[0].layout"),
    (["state_bytes"], 32, "a multiple of 64"),
    (["scalars"], [{"name": "n", "low": 0, "high": 9}] * 2, "different names"),
    (["scalars"], [{"name": "n", "low": 9, "high": 0}], "scalars[0].high is 0"),
    (["scalars"], [{"name": "n", "low": 0, "high": 1 << 63}], "scalars[0].high"),
    (["scalars"], [{"name": "n", "low": 0}], "the fields name, low, high"),
    (["scalars"], [{"name": f"n{i}", "low": 0, "high": 0} for i in range(17)], "number of scalars is 17"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=lambda v: str(v)[:40])
def test_each_mistake_is_named(network, path, value, message) -> None:
    program = as_read(network.program)
    reduce(operator.getitem, path[:-1], program)[path[-1]] = value
    with pytest.raises(ArtifactError) as error:
        check(program, network)
    assert message in str(error.value)


def test_two_inputs_share_no_memory(network) -> None:
    program = as_read(network.program)
    second = copy.deepcopy(program["inputs"][0])
    second["name"] = "second"
    second["layout"]["buffer"] = len(program["buffers"])
    program["inputs"].append(second)
    program["buffers"].append([64, program["buffers"][0][1], "arena"])
    with pytest.raises(ArtifactError, match="input buffers 0 and 4 overlap"):
        check(program, network)


def test_random_damage_is_refused_or_harmless(network) -> None:
    """Whatever the JSON says, reading ends with a program or an ArtifactError, never with another exception."""
    dice = random.Random(0)
    odd = [None, True, -1, 0, 1, 63, 1 << 31, 1 << 64, 0.5, float("inf"), "", "N", [], {}, [[]], [1, 2], {"a": 1}]
    refused = 0
    for _ in range(3000):
        program = node = as_read(network.program)
        while True:
            keys = list(node) if isinstance(node, dict) else range(len(node))
            key = dice.choice(list(keys))
            if not isinstance(node[key], dict | list) or not node[key] or dice.random() < 0.1:
                break
            node = node[key]
        node[key] = dice.choice(odd)
        try:
            check(program, network)
        except ArtifactError:
            refused += 1
    assert refused > 2000
