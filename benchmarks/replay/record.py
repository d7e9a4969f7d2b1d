"""From a compiled network to hashes.

`made_of` is the one place that knows the inside of an artifact; when that changes, it changes, and the hashes stay. So
what is hashed are values and not their spelling: fields by name and in this file's order, constants as bytes, kernels
by the order in which the program calls them, since their symbols follow from how the compiler's classes are called.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from iced_x86 import Decoder, MemorySizeExt
from torch_mlir import ir

import dyadic
from benchmarks.replay.zoo import Case
from dyadic.compiler.artifact import Artifact
from dyadic.compiler.targets.cpu.emit import CpuEmitted
from dyadic.compiler.targets.cpu.integer_ir import restore
from dyadic.compiler.targets.registry import target_of
from dyadic.dialects import new_context
from dyadic.dialects.reference import main_function
from dyadic.passes.rewriting import layer_name

DIGITS = 12  # of a hash: 48 bits, of some thousand values
BATCHES, THREADS = (1, 3), (1, 2)
STEP = ("layer", "op", "out", "inputs", "tiles", "weights", "params", "macs", "overlap", "weight_tiles")
MEMORY = ("buffers", "arena_bytes", "scratch_bytes", "together")
BOUNDARY = ("name", "shape", "layout", "scale", "zero_point", "lo", "hi")

Named = list[list[str]]  # [name, hash], in order
Record = dict[str, Any]  # what is written as JSON: see `of`


def digest(*parts: object) -> str:
    """One hash of bytes, numbers, texts, and lists and tuples and records of them."""
    made = hashlib.sha256()
    for part in parts:
        content = bytes(part) if isinstance(part, bytes | memoryview) else json.dumps(part, sort_keys=True).encode()
        made.update(len(content).to_bytes(8, "little") + content)
    return made.hexdigest()[:DIGITS]


@dataclass(frozen=True)
class Made:
    """What a compile made, as far as a replay looks at it."""

    ops: Named  # of the integer graph
    steps: Named
    rest: dict[str, Any]  # of the program: memory, inputs, outputs
    weights: bytes
    params: bytes
    images: dict[str, bytes]  # of code, by level
    kernels: dict[str, list[tuple[int, int]]]  # called what: where it lies in each image; in the order of first calls


def made_of(artifact: Artifact) -> Made:
    """The inside of an artifact."""
    emitted = artifact.emitted
    assert isinstance(emitted, CpuEmitted)
    program = emitted.program.to_json()
    number = {symbol: n for n, symbol in enumerate(dict.fromkeys(step["kernel"] for step in program["steps"]))}
    steps = [[step["layer"], digest(number[step["kernel"]], *(step[n] for n in STEP))] for step in program["steps"]]
    rest = {name: program[name] for name in MEMORY}
    rest["buffers"] = [[offset, size] for offset, size, _ in program["buffers"]]
    rest |= {each: [{n: t[n] for n in BOUNDARY} for t in program[each]] for each in ("inputs", "outputs")}
    weights, images = emitted.sections["cpu/weights"], emitted.images
    module = restore(emitted.sections["qi"], np.frombuffer(weights, np.int8), new_context())
    first = {step["kernel"]: step["layer"] for step in reversed(program["steps"])}
    kernels = {
        f"kernel {n}, {symbol.rpartition('_')[0]} of {first[symbol]}": [
            image.entries[symbol] for image in images.values()
        ]
        for symbol, n in number.items()
    }
    code = {level: image.code for level, image in images.items()}
    with module.context:
        return Made(list(_ops(module)), steps, rest, weights, emitted.sections["cpu/params"], code, kernels)


def _ops(module: ir.Module) -> Iterator[list[str]]:
    """Every op of the integer graph: the user's name of it, and a hash of kind, operands, attributes and types."""
    function = main_function(module)
    block = function.regions[0].blocks[0]
    numbers = {argument: -1 - n for n, argument in enumerate(block.arguments)}
    types = [str(argument.type) for argument in block.arguments]
    yield ["the function", digest(types, _attributes(function.operation))]
    for op in block.operations:
        operands = [numbers[value] for value in op.operands]
        results = [str(value.type) for value in op.results]
        kind = op.operation.name
        yield [f"{layer_name(op)}: {kind}", digest(kind, operands, results, _attributes(op.operation))]
        numbers |= {value: len(numbers) for value in op.results}


def _attributes(op: ir.Operation) -> list[list[str]]:
    return sorted([entry, _value(op.attributes[entry])] for entry in op.attributes)


def _value(attribute: ir.Attribute) -> str:
    if isinstance(attribute, ir.DenseElementsAttr):
        return digest(str(attribute.type), np.ascontiguousarray(np.array(attribute)).tobytes())
    return str(attribute)


def answers(artifact: Artifact) -> dict[str, str]:
    """What a session answers to seeded inputs, at the best level of this machine, by batch and threads."""
    found = {}
    for threads in THREADS:
        with artifact.load(threads=threads, max_batch=max(BATCHES), isa=best_level()) as session:
            for batch in BATCHES:
                random = np.random.default_rng(batch)
                given = session.run(None, {info.name: _input(info, batch, random) for info in session.inputs})
                found[f"batch {batch}, {threads} threads"] = digest(*(_bytes(x) for x in given))
    return found


def _input(info: Any, batch: int, random: np.random.Generator) -> npt.NDArray[Any]:
    shape = (batch, *info.shape[1:])
    if info.limits is not None:
        return random.integers(info.limits[0], info.limits[1], shape, dtype=info.dtype, endpoint=True)
    return random.standard_normal(shape).astype(np.float32)


def _bytes(values: npt.NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values).tobytes()


def best_level() -> str:
    return target_of("cpu").usable()[0]


def of(case: Case) -> Record:
    """All hashes of one network, compiled for every level whatever this machine is."""
    model, samples, examples = case.make()
    artifact = dyadic.compile(
        model, samples, example_inputs=examples, isa=target_of("cpu").levels, measure=False, **case.options
    )
    made = made_of(artifact)
    return {
        "integer graph": _lines(made.ops),
        "program": {name: digest(value) for name, value in made.rest.items()} | _lines(made.steps),
        "data": {"weights": digest(made.weights), "params": digest(made.params)},
        "code": {level: digest(image) for level, image in made.images.items()} | _lines(_kernels(made)),
        "answers": answers(artifact),
    }


def _lines(named: Named) -> dict[str, list[str]]:
    """One text an entry, so that a record can be read."""
    return {"each": [f"{hash} {name}" for name, hash in named]}


def _kernels(made: Made) -> Named:
    """One hash a kernel, of all levels: a hash of a level is of its whole image."""
    images = made.images.values()
    return [
        [name, digest(*(in_place(image, *place) for image, place in zip(images, places, strict=True)))]
        for name, places in made.kernels.items()
    ]


def in_place(image: bytes, offset: int, length: int) -> bytes:
    """A kernel's instructions, wherever it lies: the constants themselves stand for the distances to them."""
    code, constants = bytearray(image[offset : offset + length]), bytearray()
    decoder = Decoder(64, bytes(code), ip=offset)
    for instruction in decoder:
        near = instruction.near_branch_target
        outside = near and not offset <= near < offset + length
        if not instruction.is_ip_rel_memory_operand and not outside:
            continue
        start = instruction.ip - offset
        found = decoder.get_constant_offsets(instruction)
        at, size = (
            (found.immediate_offset, found.immediate_size)
            if outside
            else (found.displacement_offset, found.displacement_size)
        )
        code[start + at : start + at + size] = bytes(size)
        if not outside:
            target = instruction.ip_rel_memory_address
            constants += image[target : target + MemorySizeExt.size(instruction.memory_size)]
    return bytes(code + constants)
