"""Which tensors of a network have a width to choose, and which of them must share one.

A *weight point* is a constant that convolutions or linear layers read as their weights; layers that share it share its
width. An *activation point* is a set of tensors that must have one type: what moves of bytes read and make, and what
concats join. Tensors that integerize never rounds (a layer's result before its fused clamp, or before the
addition that takes it in) belong to the tensor that is rounded for them, so that a user may name either layer.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from torch_mlir import ir

from dyadic.compiler.widths.scheme import FLOAT
from dyadic.compiler.widths.width_ranges import take_all_ranges_of
from dyadic.dialects import qd
from dyadic.dialects.arguments import RESULTS, argument_attributes
from dyadic.dialects.reference import Plan, Step, main_function, make_plan
from dyadic.dialects.tensor_types import is_integer, shape
from dyadic.passes.integerize.align_residuals import align_residuals
from dyadic.passes.integerize.choose_fused_additions import TAKES_IN, choose_fused_additions, operands, taken_in
from dyadic.passes.integerize.integerize import fused_clamp
from dyadic.passes.integerize.place_ranges import place_ranges
from dyadic.passes.integerize.place_widths import LARGEST
from dyadic.passes.integerize.quantization import value_given, value_range
from dyadic.passes.integerize.result_parts import concats_of_results
from dyadic.passes.integerize.weight_scheme import flattened_image, given_weights
from dyadic.passes.residual_stream import residual_stream
from dyadic.passes.rewriting import defining

TAG = "qd.tag"


@dataclass(frozen=True)
class WeightPoint:
    """Weights `[O, I/groups, KH, KW]` or `[O, K]`; `macs` of one image, over all layers that share them."""

    name: str  # of the first layer
    layers: tuple[str, ...]
    kind: str  # conv2d, depthwise or linear
    slot: int  # of the constant, in the plan
    shape: tuple[int, ...]
    macs: int
    reads: tuple[str, ...]  # the activation points that its layers read
    grouped: bool  # whether a result has several input channels, along which groups lie
    given: str = ""  # the scheme that the model itself says

    def with_kernel(self, scheme: str) -> str:
        """The scheme, without groups where there are none; what the model gives, but for float."""
        if self.given and scheme != FLOAT:
            return self.given
        return scheme if self.grouped else scheme.partition("g")[0]


@dataclass(frozen=True)
class ActivationPoint:
    """Tensors of one type; `elements` of one image, `most` the largest width that all their readers have.

    `usual` is the width where nothing else is said: 16 in a residual stream and where a reader wants it, 8 elsewhere.
    """

    name: str  # of the first layer that makes one, or of the input
    slots: tuple[int, ...]  # in the plan, those that are rounded
    elements: int
    most: int
    usual: int = 8
    given: int = 0  # the width that the model itself says, or the user of results

    def allowed(self, bits: int) -> int:
        """The nearest width to `bits` that there may be."""
        return self.given or min(bits, self.most)

    def at(self, bits: int) -> int:
        """The nearest width to `bits` that a network of one width has here: never fewer than 16 in a stream."""
        if self.given:
            return self.given
        return self.usual if self.usual > 8 else min(bits, self.most)


class Points:
    """The choices of a calibrated `qd` module.

    `module` is a copy in which ranges are placed as integerize places them (exact on the float graph), `plan` its plan.
    `ranges` are those of every slot that is rounded, `ranges_at(bits)` those that it has at a width. `result_of` says
    which activation point holds a layer's result, under the names of the original module. `additions` says by the name
    of a layer which addition takes in its accumulator; that has a step of its own where the layer is float.
    """

    def __init__(self, module: ir.Module) -> None:
        original = make_plan(module)
        names = {step.output: step.name for step in original.steps}
        self.module = prepared(module, original)
        self.plan: Plan = make_plan(self.module)
        taken = {*names.values(), *self.plan.arguments}
        self.names = {step.output: names.get(_tag(step)) or new_name(step.name, taken) for step in self.plan.steps}
        self._slots = {step.op.out: step.output for step in self.plan.steps}
        arguments = main_function(self.module).operation.regions[0].blocks[0].arguments
        self._slots |= {value: i for i, value in enumerate(arguments)}
        self._values = {slot: value for value, slot in self._slots.items()}
        self.argument_names = {slot: name for name, slot in self.plan.arguments.items() if self._typed(slot)}
        self._apart = concats_of_results(main_function(self.module).operation.regions[0].blocks[0])
        self._parent = {slot: slot for slot in self._slots.values()}
        self._join()
        self.ranges = {slot: value_range(self._values[slot]) for slot in self._values if self._rounded(slot)}
        self._ranges_at = {bits: self._ranges_of_width(module, bits) for bits in qd.RANGE_AT}
        self.activations = self._activations()
        made = self.argument_names | {s.output: self.names[s.output] for s in self.plan.steps if _tag(s) is not None}
        self.result_of = {name: self._point_of[self._find(slot)] for slot, name in made.items() if self._typed(slot)}
        self.weights = self._weights()
        adds = {self.names[step.output]: self.taken_in(step.op) for step in self.plan.steps}
        self.additions = {conv: add for add, conv in adds.items() if conv is not None}

    def _join(self) -> None:
        """Tensors of one type, and what is fused with what."""
        for step in self.plan.steps:
            op = step.op
            if qd.keeps_range(op):
                self._union(op.x, op.out)
            elif qd.joins_ranges(op):
                for operand in op.operation.operands:
                    self._union(operand, op.out)
            elif (tail := fused_clamp(op)) is not None:
                self._union(op.out, tail.out)
            elif _tag(step) is None and next(iter(op.out.uses)).owner.opview.inserted is not None:
                self._union(op.x, op.out)  # makes room for what is padded: another range, but the width of the input
            if TAKES_IN in op.operation.attributes:
                self._union(operands(op)[0], op.out)

    def _union(self, a: ir.Value, b: ir.Value) -> None:
        if isinstance(defining(a), qd.ConstantOp):
            return
        first, second = sorted((self._find(self._slots[a]), self._find(self._slots[b])))
        self._parent[second] = first

    def _find(self, slot: int) -> int:
        while self._parent[slot] != slot:
            slot = self._parent[slot]
        return slot

    def taken_in(self, op: Any) -> str | None:
        """The layer whose accumulator `op` keeps, by name; None where it is no addition that does."""
        if TAKES_IN not in op.operation.attributes:
            return None
        return self.names[self._slots[operands(op)[0]]]

    def _typed(self, slot: int) -> bool:
        """Whether it has a type to choose: what counts is whole as it is."""
        return not is_integer(self._values[slot])

    def _rounded(self, slot: int) -> bool:
        """Whether integerize makes integers of this tensor."""
        op = defining(self._values[slot])
        if not self._typed(slot):
            return False
        if op is None:
            return True
        if op.operation in self._apart:
            return False
        return fused_clamp(op) is None and not (isinstance(op, qd.Layer) and taken_in(op))

    def ranges_at(self, bits: int) -> dict[int, tuple[float, float]]:
        """(low, high) of every slot that is rounded, if all had so many bits."""
        return self._ranges_at.get(bits, self.ranges)

    def _ranges_of_width(self, module: ir.Module, bits: int) -> dict[int, tuple[float, float]]:
        """As `ranges`, from a copy in which every tensor has the range for so many bits."""
        copy = module.operation.clone()
        take_all_ranges_of(copy, bits)
        there = prepared(copy, make_plan(copy))
        steps = {_tag(step): step.op.out for step in make_plan(there).steps}
        values = dict(enumerate(main_function(there).operation.regions[0].blocks[0].arguments))
        for step in self.plan.steps:
            if _tag(step) in steps and _tag(step) is not None:
                values[step.output] = steps[_tag(step)]
        return {slot: value_range(values[slot]) if slot in values else own for slot, own in self.ranges.items()}

    def _activations(self) -> dict[str, ActivationPoint]:
        members: dict[int, list[int]] = {}
        for slot in filter(self._typed, sorted(self._parent)):
            members.setdefault(self._find(slot), []).append(slot)
        self._point_of: dict[int, str] = {}
        points: dict[str, ActivationPoint] = {}
        block = main_function(self.module).operation.regions[0].blocks[0]
        stream = {self._slots[value] for value in residual_stream(block)}
        for root, slots in members.items():
            rounded = tuple(slot for slot in slots if slot in self.ranges)
            name = self.argument_names.get(rounded[0]) or self.names[rounded[0]]
            most = min((widest(use.owner.opview) for slot in slots for use in self._values[slot].uses), default=16)
            elements = sum(prod(shape(self._values[slot])[1:]) for slot in rounded)
            wide = any(read_wide(use) for slot in slots for use in self._values[slot].uses)
            usual = 16 if wide or not stream.isdisjoint(slots) else 8
            said = {kind.bits for slot in rounded if (kind := value_given(self._values[slot])) is not None}
            said = said or {LARGEST for slot in slots for use in self._values[slot].uses if returned_wide(use)}
            points[name] = ActivationPoint(name, rounded, elements, max(most, usual), usual, max(said, default=0))
            self._point_of[root] = name
        return points

    def _weights(self) -> dict[str, WeightPoint]:
        readers: dict[int, list[Step]] = {}
        for step in self.plan.steps:
            if isinstance(step.op, qd.Layer) and step.inputs[1] in self.plan.constants:
                readers.setdefault(step.inputs[1], []).append(step)
        points = {}
        for slot, steps in readers.items():
            weight, first = shape(steps[0].op.weight), steps[0].op
            pixels = [prod(shape(step.op.out)[1:]) // weight[0] for step in steps]
            kind = first.operation.name.removeprefix("qd.")
            if weight[1] == 1 and first.group_count > 1:
                kind = "depthwise"
            layers = tuple(self.names[step.output] for step in steps)
            reads = tuple(dict.fromkeys(self._point_of[self._find(step.inputs[0])] for step in steps))
            macs = sum(pixels) * prod(weight)
            grouped = all(several_channels(step.op) for step in steps)
            given = given_weights(first)
            scheme = "" if given is None else f"w{given[qd.WEIGHT_BITS].value}"
            points[layers[0]] = WeightPoint(layers[0], layers, kind, slot, tuple(weight), macs, reads, grouped, scheme)
        return points


def prepared(module: ir.Module | ir.Operation, plan: Plan) -> ir.Operation:
    """A copy with the ranges that integerize gives; its ops are tagged with their slots in `plan`."""
    with module.context:
        tag = ir.IntegerType.get_signless(64)
        for step in plan.steps:
            step.op.operation.attributes[TAG] = ir.IntegerAttr.get(tag, step.output)
        copy = module.operation.clone()
        for step in plan.steps:
            del step.op.operation.attributes[TAG]
        for one in (place_ranges, choose_fused_additions, align_residuals):
            one.run(copy)
    return copy


def widest(reader: Any) -> int:
    """Bits that an op reads at most; what returns results reads any."""
    return reader.widest_input if isinstance(reader, qd.Operator) else 16


def read_wide(use: Any) -> bool:
    """Whether its reader takes a value with 16 bits, whatever is chosen."""
    reader = use.owner.opview
    return isinstance(reader, qd.Operator) and use.operand_number in reader.wide_operands


def returned_wide(use: Any) -> bool:
    """Whether it is a result of which the user wants 16 bits."""
    owner = use.owner.opview
    if isinstance(owner, qd.Operator):
        return False
    return qd.BITS in argument_attributes(owner.operation.parent.opview, use.operand_number, RESULTS)


def new_name(name: str, taken: set[str]) -> str:
    """A name for an identity clamp that integerize adds and that has its reader's: with as many `'` as it takes."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def several_channels(op: Any) -> bool:
    """Whether a result of this layer has more than one input channel."""
    image = flattened_image(defining(op.x)) if isinstance(op, qd.LinearOp) else None
    return (shape(op.weight)[1] if image is None else image[0]) > 1


def _tag(step: Step) -> Any:
    attributes = step.op.operation.attributes
    return attributes[TAG].value if TAG in attributes else None
