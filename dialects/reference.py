"""What a whole `qd` or `qi` module computes: the float reference (torch) and the integer reference (NumPy, exact).

    FloatReference(module)(feeds)      qd: calibration, accuracy; differentiable, since every value is a torch tensor
    IntegerReference(module)(feeds)    qi: the oracle of every kernel, one `evaluate` an op

Both are prepared once (constants read, names resolved, lifetimes known) and take any batch size. `run_qd` and `run_qi`
are the one-call forms. The meaning of each op is its own `evaluate`; torch is imported by the float reference alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch_mlir import ir

from dyadic.dialects import qd, qi
from dyadic.dialects.arguments import argument_attributes
from dyadic.dialects.tensor_types import is_integer

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]
Module = ir.Module | ir.Operation | ir.OpView

# (the op, None for a function argument; the value's name; what it holds in this run)
FloatObserver = Callable[[Any, str, "torch.Tensor"], None]
IntegerObserver = Callable[[Any, str, Array], None]


@dataclass(frozen=True)
class Step:
    """One op of the walk: which slots it reads, which one it writes, which ones nobody reads afterwards."""

    op: Any
    name: str
    inputs: tuple[int, ...]
    output: int
    dead: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """A function as numbered slots: arguments and results by the user's names, constants apart, the rest in order.

    No two steps have one name, and none has an argument's, though a user's layers may: see `unique_names`. `integers`
    are the arguments that hold those, `given` the ones whose quantization the model says.
    """

    arguments: dict[str, int]
    results: dict[str, int]
    constants: dict[int, Any]
    steps: tuple[Step, ...]
    integers: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()


def main_function(module: Module) -> Any:
    """The `func.func @main` of a module."""
    for op in module.operation.regions[0].blocks[0].operations:
        if op.operation.name == "func.func" and op.operation.attributes["sym_name"].value == "main":
            return op
    raise ValueError("the module has no function @main")


def function_bodies(module: Module) -> list[ir.Block]:
    """The body of every function in a module: a pass treats each alone."""
    every = module.operation.regions[0].blocks[0].operations
    return [op.operation.regions[0].blocks[0] for op in every if op.operation.name == "func.func"]


def boundary_names(function: Any) -> tuple[list[str], list[str]]:
    """The user's names of a function's arguments and results (`qd.name`), or arg0.., out0.. where there is none."""
    kind = ir.FunctionType(function.attributes["function_type"].value)
    names = []
    for attribute, count, default in (("arg_attrs", len(kind.inputs), "arg"), ("res_attrs", len(kind.results), "out")):
        given = function.attributes[attribute] if attribute in function.attributes else [{}] * count
        names.append([each[qd.NAME].value if qd.NAME in each else f"{default}{i}" for i, each in enumerate(given)])
    return names[0], names[1]


def make_plan(module: Module) -> Plan:
    """Number the values of @main and find where each is read last."""
    function = main_function(module)
    block = function.operation.regions[0].blocks[0]
    *body, terminator = (op.opview for op in block.operations)
    slots: dict[ir.Value, int] = {argument: i for i, argument in enumerate(block.arguments)}
    constants: dict[int, Any] = {}
    for op in body:
        slots[op.operation.results[0]] = len(slots)
        if isinstance(op, qd.ConstantOp | qi.ConstantOp):
            constants[slots[op.operation.results[0]]] = op
    argument_names, result_names = boundary_names(function)
    results = {name: slots[value] for name, value in zip(result_names, terminator.operation.operands, strict=True)}

    last_read: dict[int, int] = {}
    walked = [op for op in body if not isinstance(op, qd.ConstantOp | qi.ConstantOp)]
    for i, op in enumerate(walked):
        for slot in (slots[op.operation.results[0]], *(slots[v] for v in op.operation.operands)):
            last_read[slot] = i
    kept = set(results.values()) | set(constants)
    names = unique_names(walked, argument_names)
    steps = []
    for i, op in enumerate(walked):
        inputs = tuple(slots[v] for v in op.operation.operands)
        output = slots[op.operation.results[0]]
        dead = tuple(s for s in sorted({*inputs, output}) if last_read[s] == i and s not in kept)
        steps.append(Step(op, names[i], inputs, output, dead))
    arguments = dict(zip(argument_names, range(len(block.arguments)), strict=True))
    integers = frozenset(name for name, slot in arguments.items() if is_integer(block.arguments[slot]))
    given = frozenset(name for i, name in enumerate(argument_names) if qd.GIVEN in argument_attributes(function, i))
    return Plan(arguments, results, constants, tuple(steps), integers, given)


def unique_names(ops: Sequence[Any], arguments: Sequence[str] = ()) -> list[str]:
    """The first name in each op's location; `#2` and so on behind one that an argument or an op before has.

    Layers and inputs are two name spaces of the user's, here they are one. A name that some op has itself is given to
    no other. The integers of an argument have its name.
    """
    own = [_location_name(op) for op in ops]
    given, counts = {*own, *arguments}, dict.fromkeys(arguments, 1)
    names = []
    for op, name in zip(ops, own, strict=True):
        if isinstance(op, qi.InputOp):
            names.append(name)
            continue
        unique = name
        counts[name] = counts.get(name, 0) + 1
        if counts[name] > 1:
            while (unique := f"{name}#{counts[name]}") in given:
                counts[name] += 1
            given.add(unique)
        names.append(unique)
    return names


def _location_name(op: Any) -> str:
    location = op.location
    while isinstance(location, ir.FusedLoc):
        location = location.locations[0]
    return location.name_str if isinstance(location, ir.NameLoc) else op.operation.name


def _starting_values(plan: Plan, feeds: Mapping[str, Any]) -> dict[int, Any]:
    if set(feeds) != set(plan.arguments):
        raise ValueError(f"the graph reads {sorted(plan.arguments)}, the feeds are {sorted(feeds)}")
    return {plan.arguments[name]: value for name, value in feeds.items()}


class FloatReference:
    """A `qd` module, ready to run on torch tensors with any batch size.

    `constants` maps each constant's slot to its tensor; a caller may replace one (for example by a leaf that requires a
    gradient) between calls; `functions` maps each step's output slot to what computes it. Nothing here switches
    gradients off: wrap calls in `torch.no_grad()` where none are needed.
    """

    def __init__(self, module: Module) -> None:
        import torch

        self.module = module  # ops do not keep the module alive that they are in
        self.plan = make_plan(module)
        self.constants = {slot: torch.from_numpy(np.array(op.value)) for slot, op in self.plan.constants.items()}
        self.functions = {step.output: partial(step.op.evaluate, torch) for step in self.plan.steps}

    def __call__(
        self, feeds: Mapping[str, torch.Tensor], observe: FloatObserver | None = None
    ) -> dict[str, torch.Tensor]:
        """Outputs by name. `observe` sees every argument and every result as soon as it exists."""
        values: dict[int, Any] = {**self.constants, **_starting_values(self.plan, feeds)}
        if observe is not None:
            for name, slot in self.plan.arguments.items():
                observe(None, name, values[slot])
        for step in self.plan.steps:
            values[step.output] = self.functions[step.output](*[values[slot] for slot in step.inputs])
            if observe is not None:
                observe(step.op, step.name, values[step.output])
            for slot in step.dead:
                del values[slot]
        return {name: values[slot] for name, slot in self.plan.results.items()}


def run_qd(
    module: Module, feeds: Mapping[str, torch.Tensor], observe: FloatObserver | None = None
) -> dict[str, torch.Tensor]:
    """One run of a `qd` module; prepare a `FloatReference` for more than one."""
    return FloatReference(module)(feeds, observe)


class IntegerReference:
    """A `qi` module, ready to run on NumPy arrays with any batch size: float32 (or
    int32, of inputs that hold integers) at the boundary, integers elsewhere."""

    def __init__(self, module: Module) -> None:
        self.module = module  # ops do not keep the module alive that they are in
        self.plan = make_plan(module)
        self.constants = {slot: op.evaluate() for slot, op in self.plan.constants.items()}
        self._outside = [step for step in self.plan.steps if qi.is_result(step.op)]

    def __call__(self, feeds: Mapping[str, npt.ArrayLike], observe: IntegerObserver | None = None) -> dict[str, Array]:
        """Outputs by name. `observe` sees every argument and every result as soon as it exists."""
        values = self._run(feeds, observe)
        return {name: values[slot] for name, slot in self.plan.results.items()}

    def integers(self, feeds: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """The integers behind each output, before `qi.dequantize`, in the shape that the user knows; parts of one
        output, whose scales differ, beside each other."""
        values = self._run(feeds, None)
        for step in self._outside:
            parts = [values[slot] for slot in step.inputs]
            values[step.output] = np.concatenate(parts, step.op.axis.value) if len(parts) > 1 else parts[0]
        return {name: values[slot] for name, slot in self.plan.results.items()}

    def _run(self, feeds: Mapping[str, npt.ArrayLike], observe: IntegerObserver | None) -> dict[int, Array]:
        arrays = {name: np.asarray(value) for name, value in feeds.items()}
        values: dict[int, Array] = {**self.constants, **_starting_values(self.plan, arrays)}
        if observe is not None:
            for name, slot in self.plan.arguments.items():
                observe(None, name, values[slot])
        kept = {slot for step in self._outside for slot in step.inputs}
        for step in self.plan.steps:
            values[step.output] = step.op.evaluate(*[values[slot] for slot in step.inputs])
            if observe is not None:
                observe(step.op, step.name, values[step.output])
            for slot in step.dead:
                if slot not in kept:
                    del values[slot]
        return values


def run_qi(module: Module, feeds: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
    """One run of a `qi` module; prepare an `IntegerReference` for more than one."""
    return IntegerReference(module)(feeds)
