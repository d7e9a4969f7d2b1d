"""A program for a GPU that is read from a file is checked before it can touch memory; each mistake is named."""

import copy
import doctest
import json
import operator
import random
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest

from dyadic.runtime import artifact
from dyadic.runtime.cuda import levels
from dyadic.runtime.cuda.code_sections import stored
from dyadic.runtime.cuda.constants import Box, Dim, Gather, Own, Taken, constants_of
from dyadic.runtime.cuda.program import Code, CudaProgram, Shape
from dyadic.runtime.errors import ArtifactError
from dyadic.runtime.layout import Layout
from dyadic.runtime.program import Buffer


def as_read(program: CudaProgram) -> dict:
    return json.loads(json.dumps(program.to_json()))


def check(value: object, network) -> CudaProgram:
    program = CudaProgram.from_json(value)
    program.check({"cuda/constants": len(network.constants)} | {program.section(level): 100 for level in ("ptx",)})
    return program


def test_json_keeps_everything(network) -> None:
    assert check(as_read(network.program), network) == network.program


# path into the JSON, the value to put there, a part of the message
MISTAKES = [
    (["arena_bytes"], 1 << 31, "arena_bytes is 2147483648"),
    (["arena_bytes"], 100, "arena_bytes is 100, expected a multiple of 64"),
    (["arena_bytes"], 64, "buffers[0].size"),
    (["buffers", 1, 0], 1 << 20, "buffers[1].offset"),
    (["buffers", 1, 0], 96, "a multiple of 64"),
    (["buffers", 1, 2], "state", "buffers[1].kind is 'state', expected one of arena"),
    (["scalars"], [{"name": "n", "low": 0, "high": 9}], "scalars is ['n'], expected none on this target"),
    (["inputs"], [], "inputs is [], expected at least one"),
    (["inputs", 0, "layout", "offset"], 0, "inputs[0].layout.offset is 0"),
    (["inputs", 0, "scale"], 0.1, "a positive float32 number"),
    (["outputs", 0, "layout", "buffer"], 2, "layout.buffer is 2, expected between 0 and 1"),
    (["boundary"], [], "number of crossings of the boundary is 0, expected 2, one for each"),
    (["boundary", 0, "items"], 0, "boundary[0].items is 0"),
    (["boundary", 1, "threads"], 33, "boundary[1].threads is 33, expected a multiple of 32"),
    (["boundary", 1, "params"], 4, "boundary[1].params is 4, expected a multiple of 64"),
    (["boundary", 0, "raw_kernel"], "other", "crossing 0 calls 'other', which cuda/code/ptx lacks"),
    (["boundary", 0, "kernel"], 3, "of type str"),
    (["setup", 0, "kernel"], "other", "setup step 0 ('') calls 'other', which cuda/code/ptx lacks"),
    (["setup", 0, "out"], [0, 192], "setup[0].out.offset is 192, expected between 0 and 191"),
    (["steps", 0, "kernel"], "other", "step 0 ('/both') calls 'other', which cuda/code/ptx lacks"),
    (["steps", 0, "out"], [-1, 0], "steps[0].out.buffer is -1"),
    (["steps", 0, "out"], [2, 0], "steps[0].out.buffer is 2"),
    (["steps", 0, "out"], [0, -1], "steps[0].out.offset is -1"),
    (["steps", 0, "inputs", 0], [1, 1 << 20], "steps[0].inputs[0].offset is 1048576"),
    (["steps", 0, "inputs", 0], [-1, 384], "steps[0].inputs[0].offset is 384, expected between 0 and 383"),
    (["steps", 0, "inputs"], [[0, 0]] * 17, "steps[0].inputs is 17, expected at most 16"),
    (["steps", 0, "items"], 1 << 31, "steps[0].items"),
    (["steps", 0, "block_items"], 0, "steps[0].block_items is 0"),
    (["steps", 0, "threads"], 0, "steps[0].threads is 0, expected between 32 and 1024"),
    (["steps", 0, "threads"], 1056, "steps[0].threads is 1056"),
    (["steps", 0, "weights"], 384, "steps[0].weights is 384"),
    (["steps", 0, "weights"], 32, "steps[0].weights is 32, expected a multiple of 64"),
    (["steps", 0, "weights"], -2, "steps[0].weights is -2"),
    (["steps", 0, "params"], 1 << 40, "steps[0].params"),
    (["steps", 0, "grid_y"], 0, "steps[0].grid_y is 0"),
    (["steps", 0, "grid_y"], 1 << 16, "steps[0].grid_y is 65536"),
    (["steps", 0, "shared_bytes"], (227 << 10) + 1, "steps[0].shared_bytes is 232449"),
    (["steps", 0, "shared_bytes"], -1, "steps[0].shared_bytes is -1"),
    (["steps", 0, "macs"], -1, "steps[0].macs is -1"),
    (["steps", 0, "layer"], None, "of type str"),
    (["steps", 0], {}, "the fields layer, op, kernel"),
    (["code"], {}, "no code to run"),
    (["code", "ptx", "kind"], "cubin", "code['ptx'].kind is 'cubin', expected 'ptx'"),
    (["code", "ptx", "kernels"], ["both"], "kernels is ['both'], expected a mapping"),
    (["code", "ptx", "kernels"], {"a b": []}, "kernels is 'a b', expected the name of a function"),
    (["code", "ptx", "kernels"], {}, "step 0 ('/both') calls 'both', which cuda/code/ptx lacks"),
    (["constants"], "cuda/other", "no section 'cuda/other'"),
    (["code_sections"], "cuda/other", "no section 'cuda/other/ptx'"),
    (["gather"], "cuda/other", "no section 'cuda/other'"),
    (["constants_bytes"], 64, "constants_bytes is 64, expected between 0 and 0"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=lambda v: str(v)[:40])
def test_each_mistake_is_named(network, path, value, message) -> None:
    program = as_read(network.program)
    reduce(operator.getitem, path[:-1], program)[path[-1]] = value
    with pytest.raises(ArtifactError) as error:
        program = CudaProgram.from_json(program)
        program.check({"cuda/constants": len(network.constants), "cuda/code/ptx": 100})
    assert message in str(error.value)


def test_a_kind_of_code_is_for_an_architecture(network) -> None:
    code = network.program.code["ptx"]
    lengths = {"cuda/constants": len(network.constants), "cuda/code/ptx": 9, "cuda/code/sm_90a": 9, "cuda/code/90": 9}
    both = replace(network.program, code={"ptx": code, "sm_90a": replace(code, kind="cubin")})
    both.check(lengths)
    assert both.levels == ("sm_90a", "ptx")
    with pytest.raises(ArtifactError, match="kind of code is '90', expected sm_ and a compute capability"):
        replace(both, code={"90": code}).check(lengths)
    fewer = Code("cubin", {name: () for name in code.kernels if name != "fill"})
    with pytest.raises(ArtifactError, match=r"setup step 0 \(''\) calls 'fill', which cuda/code/sm_90a lacks"):
        replace(both, code={"ptx": code, "sm_90a": fewer}).check(lengths)


def test_code_may_have_its_kernels_launched_in_another_way(network) -> None:
    program, shape = network.program, Shape(64, 256, 3, 100 << 10)
    code = replace(program.code["ptx"], launches={"both": shape})
    program = replace(program, code={"ptx": code})
    assert check(as_read(program), network) == program
    (step,) = [one for one in program.launched(program.steps, "ptx") if one.kernel == "both"]
    assert (step.block_items, step.threads, step.grid_y, step.shared_bytes) == (64, 256, 3, 100 << 10)
    assert program.launched(program.setup, "ptx") == program.setup
    for field, value in (("threads", 48), ("block_items", 0), ("grid_y", 1 << 16), ("shared_bytes", 228 << 10)):
        wrong = replace(program, code={"ptx": replace(code, launches={"both": replace(shape, **{field: value})})})
        with pytest.raises(ArtifactError, match=rf"program.code\['ptx'\].launches\['both'\].{field} is {value}"):
            check(as_read(wrong), network)


def test_a_users_image_has_distances_of_32_bits(network) -> None:
    program, size = network.program, 1 << 30
    flat = replace(program.inputs[0], shape=("N", size), layout=Layout(0, 0, (1,), size))
    large = replace(program, buffers=(Buffer(0, size), Buffer(size, 320)), arena_bytes=size + 320, inputs=(flat,))
    with pytest.raises(ArtifactError, match=r"inputs\[0\].shape is .* expected at most 2147483584 bytes an image"):
        large.check({"cuda/constants": len(network.constants), "cuda/code/ptx": 9})


def test_two_inputs_share_no_memory(network) -> None:
    program = as_read(network.program)
    second = copy.deepcopy(program["inputs"][0]) | {"name": "second"}
    second["layout"]["buffer"] = len(program["buffers"])
    program["inputs"].append(second)
    program["boundary"].insert(0, program["boundary"][0])
    program["buffers"].append([64, program["buffers"][0][1], "arena"])
    with pytest.raises(ArtifactError, match="input buffers 0 and 2 overlap"):
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


def test_weights_may_be_another_targets(network, identity_on_cpu, tmp_path) -> None:
    """Those of the same file, which that target's program uses."""
    path = tmp_path / "m.dyq"
    cpu, sections = identity_on_cpu
    whole = np.frombuffer(network.constants, np.uint8)
    sections |= {"cpu/weights": bytes(64) + whole[256:320].tobytes() + bytes(64), "cuda/code/ptx": b".version 7.0"}
    taken = Taken(256, 64, 8, 8, 0, 0, (Box(0, 64, (Dim(64, 1, 1),)),))
    gather = Gather((Own(0, 0, 256), Own(320, 256, 64)), (taken,))
    sections |= {"cuda/constants": np.delete(whole, range(256, 320)), "cuda/gather": stored(gather.encoded())}
    said = {"gather": "cuda/gather", "source": "cpu/weights", "constants_bytes": len(whole)}
    program = replace(network.program, **said)
    artifact.write(path, programs=[cpu, program], sections=sections, made={})
    with artifact.open_artifact(path) as file:
        np.testing.assert_array_equal(constants_of(file, program), whole)
        lengths = {name: section.length for name, section in file.sections.items()}
        assert program.stored_bytes(lengths) == [64]
    for source in ("cpu/code/x86-64", "cuda/constants", "cpu/other"):
        with pytest.raises(
            ArtifactError, match=r"program 'cuda' reads section '.*', which no other target has|between"
        ):
            artifact.write(path, programs=[cpu, replace(program, source=source)], sections=sections, made={})
            with artifact.open_artifact(path) as file:
                broken = file.programs[1]
                assert isinstance(broken, CudaProgram)
                constants_of(file, broken)
    small = {"cuda/gather": stored(replace(gather, taken=(replace(taken, length=1 << 20),)).encoded())}
    artifact.write(path, programs=[cpu, program], sections=sections | small, made={})
    with (
        artifact.open_artifact(path) as file,
        pytest.raises(ArtifactError, match=r"m.dyq' .*taken\[0\].length is 1048576"),
    ):
        constants_of(file, program)


def test_an_artifact_holds_it(network, tmp_path) -> None:
    path = tmp_path / "m.dyq"
    sections = {"cuda/constants": network.constants, "cuda/code/ptx": b".version 7.0"}
    artifact.write(path, programs=[network.program], sections=sections, made={})
    with artifact.open_artifact(path) as file:
        assert file.program == network.program
        lengths = {name: section.length for name, section in file.sections.items()}
        assert file.program.stored_bytes(lengths) == [64]  # weights of the one step


def test_doctests() -> None:
    assert doctest.testmod(levels).failed == 0
