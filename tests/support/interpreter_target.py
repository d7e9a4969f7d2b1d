"""The smallest target there can be: its program is the integer graph, its executor evaluates that.

It is here to show that nothing but compiler/targets/cpu and runtime/cpu knows the CPU. `known` makes it known to the
compiler and the runtime for a while.
"""

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Self

import numpy as np
from torch_mlir import ir

from dyadic.compiler.keep.cache import Cache
from dyadic.compiler.targets import registry
from dyadic.compiler.targets.certificate import Certificate, accumulators, islands_of
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.target import Target
from dyadic.dialects import new_context, qi
from dyadic.dialects.reference import IntegerReference, boundary_names, main_function
from dyadic.dialects.tensor_types import known_activation, quantized_bounds, shape
from dyadic.passes.rewriting import Pass, layer_name
from dyadic.runtime import executor
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.device_array import Given, on_host
from dyadic.runtime.errors import ArtifactError, UsageError
from dyadic.runtime.executor import Executor
from dyadic.runtime.interface import check_interface
from dyadic.runtime.layout import Layout
from dyadic.runtime.program import Input, Output, Program, Scalar

NAME, LEVEL = "interpreter", "numpy"
GRAPH = f"{NAME}/graph"


@dataclass(frozen=True)
class Evaluation:
    """A step: one op."""

    layer: str
    op: str
    kernel: str = "evaluate"
    macs: int = 0


@dataclass(frozen=True)
class InterpreterProgram(Program):
    target: ClassVar[str] = NAME

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    steps: tuple[Evaluation, ...]
    scalars: tuple[Scalar, ...] = ()
    variant: str = ""

    @property
    def timed_steps(self) -> tuple[Evaluation, ...]:
        return self.steps

    @property
    def kernels(self) -> dict[str, int]:
        return {LEVEL: 1}

    @property
    def sections(self) -> frozenset[str]:
        return frozenset({GRAPH})

    @property
    def has_state(self) -> bool:
        return False

    @property
    def memory_bytes(self) -> int:
        return 0

    def stored_bytes(self, lengths: Mapping[str, int]) -> list[int]:
        return [0] * len(self.steps)

    def check(self, lengths: Mapping[str, int]) -> None:
        check_interface(self)
        if GRAPH not in lengths:
            raise ArtifactError(f"it has no section '{GRAPH}'")


class InterpreterExecutor(Executor):
    program = InterpreterProgram

    def __init__(self, reference: IntegerReference, program: Program) -> None:
        self.reference, self.of, self.level = reference, program, LEVEL

    @classmethod
    def open(
        cls,
        file: ArtifactFile,
        program: Program,
        *,
        threads: int,
        max_batch: int,
        level: str | None,
        copy: bool,
        ordinal: int,
    ) -> Self:
        if level not in (None, LEVEL):
            raise UsageError(f"the level '{level}' was asked for; there is {LEVEL}")
        return cls(IntegerReference(ir.Module.parse(bytes(file.section(GRAPH)), new_context())), program)

    def run(
        self,
        inputs: Sequence[Given],
        outputs: Sequence[Given],
        batch: int,
        scalars: Sequence[int],
        *,
        raw: bool,
        timed: bool,
    ) -> list[int]:
        assert not raw
        found = self.reference({t.name: array for t, array in zip(self.of.inputs, on_host(inputs), strict=True)})
        for t, array in zip(self.of.outputs, on_host(outputs), strict=True):
            array[...] = found[t.name]
        return [1] * (len(self.of.timed_steps) + 2) if timed else []

    def copy(self) -> Self:
        return type(self)(self.reference, self.of)

    def reset(self) -> None: ...
    def close(self) -> None: ...


class InterpreterEmitted(Emitted):
    @property
    def code_bytes(self) -> dict[str, int]:
        return {LEVEL: 0}

    @property
    def weight_bytes(self) -> int:
        return len(self.sections[GRAPH])

    def digest(self, level: str) -> str:
        return str(hash(self.sections[GRAPH]))


class Interpreter(Target):
    name = NAME

    @property
    def kernels(self) -> frozenset[str]:
        return frozenset(op.OPERATION_NAME for op in qi.QI.operations)

    @property
    def levels(self) -> tuple[str, ...]:
        return (LEVEL,)

    def usable(self) -> tuple[str, ...]:
        return self.levels

    def choose(self, levels: Collection[str]) -> str:
        return LEVEL

    @property
    def pipeline(self) -> tuple[Pass, ...]:
        return ()

    def emit(
        self,
        lowered: ir.Module,
        levels: Sequence[str],
        integer: ir.Module | ir.Operation,
        cache: Cache | None = None,
        others: Sequence[ir.Operation] = (),
    ) -> InterpreterEmitted:
        assert not others, "this target has one length"
        function = main_function(lowered)
        body = [op.opview for op in function.operation.regions[0].blocks[0].operations]
        names, results = boundary_names(function)
        starts = {names[list(function.arguments).index(op.x)]: op for op in body if isinstance(op, qi.QuantizeOp)}
        ends = zip(results, (value.owner.opview for value in body[-1].operands), strict=True)
        steps = tuple(Evaluation(layer_name(op), op.operation.name) for op in body[:-1] if len(op.operands))
        program = InterpreterProgram(
            tuple(Input(dtype="float32", **boundary(name, starts[name].x, starts[name].out)) for name in names),
            tuple(Output(**boundary(name, op.out, op.x)) for name, op in ends),
            steps,
        )
        stream = io.BytesIO()
        lowered.operation.write_bytecode(stream)
        return InterpreterEmitted(program, {GRAPH: stream.getvalue()}, {step.layer: 1 for step in steps})

    def unpack(self, file: ArtifactFile, context: ir.Context) -> ir.Module:
        return ir.Module.parse(bytes(file.section(GRAPH)), context)

    def certify(self, integer: ir.Module | ir.Operation, emitted: Emitted) -> Certificate:
        intervals, ops = accumulators(integer)
        return Certificate((), intervals, ops, islands_of(integer))

    def verify(self, file: ArtifactFile) -> Iterable[str]:
        yield f"{LEVEL}: there is no code to look at"

    def identity(self, level: str) -> dict[str, Any]:
        return {"what": NAME}


def boundary(name: str, user: ir.Value, quantized: ir.Value) -> dict[str, Any]:
    kind, dims = known_activation(quantized), shape(user)[1:]
    lo, hi = quantized_bounds(quantized)
    where = Layout(0, 0, tuple(prod(dims[i + 1 :]) for i in range(len(dims))), prod(dims), plane=int(lo < 0))
    numbers = {"scale": float(np.float32(kind.scale)), "zero_point": kind.zero_point, "lo": lo, "hi": hi}
    return {"name": name, "shape": ("N", *dims), "layout": where} | numbers


@contextmanager
def known() -> Iterator[None]:
    """Both registries know it inside."""
    registry.add(Interpreter())
    executor.add(NAME, InterpreterExecutor)
    try:
        yield
    finally:
        registry.remove(NAME)
        executor.remove(NAME)
